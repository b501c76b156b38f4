"""Every learning rate that was tried at one batch size: what becomes of its runs.

Nothing is chosen here; what the choice among them costs in honesty is for ``selection``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bsx.schema import Estimate, Metric, RateSummary, RateToTarget, RunStatus, rate_of, tuned_of
from bsx.stats.curves import SizeRuns
from bsx.stats.ends import bounds_of
from bsx.stats.growth import mapped
from bsx.stats.intervals import mean_estimate
from bsx.stats.steps_to_target import Crossing, summarize
from bsx.stats.summaries import TargetEvidence


def rate_summaries(
    runs: SizeRuns,
    targets: Sequence[TargetEvidence],
    metric: Metric,
    iterations: Callable[[float], float] = float,
    grain: float = 0.0,
) -> tuple[RateSummary, ...]:
    """Summarize each rate that was tried, from small to large.

    Args:
        runs: of one batch size.
        targets: how it reaches each target, every rate's crossings with it.
        metric: the one that quality is judged by.
        iterations: what batches of the size are in iterations, where they grow.
        grain: the step that the metric moves in on validation.
    """
    ends = runs.final("validation", metric.name)
    return tuple(
        RateSummary(
            rate_of(rate),
            len(row),
            sum(record.status is RunStatus.DIVERGED for record in row.values()),
            tuple(_to_target(target.tried.get(rate, {}), iterations) for target in targets),
            _ended(ends[rate], metric, grain),
            tuned_of(rate),
            sum(record.status is RunStatus.DOMINATED for record in row.values()),
        )
        for rate, row in runs.records.items()
    )


def _to_target(
    crossings: Mapping[int, Crossing], iterations: Callable[[float], float]
) -> RateToTarget:
    found = list(crossings.values())
    reached = sum(crossing.step is not None for crossing in found)
    steps = mapped(summarize(found), iterations)
    return RateToTarget(steps, reached / len(found) if found else None)


def _ended(row: Mapping[int, float | None], metric: Metric, grain: float) -> dict[str, Estimate]:
    values = [value for value in row.values() if value is not None]
    estimate = mean_estimate(values, bounds=bounds_of(metric), grain=grain)
    return {} if estimate is None else {metric.name: estimate}
