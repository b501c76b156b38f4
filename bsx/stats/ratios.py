"""How many times as much one arm takes to a target as another, where each is read off evaluations.

Both arms' steps are known to the spacing of their evaluations. Seeds share that error, and so it
does not shrink with their number: beside the spread of the seeds' ratios it adds resolution²/12 of
each arm to the variance of the log. Runs that both arms share have no such error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from bsx.schema import Estimate
from bsx.stats.growth import mapped, mapped_logs
from bsx.stats.intervals import exponential, product_estimate, reciprocal
from bsx.stats.paired import difference, rounding
from bsx.stats.summaries import TargetEvidence

_OF_SUMMARIES = "ratio of the two estimates"
_BOUND = "bound where one did not get there, against the interval of the other"


@dataclass(frozen=True)
class Count:
    """What a target takes in one arm at one size: the estimate, and what the seeds say of it.

    ``logs``: seed → log of what it took. ``runs``: seed → the id of the run looked at.
    ``complete``: whether every seed got there. ``resolution``: the mean log spacing of the
    evaluations around the crossings.
    """

    summary: Estimate | None = None
    logs: Mapping[int, float] = field(default_factory=dict)
    runs: Mapping[int, str] = field(default_factory=dict)
    complete: bool = True
    resolution: float = 0.0

    @classmethod
    def of(
        cls, evidence: TargetEvidence, runs: Mapping[int, str], to: Callable[[float], float]
    ) -> Count:
        """Count in what an increasing function makes of the batches of the evidence."""
        return cls(
            mapped(evidence.steps, to),
            mapped_logs(evidence.log_steps, to),
            runs,
            evidence.reached_fraction == 1,
            evidence.resolution_in(to),
        )


def ratio(first: Count, second: Count) -> Estimate | None:
    """Estimate second ÷ first; None where not even a bound of it is known.

    Where one did not get there the value is None, and there is one side alone: ``low`` where the
    second takes more than it was given. It is the bound over the interval of the other.
    """
    one, other = first.summary, second.summary
    if one is None or other is None:
        return None
    if one.value is None or other.value is None:
        return _bound(one, other)
    if not (first.complete and second.complete):  # those that got there alone would look fast
        return product_estimate(other, reciprocal(one), _OF_SUMMARIES)
    if same_runs(first.runs, second.runs):
        return exponential(without_error(difference(second.logs, first.logs)))
    common = rounding(first.resolution, second.resolution)
    return exponential(difference(second.logs, first.logs, common=common))


def _bound(first: Estimate, second: Estimate) -> Estimate | None:
    low = high = None
    if second.value is None and first.value is not None and first.high and second.censored_at:
        low = second.censored_at / first.high
    if first.value is None and second.value is not None and second.high and first.censored_at:
        high = second.high / first.censored_at
    if low is None and high is None:
        return None
    level, n = min(first.level, second.level), min(first.n, second.n)
    return Estimate(None, low, high, level, n, _BOUND)


def per(steps: Estimate | None, first: Estimate | None, second: Estimate | None) -> Estimate | None:
    """Return a ratio of steps times that of what a step takes in each arm; bounds stay bounds."""
    if steps is None or first is None or second is None or first.value is None:
        return None
    method = "steps × seconds per step"
    if steps.value is not None:
        return product_estimate(product_estimate(steps, second, method), reciprocal(first), method)
    speed = product_estimate(second, reciprocal(first), method)
    sides = (steps.low, speed.low), (steps.high, speed.high)
    low, high = (None if a is None or b is None else a * b for a, b in sides)
    n = min(steps.n, speed.n)
    return None if low is None and high is None else replace(steps, low=low, high=high, n=n)


def same_runs(first: Mapping[int, str], second: Mapping[int, str]) -> bool:
    """Say whether two arms look at one and the same run of every seed that they share."""
    shared = first.keys() & second.keys()
    return len(shared) > 1 and all(first[seed] == second[seed] for seed in shared)


def without_error(difference: Estimate | None) -> Estimate | None:
    """Return a difference between runs and themselves: it is known exactly."""
    if difference is None:
        return None
    return replace(difference, low=difference.value, high=difference.value)
