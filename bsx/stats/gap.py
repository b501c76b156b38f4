"""The generalization gap: how much worse the test metric is than the train metric of one run."""

from __future__ import annotations

from collections.abc import Mapping

from bsx.schema import Estimate, Metric
from bsx.stats.intervals import mean_estimate


def generalization_gap(
    train: Mapping[int, float], test: Mapping[int, float], metric: Metric
) -> Estimate | None:
    """Estimate the gap over the seeds that have both; positive means worse on test.

    train − test where higher is better, test − train otherwise, within each run. None without a
    seed that has both.
    """
    sign = 1.0 if metric.higher_is_better else -1.0
    shared = sorted(train.keys() & test.keys())
    return mean_estimate(
        [sign * (train[seed] - test[seed]) for seed in shared], method="paired t interval"
    )
