"""Runs in MLflow: an experiment ``bsx``, in it a run for each sweep, and nested in that its runs.

A folder is made a SQLite store with its artifacts beside it; a server is named by its URI. A run
that was not finished, because bsx was killed, is taken away and logged anew; so is one that came to
something else then, which a tag tells. MLflow keeps what is taken away until ``mlflow gc``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from bsx.errors import ConfigError, DataError
from bsx.exchange.trackers.runs import Summary, TrackedRun, plainly

EXPERIMENT = "bsx"
_FILE = "mlflow.db"
RUN_ID, SWEEP_ID, _MARK = "bsx.run_id", "bsx.sweep_id", "bsx.mark"
_MOST_AT_ONCE = 900  # metrics of one request; MLflow takes a thousand
_PARENT, _NAME = "mlflow.parentRunId", "mlflow.runName"
# Others FAILED; what it was stands in a tag
_ENDED = {"completed": "FINISHED", "dominated": "KILLED"}
# A server that does not answer must not hold up a sweep for the quarter of an hour of the default
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true"}


class _Known(NamedTuple):
    run_id: str  # MLflow's
    mark: str | None  # of what it came to; none before these were written


class MLflow:
    """Runs of one sweep in one MLflow store.

    Raises:
        ConfigError: where there is no mlflow.
        DataError: where it cannot be written, or was left half made.
    """

    def __init__(self, where: str, sweep: str, sweep_id: str, *, force: bool = False) -> None:
        self.name = f"mlflow:{where}"
        self._client = _client(where)
        self._where, self._force = where, force
        with _plainly(self._where):
            self._experiment = self._made_experiment(where)
            self._sweep_id = sweep_id
            self._parent = self._made_parent(sweep)
            self._logged = self._children()

    def log(self, runs: Iterable[TrackedRun]) -> int:
        """Log those that are not there yet, were not finished, or came to something else."""
        count = 0
        for run in runs:
            with _plainly(self._where):
                known = self._logged.get(run.run_id)
                if known is not None and known.mark == run.mark and not self._force:
                    continue
                self._logged[run.run_id] = _Known(self._log(run), run.mark)
                if known is not None:  # only now: a kill before loses nothing
                    self._client.delete_run(known.run_id)
                count += 1
        return count

    def summarize(self, summary: Summary) -> None:
        """Put down the headline and the texts at the sweep's run."""
        with _plainly(self._where):
            for name, value in summary.headline.items():
                self._client.set_tag(self._parent, f"bsx.{name}", str(value))
            for file, content in summary.texts.items():
                self._client.log_text(self._parent, content, file)
            self._client.set_terminated(self._parent)

    def close(self) -> None:
        """Everything is logged."""

    def _log(self, run: TrackedRun) -> str:
        from mlflow.entities import Metric, Param, RunTag

        tags = {_PARENT: self._parent, _NAME: run.name, RUN_ID: run.run_id,
                SWEEP_ID: self._sweep_id, _MARK: run.mark, "bsx.status": run.status}  # fmt: skip
        began = int(run.began * 1000)
        made = self._client.create_run(self._experiment, start_time=began)
        run_id: str = made.info.run_id
        params = [Param(name, str(value)) for name, value in run.params.items()]
        told = [RunTag(name, value) for name, value in tags.items()]
        self._client.log_batch(run_id, params=params, tags=told)
        metrics = (
            Metric(name, value, began + int(point.seconds * 1000), point.step)
            for point in run.points
            for name, value in point.values.items()
        )
        end = began + int((run.points[-1].seconds if run.points else 0.0) * 1000)
        ends = (Metric(f"end/{n}", v, end, run.last_step) for n, v in run.ends.items())
        for some in _chunks(metrics):
            self._client.log_batch(run_id, metrics=some)
        for some in _chunks(ends):
            self._client.log_batch(run_id, metrics=some)
        self._client.set_terminated(run_id, _ENDED.get(run.status, "FAILED"), end)
        return run_id

    def _made_experiment(self, where: str) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None and found.lifecycle_stage == "active":
            return str(found.experiment_id)
        artifacts = None if _is_uri(where) else (Path(where).absolute() / "artifacts").as_uri()
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=artifacts))

    def _made_parent(self, sweep: str) -> str:
        for run in self._found():
            if RUN_ID not in run.data.tags:
                if run.data.tags.get(_NAME) != sweep:
                    self._client.set_tag(run.info.run_id, _NAME, sweep)
                return str(run.info.run_id)
        tags = {_NAME: sweep, SWEEP_ID: self._sweep_id}
        return str(self._client.create_run(self._experiment, tags=tags).info.run_id)

    def _children(self) -> dict[str, _Known]:
        """Return those that were logged whole, each once, by the run's id here."""
        found: dict[str, _Known] = {}
        for run in list(self._found()):
            tags = run.data.tags
            known = tags.get(RUN_ID)
            unfinished = run.info.status == "RUNNING" and (known or tags.get(_PARENT))
            if unfinished or known in found:
                self._client.delete_run(run.info.run_id)
            elif known:
                found[known] = _Known(str(run.info.run_id), tags.get(_MARK))
        return found

    def _found(self) -> Iterator[Any]:
        """Yield what MLflow has of this sweep."""
        wanted, token = f"tags.`{SWEEP_ID}` = '{self._sweep_id}'", None
        while True:
            page = self._client.search_runs([self._experiment], wanted, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def _client(where: str) -> Any:
    for name, value in {**_PATIENCE, **_QUIET}.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise ConfigError("mlflow is not installed: pip install 'bsx[mlflow]'") from None
    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    if _is_uri(where):
        with _plainly(where):
            return MlflowClient(tracking_uri=where)
    file = Path(where).absolute() / _FILE
    with _plainly(where), _half_made(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _make(file, MlflowClient)
        return MlflowClient(tracking_uri=_uri(file))


def _make(file: Path, client: Callable[..., Any]) -> None:
    """Make a store without runs. Its tables take seconds; it appears when it has all of them."""
    with tempfile.TemporaryDirectory(
        dir=file.parent, prefix=".new-", ignore_cleanup_errors=True
    ) as folder:
        made, whole = Path(folder) / file.name, Path(folder) / "whole"
        client(tracking_uri=_uri(made))
        shutil.copyfile(made, whole)  # MLflow has the other one open still
        if not file.exists():  # unless another process was quicker
            whole.replace(file)


@contextlib.contextmanager
def _half_made(file: Path) -> Iterator[None]:
    """Say what to do with a store that was left without some of its tables."""
    try:
        yield
    except Exception as error:
        if "already exists" not in str(error):
            raise
        raise DataError(
            f"{file} was never finished, and MLflow cannot use it; delete it, or name another "
            "folder"
        ) from None


def _uri(file: Path) -> str:
    return f"sqlite:///{file}"


def _plainly(where: str) -> contextlib.AbstractContextManager[None]:
    return plainly(f"log to MLflow at {where}")


def _is_uri(where: str) -> bool:
    return "://" in where


def _chunks(metrics: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(metrics)
    while some := list(islice(left, _MOST_AT_ONCE)):
        yield some
