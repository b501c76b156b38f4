"""Two sweeps → what changes from the first to the second, with paired intervals.

Nothing is called different here: an interval that holds 1 (a ratio) or 0 (a difference) says that
no difference is shown, and the reader sees it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bsx.analyze import analyze
from bsx.schema import (
    Analysis,
    BatchSizeSummary,
    Caution,
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
from bsx.stats.growth import Growth, growth_of, mapped_logs
from bsx.stats.intervals import exponential, product_estimate, reciprocal
from bsx.stats.paired import difference
from bsx.stats.selection import best_at_end
from bsx.stats.summaries import give_back_optimism, step_times, target_evidence
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
                self.facts.train_samples,
                self.config.search,
            )
            for recipe in self.recipes
        }

    def growths(self) -> dict[int, Growth]:
        """Return how the runs grow, by batch size."""
        times = step_times(self.speeds, self.facts.timed_loop(self.config.speed_loop))
        samples = self.facts.train_samples
        return {recipe.batch_size: growth_of(recipe, samples, times) for recipe in self.recipes}


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
    confirm = max(first.config.confirm, second.config.confirm)
    first, second = (
        replace(arm, config=replace(arm.config, confirm=confirm)) for arm in (first, second)
    )
    target = _target(first, second, targets)
    asked = [target] if target is not None else []
    analyses = [_analysis(arm, asked) for arm in (first, second)]
    rows = [{row.batch_size: row for row in a.batch_sizes} for a in analyses]
    reach = [_reach(arm, target) for arm in (first, second)]
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
            _size(b, (rows[0][b], rows[1][b]), (reach[0][b], reach[1][b]),
                  (_scores(first, b, metric), _scores(second, b, metric)), metric)
            for b in shared
        ),
        higher_is_better=_rises(first, target),
        cautions=_cautions(first, second),
    )  # fmt: skip


def _rises(arm: Arm, target: TargetSpec | None) -> bool:
    metric = arm.facts.metric_named(target.metric) if target else None
    return metric is None or metric.higher_is_better


def _cautions(first: Arm, second: Arm) -> tuple[Caution, ...]:
    """Say where the arms learned other things; of a program's data only the number is known."""
    one, other = first.facts, second.facts
    known = first.config.command is None and second.config.command is None
    said = []
    if known and one.task != other.task:
        said.append(Caution("different_tasks", {"first": one.task, "second": other.task}))
    alike = one.fingerprint == other.fingerprint or not known
    if one.train_samples != other.train_samples or not alike:
        values = {
            "first": one.dataset_name,
            "second": other.dataset_name,
            "samples": (one.train_samples, other.train_samples),
        }
        said.append(Caution("different_data", values))
    return tuple(said)


@dataclass(frozen=True)
class _Reach:
    """Seed → log steps, log samples (in batches of the size) and log duration (in their steps)."""

    steps: Mapping[int, float]
    samples: Mapping[int, float]
    durations: Mapping[int, float]


Scores = Mapping[str, Mapping[int, float]]  # split → seed → metric at the end


def _size(
    batch_size: int,
    rows: tuple[BatchSizeSummary, BatchSizeSummary],
    reach: tuple[_Reach, _Reach],
    scores: tuple[Scores, Scores],
    metric: Metric,
) -> ComparedSize:
    first, second = reach
    durations = exponential(difference(second.durations, first.durations))
    speeds = [row.speed.step_seconds if row.speed else None for row in rows]
    return ComparedSize(
        batch_size=batch_size,
        steps=(_steps(rows[0]), _steps(rows[1])),
        steps_ratio=exponential(difference(second.steps, first.steps)),
        samples_ratio=exponential(difference(second.samples, first.samples)),
        seconds_ratio=_seconds_ratio(durations, speeds[0], speeds[1]),
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
    found = automatic_target(sizes, first.facts.metric, first.config.confirm)
    return TargetSpec(first.facts.metric.name, found.threshold) if found else None


def _analysis(arm: Arm, targets: Sequence[TargetSpec]) -> Analysis:
    config = replace(arm.config, targets=tuple(targets))
    return analyze(config, arm.facts, arm.recipes, arm.runs, arm.speeds)


def _reach(arm: Arm, target: TargetSpec | None) -> dict[int, _Reach]:
    """Batch size → what the target takes at the rate fastest to it."""
    metric = arm.facts.metric_named(target.metric) if target else None
    sizes, growths = arm.sizes(), arm.growths()
    if target is None or metric is None:
        return dict.fromkeys(sizes, _Reach({}, {}, {}))
    threshold, confirm = target.threshold, arm.config.confirm
    evidence = [target_evidence(runs, metric, threshold, confirm) for runs in sizes.values()]
    found = dict(zip(sizes, give_back_optimism(evidence), strict=True))
    return {
        size: _Reach(
            mapped_logs(found[size].log_steps, growth.iterations),
            found[size].log_steps,
            mapped_logs(found[size].log_steps, growth.duration),
        )
        for size, growth in growths.items()
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
