"""What came of it: the records that are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bsx.schema.asked import SweepConfig
from bsx.schema.curve import Curve, CurvePoint
from bsx.schema.diagnosed import DiagnosticRecord
from bsx.schema.known import CostModel, Facts
from bsx.schema.work import Run


class RunStatus(StrEnum):
    """How a run ended; every one of them is a result."""

    COMPLETED = "completed"
    DIVERGED = "diverged"
    DOMINATED = "dominated"  # clearly behind at a rung, and not trained on
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


# A run with one of these is never trained again.
SETTLED = frozenset({RunStatus.COMPLETED, RunStatus.DIVERGED, RunStatus.OUT_OF_MEMORY})


def settled_of(config: SweepConfig) -> frozenset[RunStatus]:
    """Return the statuses of runs that a sweep does not train again: with halving, one more."""
    return SETTLED | {RunStatus.DOMINATED} if config.learning_rates.halving else SETTLED


@dataclass(frozen=True)
class RunRecord:
    """A run and what came of it. ``stopped_at`` is the last step taken with a finite loss.

    ``curve`` may be given as any points; it is kept as a :class:`Curve`.
    """

    run: Run
    status: RunStatus
    curve: Sequence[CurvePoint] = ()
    final: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # split → metric → value
    stopped_at: int = 0
    train_seconds: float = 0.0
    environment: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "curve", Curve.of(self.curve))

    @property
    def run_id(self) -> str:
        """The identity of the run."""
        return self.run.run_id


@dataclass(frozen=True)
class SpeedRecord:
    """How fast one batch size runs alone: seconds per step of each draw, and the peak memory.

    ``step_joules``: the energy of a step, of each draw; empty where the device does not count it.
    ``timed``: what was timed, the same for all visits to it; empty where there was but one.
    """

    unit_id: str
    batch_size: int
    loop: str
    status: RunStatus
    step_seconds: tuple[float, ...] = ()  # one a draw: the mean over the draw's steps
    peak_memory_bytes: int | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    step_joules: tuple[float, ...] = ()
    timed: str = ""

    @property
    def same_as(self) -> str:
        """What records of one and the same thing have in common."""
        return self.timed or self.unit_id


@dataclass(frozen=True)
class MemoryRecord:
    """Whether one batch size completes full steps within the memory, and their peak, in bytes."""

    batch_size: int
    status: RunStatus
    peak_memory_bytes: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class Notice:
    """What a worker must tell the reader, in a line; it is not stored."""

    line: str


Record = RunRecord | SpeedRecord | MemoryRecord | DiagnosticRecord | CostModel | Notice


@dataclass(frozen=True)
class Sweep:
    """A stored sweep: what was asked, what was known, and how far it came."""

    sweep_id: str
    config: SweepConfig
    facts: Facts
    environment: Mapping[str, Any]
    status: str  # running | complete | stopped | out_of_time | failed
    created: str  # ISO 8601, UTC
