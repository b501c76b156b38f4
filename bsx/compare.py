"""Two sweeps → what changes from the first to the second, with paired intervals.

Nothing is called different here: an interval that holds 1 (a ratio) or 0 (a difference) says that
no difference is shown, and the reader sees it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bsx.analyze import analyze
from bsx.schema import (
    Analysis,
    BatchSizeSummary,
    ComparedSize,
    Comparison,
    Estimate,
    Facts,
    Metric,
    Recipe,
    RunRecord,
    SpeedRecord,
    SweepConfig,
    TargetSpec,
)
from bsx.stats.curves import SizeRuns
from bsx.stats.intervals import product_estimate, reciprocal
from bsx.stats.paired import difference
from bsx.stats.selection import best_at_end
from bsx.stats.summaries import give_back_optimism, target_evidence
from bsx.stats.targets import automatic_target


@dataclass(frozen=True)
class Arm:
    """One sweep with all that is stored of it."""

    label: str
    config: SweepConfig
    facts: Facts
    recipes: tuple[Recipe, ...]
    runs: tuple[RunRecord, ...]
    speeds: tuple[SpeedRecord, ...]

    def sizes(self) -> dict[int, SizeRuns]:
        """Return the runs by batch size."""
        return {
            recipe.batch_size: SizeRuns.of(
                recipe.batch_size,
                [run for run in self.runs if run.run.recipe.batch_size == recipe.batch_size],
            )
            for recipe in self.recipes
        }


def compare(first: Arm, second: Arm, targets: Sequence[TargetSpec] = ()) -> Comparison:
    """Compare two arms at the batch sizes that both have.

    The target is the given one, else the first arm's own, else the strictest round one that every
    size of both arms reaches.

    Raises:
        ValueError: where the arms are judged by different metrics.
    """
    metric = first.facts.metric
    if metric != second.facts.metric:
        raise ValueError(
            f"{first.label} is judged by {metric.name}, {second.label} by "
            f"{second.facts.metric.name}; they cannot be compared"
        )
    target = _target(first, second, targets)
    asked = [target] if target is not None else []
    analyses = [_analysis(arm, asked) for arm in (first, second)]
    rows = [{row.batch_size: row for row in a.batch_sizes} for a in analyses]
    steps = [_log_steps(arm, target) for arm in (first, second)]
    shared = sorted(rows[0].keys() & rows[1].keys())
    critical = [a.targets[0].critical_batch_size if a.targets else None for a in analyses]
    return Comparison(
        first=first.label,
        second=second.label,
        metric=metric.name,
        target_metric=target.metric if target else None,
        threshold=target.threshold if target else None,
        critical_batch_size=(critical[0], critical[1]),
        sizes=tuple(
            _size(b, (rows[0][b], rows[1][b]), (steps[0].get(b, {}), steps[1].get(b, {})),
                  (_scores(first, b, metric), _scores(second, b, metric)), metric)
            for b in shared
        ),
    )  # fmt: skip


Scores = Mapping[str, Mapping[int, float]]  # split → seed → metric at the end


def _size(
    batch_size: int,
    rows: tuple[BatchSizeSummary, BatchSizeSummary],
    log_steps: tuple[Mapping[int, float], Mapping[int, float]],
    scores: tuple[Scores, Scores],
    metric: Metric,
) -> ComparedSize:
    steps_ratio = _exponential(difference(log_steps[1], log_steps[0]))
    speeds = [row.speed.step_seconds if row.speed else None for row in rows]
    return ComparedSize(
        batch_size=batch_size,
        steps=(_steps(rows[0]), _steps(rows[1])),
        steps_ratio=steps_ratio,
        seconds_ratio=_seconds_ratio(steps_ratio, speeds[0], speeds[1]),
        validation=(_ended(rows[0], metric), _ended(rows[1], metric)),
        validation_difference=difference(scores[1]["validation"], scores[0]["validation"]),
        test_difference=difference(scores[1]["test"], scores[0]["test"]),
    )


def _seconds_ratio(
    steps: Estimate | None, first: Estimate | None, second: Estimate | None
) -> Estimate | None:
    if steps is None or first is None or second is None or first.value is None:
        return None
    method = "steps × seconds per step"
    return product_estimate(product_estimate(steps, second, method), reciprocal(first), method)


def _target(first: Arm, second: Arm, targets: Sequence[TargetSpec]) -> TargetSpec | None:
    asked = [*targets, *first.config.targets, *second.config.targets]
    if asked:
        return asked[0]
    # Numbered anew: a target that all reach must be reached by one size in both arms.
    both = [size for arm in (first, second) for size in arm.sizes().values() if size.records]
    sizes = [replace(size, batch_size=number) for number, size in enumerate(both)]
    found = automatic_target(sizes, first.facts.metric)
    return TargetSpec(first.facts.metric.name, found.threshold) if found else None


def _analysis(arm: Arm, targets: Sequence[TargetSpec]) -> Analysis:
    config = replace(arm.config, targets=tuple(targets))
    return analyze(config, arm.facts, arm.recipes, arm.runs, arm.speeds)


def _log_steps(arm: Arm, target: TargetSpec | None) -> dict[int, dict[int, float]]:
    """Batch size → seed → log steps to the target at the rate fastest to it."""
    metric = arm.facts.metric_named(target.metric) if target else None
    if target is None or metric is None:
        return {}
    sizes = arm.sizes()
    evidence = [target_evidence(runs, metric, target.threshold) for runs in sizes.values()]
    return {
        size: found.log_steps
        for size, found in zip(sizes, give_back_optimism(evidence), strict=True)
    }


def _scores(arm: Arm, batch_size: int, metric: Metric) -> Scores:
    """Split → seed → the metric at the end, at the rate best on validation there."""
    runs = arm.sizes()[batch_size]
    validation = runs.final("validation", metric.name)
    choice = best_at_end(
        validation, runs.final("validation", "loss"), higher_is_better=metric.higher_is_better
    )
    found: dict[str, dict[int, float]] = {}
    for split in ("validation", "test"):
        row = runs.final(split, metric.name)[choice.rate] if choice else {}
        found[split] = {seed: value for seed, value in row.items() if value is not None}
    return found


def _steps(row: BatchSizeSummary) -> Estimate | None:
    return row.to_target[0].steps if row.to_target else None


def _ended(row: BatchSizeSummary, metric: Metric) -> Estimate | None:
    return row.final.validation.get(metric.name) if row.final else None


def _exponential(estimate: Estimate | None) -> Estimate | None:
    """Turn a difference of logs into a ratio."""
    if estimate is None or estimate.value is None:
        return None
    low, high = estimate.low, estimate.high
    return replace(
        estimate,
        value=math.exp(estimate.value),
        low=None if low is None else math.exp(max(low, -700.0)),
        high=None if high is None else math.exp(min(high, 700.0)),
        method=f"{estimate.method} of logs",
    )
