"""Runs for Weights & Biases, offline: nothing is sent; ``wandb sync`` does that when you say so.

    FOLDER/wandb/offline-run-…/run-ID.wandb

Which runs were written whole stands in a file beside them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bsx.errors import BsxError, ConfigError, DataError
from bsx.exchange.exports.writing import made_folder
from bsx.exchange.trackers.runs import Summary, TrackedRun

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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                import wandb
            except ImportError:
                raise ConfigError("wandb is not installed: pip install 'bsx[wandb]'") from None
        self._wandb = wandb
        made_folder(self._folder)
        self._list = self._folder / _WRITTEN
        with self._plainly():
            known = self._list.read_text("utf-8").split() if self._list.exists() else []
        self._known = set() if force else set(known)

    def log(self, runs: Iterable[TrackedRun]) -> int:
        """Write those that are not there yet."""
        count = 0
        for run in runs:
            if run.run_id not in self._known:
                with self._plainly():
                    self._write(run)
                self._known.add(run.run_id)
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
        with self._begun(run.run_id, run.name, "run", dict(run.params)) as made:
            for point in run.points:
                made.log(dict(point.values), step=point.step)
            for name, value in run.ends.items():
                made.summary[f"end/{name}"] = value
            made.summary["status"] = run.status
        with self._list.open("a", encoding="utf-8") as file:
            file.write(f"{run.run_id}\n")

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

    @contextlib.contextmanager
    def _plainly(self) -> Iterator[None]:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            yield
        except BsxError:
            raise
        except Exception as error:
            first = str(error).strip().partition("\n")[0] or type(error).__name__
            raise DataError(f"cannot write W&B runs in {self._folder}: {first[:300]}") from None
