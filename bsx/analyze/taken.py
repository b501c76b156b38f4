"""What must be known of the size and the rate that are recommended, before they are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bsx.schema import (
    Caution,
    Estimate,
    Facts,
    Metric,
    Point,
    Recommendation,
    RunStatus,
    rate_of,
    tuned_of,
)
from bsx.stats.ends import known
from bsx.stats.paired import paired_difference, rounding
from bsx.stats.sizes import SizeEvidence


def with_its_end(
    sizes: Sequence[SizeEvidence], recommendation: Recommendation | None, facts: Facts
) -> Recommendation | None:
    """Add how much worse the recommended rate ends than the one that quality is judged at."""
    metric, grain = facts.metric, facts.grain(facts.metric, "validation")
    if recommendation is None:
        return None
    size, taken = _taken(sizes, recommendation)
    final = size.final
    if taken is None or final is None or final.choice.rate == taken:
        return recommendation
    ends = size.runs.final("validation", metric.name)
    best, mine = (known(ends[point]) for point in (final.choice.rate, taken))
    sign = 1.0 if metric.higher_is_better else -1.0
    worse = paired_difference(
        {seed: sign * value for seed, value in best.items()},
        {seed: sign * value for seed, value in mine.items()},
        each=rounding(grain, grain),
    )
    return replace(recommendation, ends_worse=worse)


def taken_cautions(
    sizes: Sequence[SizeEvidence],
    recommendation: Recommendation | None,
    metric: Metric,
    tolerance: float,
) -> list[Caution]:
    """Say where the recommended rate ends worse than the one quality is judged at, or diverges.

    ``recommendation``: as :func:`with_its_end` returns it. ``tolerance``: how much worse is of no
    matter, as :meth:`bsx.schema.Metric.margin` reads it.
    """
    if recommendation is None:
        return []
    size, taken = _taken(sizes, recommendation)
    if taken is None:
        return []
    worse = recommendation.ends_worse
    return [*_ends_worse(size, taken, worse, metric, tolerance), *_diverges(size, taken)]


def _taken(
    sizes: Sequence[SizeEvidence], recommendation: Recommendation
) -> tuple[SizeEvidence, Point | None]:
    """The size, and the rate or trial among those that were run, that are recommended."""
    size = next(s for s in sizes if s.batch_size == recommendation.batch_size)
    asked = recommendation.learning_rate, dict(recommendation.tuned)
    point = next((p for p in size.runs.records if (rate_of(p), tuned_of(p)) == asked), None)
    return size, point


def _ends_worse(
    size: SizeEvidence, taken: Point, worse: Estimate | None, metric: Metric, tolerance: float
) -> list[Caution]:
    final = size.final
    if final is None or worse is None or worse.value is None:
        return []
    best = list(known(size.runs.final("validation", metric.name)[final.choice.rate]).values())
    mean = sum(best) / len(best) if best else 0.0
    if worse.value <= metric.margin(tolerance, mean):
        return []
    if worse.low is None or worse.low <= 0:  # the best of several rates always looks better
        return []
    values = {
        "metric": metric.name,
        "bounded": metric.bounded,
        "worse": worse,
        "learning_rate": rate_of(taken),
        "best": rate_of(final.choice.rate),
        "best_tuned": tuned_of(final.choice.rate),
    }
    return [Caution("rate_ends_worse", values, size.batch_size)]


def _diverges(size: SizeEvidence, taken: Point) -> list[Caution]:
    row = size.runs.records[taken].values()
    diverged = sum(record.status is RunStatus.DIVERGED for record in row)
    if not diverged:
        return []
    values = {"diverged": diverged, "runs": len(row)}
    return [Caution("taken_diverges", values, size.batch_size)]
