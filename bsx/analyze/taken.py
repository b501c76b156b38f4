"""What must be known of the size and the rate that are recommended, before they are taken."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.schema import Caution, Metric, Point, Recommendation, RunStatus, rate_of, tuned_of
from bsx.stats.ends import known
from bsx.stats.paired import paired_difference
from bsx.stats.sizes import SizeEvidence


def taken_cautions(
    sizes: Sequence[SizeEvidence], recommendation: Recommendation | None, metric: Metric,
    tolerance: float,
) -> list[Caution]:  # fmt: skip
    """Say where the recommended rate ends worse than the one quality is judged at, or diverges.

    ``tolerance``: how much worse is of no matter, as :meth:`bsx.schema.Metric.margin` reads it.
    """
    if recommendation is None:
        return []
    size = next(s for s in sizes if s.batch_size == recommendation.batch_size)
    taken = _point(size, recommendation)
    if taken is None:
        return []
    return [*_ends_worse(size, taken, metric, tolerance), *_diverges(size, taken)]


def _point(size: SizeEvidence, recommendation: Recommendation) -> Point | None:
    """The rate, or trial, among those that were run that is recommended."""
    asked = recommendation.learning_rate, dict(recommendation.tuned)
    return next((p for p in size.runs.records if (rate_of(p), tuned_of(p)) == asked), None)


def _ends_worse(
    size: SizeEvidence, taken: Point, metric: Metric, tolerance: float
) -> list[Caution]:
    final = size.final
    if final is None or final.choice.rate == taken:
        return []
    ends = size.runs.final("validation", metric.name)
    best, mine = (known(ends[point]) for point in (final.choice.rate, taken))
    sign = 1.0 if metric.higher_is_better else -1.0
    worse = paired_difference(
        {seed: sign * value for seed, value in best.items()},
        {seed: sign * value for seed, value in mine.items()},
    )
    mean = sum(best.values()) / len(best) if best else 0.0
    if worse is None or worse.value is None or worse.value <= metric.margin(tolerance, mean):
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
