"""Steps to a target that were measured elsewhere, and what the trade-off fitted to them says."""

from __future__ import annotations

from dataclasses import dataclass

from bsx.schema.analysis import TargetSummary, ToTarget
from bsx.schema.quantity import Caution, Estimate


@dataclass(frozen=True, slots=True)
class Pair:
    """A batch size with its steps to a target; ``reached`` False: not within so many steps."""

    batch_size: int
    steps: float
    reached: bool = True
    learning_rate: float | None = None
    seed: int = 0
    target: str | None = None  # its name, where a file has several


@dataclass(frozen=True)
class FittedSize:
    """What the fitted curve says of one batch size and target.

    ``deviation``: how much the measured steps lie above the curve, as a share. ``efficiency``: the
    fewest samples that reach the target, E_min, as a share of those that this size takes; None
    where the target was not reached, as the samples that it would take are not known.
    """

    steps: Estimate | None
    deviation: float | None
    efficiency: Estimate | None


@dataclass(frozen=True)
class PairedSize:
    """One batch size, with an entry for each target."""

    batch_size: int
    runs: int
    seeds: int
    to_target: tuple[ToTarget, ...]
    fitted: tuple[FittedSize, ...]


@dataclass(frozen=True)
class Pairs:
    """Everything that pairs say. ``scatter``, one a target: the standard deviation of the measured
    steps about the curve, as a share; None where the points are too few.
    """

    file: str
    train_samples: int | None
    targets: tuple[TargetSummary, ...]
    scatter: tuple[float | None, ...]
    batch_sizes: tuple[PairedSize, ...]
    cautions: tuple[Caution, ...]
