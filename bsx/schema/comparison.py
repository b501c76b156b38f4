"""Two sweeps, or two arms of one, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from bsx.schema.quantity import Caution, Estimate


@dataclass(frozen=True)
class ComparedSize:
    """One batch size in both arms; differences and ratios are second against first.

    Intervals are paired over the seeds that the arms share where there are such.
    """

    batch_size: int
    steps: tuple[Estimate | None, Estimate | None]
    steps_ratio: Estimate | None
    samples_ratio: Estimate | None
    seconds_ratio: Estimate | None
    validation: tuple[Estimate | None, Estimate | None]
    validation_difference: Estimate | None
    test_difference: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """What changes from the first arm to the second, size by size."""

    first: str
    second: str
    metric: str
    target_metric: str | None
    threshold: float | None
    critical_batch_size: tuple[Estimate | None, Estimate | None]
    sizes: tuple[ComparedSize, ...]
    higher_is_better: bool = True  # of the target's metric
    cautions: tuple[Caution, ...] = ()
