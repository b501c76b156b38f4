"""Records as trackers take them: parameters, and numbers by step; and what a tracker is."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from bsx.errors import BsxError, DataError
from bsx.schema import (
    SETTLED,
    RunRecord,
    RunStatus,
    Sweep,
    digest,
    point_of,
    rate_of,
    tuned_of,
)

VALIDATION, RUNNING_LOSS = "validation", "train/running_loss"
_LOGGED = SETTLED | {RunStatus.DOMINATED}


class Point(NamedTuple):
    """One evaluation: the numbers known there, by name; ``seconds`` of training until then."""

    step: int
    seconds: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class TrackedRun:
    """One run. ``params`` are what it was trained with, ``ends`` what was measured at its end."""

    run_id: str
    name: str
    params: Mapping[str, int | float | str]
    points: tuple[Point, ...]
    ends: Mapping[str, float]
    status: str
    began: float  # seconds since the epoch: of the sweep, runs keep none

    @property
    def last_step(self) -> int:
        """The step at which it was evaluated last."""
        return self.points[-1].step if self.points else 0

    @property
    def mark(self) -> str:
        """A digest of what the run came to: one that was trained again has another.

        The sweep's name is left out: runs are shared by sweeps, and sweeps get other names.
        """
        params = {name: value for name, value in self.params.items() if name != "sweep"}
        return digest([params, self.points, self.ends, self.status], 16)


@dataclass(frozen=True)
class Summary:
    """What a sweep comes to: rows a batch size, one for each; and texts to be kept, by file."""

    rows: Sequence[Mapping[str, Any]]
    texts: Mapping[str, str]
    headline: Mapping[str, float | str]


class Tracker(Protocol):
    """Where runs are logged."""

    name: str

    def log(self, runs: Iterable[TrackedRun]) -> int:
        """Log those that are not there yet, or came to something else then; return how many."""

    def summarize(self, summary: Summary) -> None:
        """Put down what the sweep comes to, in place of what it came to before."""

    def close(self) -> None:
        """Let it go."""


@contextlib.contextmanager
def plainly(cannot: str) -> Iterator[None]:
    """Tell in a line what a tracker's library, its database or the network complain of."""
    try:
        yield
    except BsxError:
        raise
    except Exception as error:
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(f"cannot {cannot}: {first[:300]}") from None


def title(sweep: Sweep) -> str:
    """Return the name of a sweep, or its id."""
    return sweep.config.name or sweep.sweep_id


def tracked_runs(sweep: Sweep, records: Iterable[RunRecord]) -> Iterator[TrackedRun]:
    """Yield the runs that are done with, as halving is with those that it gave up.

    One that failed is tried again some day.
    """
    began = _seconds(sweep.created)
    for record in records:
        if record.status in _LOGGED:
            yield _tracked(sweep, record, began)


def _tracked(sweep: Sweep, record: RunRecord, began: float) -> TrackedRun:
    recipe, point = record.run.recipe, point_of(record.run, sweep.config.search)
    command = sweep.config.command
    rate = None if command and not command.program.takes_rate else rate_of(point)
    tuned = tuned_of(point)
    params: dict[str, int | float | str] = {"batch_size": recipe.batch_size}
    if rate is not None:
        params["learning_rate"] = rate
    params |= {**tuned, "seed": record.run.seed, "steps": recipe.steps}
    if recipe.trunk is not None:
        params["trunk_steps"] = recipe.trunk.steps
    params |= {"dataset": sweep.facts.dataset_name, "sweep": title(sweep)}
    if command is None:
        params |= {"model": recipe.model.name, "optimizer": recipe.optimizer.name}
    parts = [f"b{recipe.batch_size}", *([] if rate is None else [f"lr{rate:.6g}"])]
    parts += [f"{name}{value:.6g}" for name, value in tuned.items()]
    parts += [f"t{recipe.trunk.steps}"] if recipe.trunk else []
    return TrackedRun(
        record.run_id,
        "-".join([*parts, f"s{record.run.seed}"]),
        params,
        tuple(_points(record)),
        {
            f"{part}/{name}": value
            for part, values in record.final.items()
            for name, value in values.items()
            if part != VALIDATION and math.isfinite(value)
        },
        str(record.status),
        began,
    )


def _points(record: RunRecord) -> Iterator[Point]:
    seconds = 0.0
    for point in record.curve:
        found = {
            **{f"{VALIDATION}/{name}": value for name, value in point.metrics.items()},
            f"{VALIDATION}/loss": point.validation_loss,
            RUNNING_LOSS: point.train_loss,
            "epoch": point.epoch,
        }
        known = {name: value for name, value in found.items() if math.isfinite(value)}
        if math.isfinite(point.train_seconds):
            seconds = point.train_seconds
        yield Point(point.step, seconds, known)


def _seconds(created: str) -> float:
    try:
        return datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0
