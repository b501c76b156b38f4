"""Runs that blow up on the way but end before anything is infinite, and so count as completed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bsx.schema import Baseline, Metric, Point, RunStatus
from bsx.stats.curves import LOSS, SizeRuns

# Times the validation loss where a run began, or the baseline's where that is larger. Assumed:
# beyond what training too long on noisy labels does, far below what a run that blows up comes to.
FAR = 10.0


def blown_up(runs: SizeRuns, metric: Metric, baseline: Baseline | None) -> dict[Point, set[int]]:
    """Return rate → the seeds whose completed run ends far worse than it began.

    Its validation loss is far above that of its first evaluation and of the baseline, and its
    metric no better than at first, and nearer to the baseline's than to its own best: a few
    samples that are missed with great confidence make a loss large, and ruin no model. Without a
    loss the metric stands for it where less is better.
    """
    told = baseline.validation if baseline else {}
    losses = runs.series(Metric(LOSS, higher_is_better=False))

    def judged(rate: Point, seed: int) -> Sequence[float]:  # unpacked for those that need it
        return runs.series(metric)[rate][seed][1]

    def is_far(rate: Point, seed: int) -> bool:
        lost = losses[rate][seed][1]
        if not all(map(math.isnan, lost)):
            return _is_far(lost, told.get(LOSS))
        if metric.higher_is_better:
            return False
        return _is_far(judged(rate, seed), told.get(metric.name))

    def blew(rate: Point, seed: int) -> bool:
        if runs.records[rate][seed].status is not RunStatus.COMPLETED or not is_far(rate, seed):
            return False
        known = [value for value in judged(rate, seed) if not math.isnan(value)]
        return bool(known) and _is_lost(known, metric, told.get(metric.name))

    return {rate: {seed for seed in row if blew(rate, seed)} for rate, row in runs.records.items()}


def _is_lost(judged: Sequence[float], metric: Metric, baseline: float | None) -> bool:
    """Say whether a metric ends no better than at first, and nearer the baseline than its best."""
    first, end = judged[0], judged[-1]
    best = max(judged) if metric.higher_is_better else min(judged)
    halfway = first if baseline is None else (best + baseline) / 2
    return metric.reaches(first, end) and metric.reaches(halfway, end)


def _is_far(losses: Sequence[float], baseline: float | None) -> bool:
    """Say whether what is known of losses ends far above where it begins."""
    first, end = (
        next((value for value in way if not math.isnan(value)), None)
        for way in (losses, reversed(losses))
    )
    if first is None or end is None:
        return False
    began = max(first, baseline or 0.0)
    return began > 0 and end > FAR * began
