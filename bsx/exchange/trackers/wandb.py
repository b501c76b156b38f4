"""Runs for Weights & Biases, offline: nothing is sent; ``wandb sync`` does that when you say so.

    FOLDER/wandb/offline-run-…/run-ID.wandb

Which runs were written whole, of which sweep and what they came to stands in a file beside them, a
line for each. A run is one here, whichever sweeps share it: its id is that of the run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bsx.errors import ConfigError
from bsx.exchange.trackers.runs import Summary, TrackedRun, plainly

PROJECT = "bsx"
_WRITTEN = "bsx-written.txt"


class Wandb:
    """Offline runs below a folder.

    Raises:
        ConfigError: where there is no wandb.
        DataError: where they cannot be written.
    """

    def __init__(self, where: str, sweep: str, sweep_id: str, *, force: bool = False) -> None:
        self.name = f"wandb:{where}"
        self._folder, self._sweep, self._sweep_id = Path(where), sweep, sweep_id
        self._force = force
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                import wandb
            except ImportError:
                raise ConfigError("wandb is not installed: pip install 'bsx[wandb]'") from None
        self._wandb = wandb
        self._list = self._folder / _WRITTEN
        with self._plainly():
            self._folder.mkdir(parents=True, exist_ok=True)
            lines = self._list.read_text("utf-8").splitlines() if self._list.exists() else []
        told = (line.split() for line in lines if line.strip())
        self._known = {run_id: tuple(rest) for run_id, *rest in told}

    def log(self, runs: Iterable[TrackedRun]) -> int:
        """Write those that are not there yet, or came to something else."""
        count = 0
        for run in runs:
            if self._force or run.mark not in self._known.get(run.run_id, ()):
                with self._plainly():
                    self._write(run)
                count += 1
        return count

    def summarize(self, summary: Summary) -> None:
        """Write a run of the sweep itself, whose step is the batch size."""
        rows = [
            {k: v for k, v in row.items() if isinstance(v, int | float) and not isinstance(v, bool)}
            for row in summary.rows
        ]
        with self._plainly(), self._begun(self._sweep_id, self._sweep, "sweep", {}) as run:
            for row in rows:
                run.log(row, step=int(row.get("batch_size", 0)))
            for name, value in summary.headline.items():
                run.summary[name] = value

    def close(self) -> None:
        """End the process that writes."""
        with contextlib.suppress(Exception):
            self._wandb.teardown()

    def _write(self, run: TrackedRun) -> None:
        if run.run_id in self._known:  # not there whole until it is written again
            self._put_down(run.run_id)
        with self._begun(run.run_id, run.name, "run", dict(run.params)) as made:
            for point in run.points:
                made.log(dict(point.values), step=point.step)
            for name, value in run.ends.items():
                made.summary[f"end/{name}"] = value
            made.summary["status"] = run.status
        self._known[run.run_id] = (self._sweep_id, run.mark)
        self._put_down(run.run_id, *self._known[run.run_id])

    def _put_down(self, *told: str) -> None:
        with self._list.open("a", encoding="utf-8") as file:
            file.write(f"{' '.join(told)}\n")

    @contextlib.contextmanager
    def _begun(self, run_id: str, name: str, kind: str, params: dict[str, Any]) -> Iterator[Any]:
        for left in (self._folder / "wandb").glob(f"offline-run-*-{run_id}"):
            shutil.rmtree(left)  # of a run that was not written whole, or is written anew
        run = self._wandb.init(
            project=PROJECT,
            group=self._sweep,
            job_type=kind,
            name=name,
            id=run_id,
            config=params,
            dir=str(self._folder),
            mode="offline",
            reinit="create_new",
            settings=self._wandb.Settings(
                silent=True,
                console="off",
                disable_code=True,
                disable_git=True,
                save_code=False,
                x_disable_stats=True,
                x_disable_meta=True,
            ),
        )
        try:
            yield run
        finally:
            run.finish()

    def _plainly(self) -> contextlib.AbstractContextManager[None]:
        return plainly(f"write W&B runs in {self._folder}")
