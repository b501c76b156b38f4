"""Critical batch sizes along a run → batch sizes that grow with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bsx.schema import BranchPoint, Warmup, WarmupStage


def warmup(
    points: Sequence[BranchPoint], rates: Mapping[int, float], base: int, trunk_steps: int
) -> Warmup | None:
    """Return the warm-up that the points imply; None where none of them tells anything.

    From each point on the batch is the largest that is shown to be as good there *and* at every
    later point, so that chance at one point cannot make it too large for the next. At the trunk's
    end there is nothing left to train.

    Args:
        points: from early to late.
        rates: the learning rate of each size.
        base: the batch size of the trunk, which also begins the warm-up.
        trunk_steps: the trunk's length.
    """
    told = [point for point in points if point.critical_batch_size is not None]
    if not told or base not in rates:
        return None
    stages = [WarmupStage(0, 0.0, base, rates[base])]
    for place, point in enumerate(told):
        size = min(_shown(later, base) for later in told[place:])
        if point.samples >= trunk_steps * base:
            break  # the run is over: nothing would be trained at that size
        if size > stages[-1].batch_size:
            stages.append(WarmupStage(point.samples, point.epoch, size, rates[size]))
    ends = [*stages[1:], WarmupStage(trunk_steps * base, 0.0, base, 0.0)]
    steps = sum(
        -(-(min(after.samples, trunk_steps * base) - stage.samples) // stage.batch_size)
        for stage, after in zip(stages, ends, strict=True)
    )
    return Warmup(tuple(stages), steps, trunk_steps)


def _shown(point: BranchPoint, base: int) -> int:
    """Return the largest size shown to be as good as the base size at a point."""
    return max([base, *(b.batch_size for b in point.branches if b.verdict == "as_good")])
