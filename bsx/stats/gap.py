"""The generalization gap: how much worse the test metric is than the train metric of one run."""

from __future__ import annotations

from collections.abc import Mapping

from bsx.schema import Estimate, Metric
from bsx.stats.intervals import within
from bsx.stats.paired import paired_difference, rounding


def generalization_gap(
    train: Mapping[int, float],
    test: Mapping[int, float],
    metric: Metric,
    grains: tuple[float, float] = (0.0, 0.0),
) -> Estimate | None:
    """Estimate the gap over the seeds that have both; positive means worse on test.

    train − test where higher is better, test − train otherwise, within each run. None without a
    seed that has both. ``grains`` are the steps that the metric moves in on train and on test:
    where they are not known, seeds that all have the same gap show no spread, and give no interval.
    """
    ends = (train, test) if metric.higher_is_better else (test, train)
    found = paired_difference(*ends, each=rounding(*grains))
    return within(found, 1.0) if metric.bounded else found
