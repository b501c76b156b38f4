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
from bsx.stats.ends import FinalEvidence, final_evidence, give_back_at_end
from bsx.stats.growth import Growth, growth_of
from bsx.stats.intervals import within
from bsx.stats.paired import difference, rounding
from bsx.stats.ratios import Count, per, ratio, same_runs, without_error
from bsx.stats.selection import Choice
from bsx.stats.speeds import step_times
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
        if metric.name == second.facts.metric.name:
            raise ValueError(
                f"{first.label} and {second.label} are both judged by {metric.name}, but in one it "
                "is a fraction between 0 and 1, or falls where it gets better, and in the other "
                "not; they cannot be compared"
            )
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
    reach, ends = _reach((first, second), target), _ends((first, second), metric)
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
                  (ends[0][b], ends[1][b]), metric)
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
    told = one.train_samples and other.train_samples  # 0: of imported curves it may not be known
    if (told and one.train_samples != other.train_samples) or not alike:
        values = {
            "first": one.dataset_name,
            "second": other.dataset_name,
            "samples": (one.train_samples, other.train_samples),
        }
        said.append(Caution("different_data", values))
    return tuple(said)


@dataclass(frozen=True)
class _Reach:
    """What the target takes at one size: iterations, samples in batches of the size, and time.

    Time is counted in iterations of the size.
    """

    iterations: Count
    samples: Count
    durations: Count


@dataclass(frozen=True)
class _End:
    """Where one size ends: its scores, the run of each seed, and the steps that scores move in."""

    evidence: FinalEvidence | None
    runs: Mapping[int, str]
    grains: tuple[float, float]  # of validation, of test

    def scores(self) -> tuple[Mapping[int, float], Mapping[int, float]]:
        """Return seed → score, on validation and on test."""
        return (self.evidence.quality, self.evidence.test) if self.evidence else ({}, {})


def _size(
    batch_size: int,
    rows: tuple[BatchSizeSummary, BatchSizeSummary],
    reach: tuple[_Reach, _Reach],
    ends: tuple[_End, _End],
    metric: Metric,
) -> ComparedSize:
    first, second = reach
    speeds = [row.speed.step_seconds if row.speed else None for row in rows]
    validation, test = (_differ(*ends, split, bounded=metric.bounded) for split in (0, 1))
    return ComparedSize(
        batch_size=batch_size,
        steps=(first.iterations.summary, second.iterations.summary),
        steps_ratio=ratio(first.iterations, second.iterations),
        samples_ratio=ratio(first.samples, second.samples),
        seconds_ratio=per(ratio(first.durations, second.durations), speeds[0], speeds[1]),
        validation=(_ended(ends[0], metric.name), _ended(ends[1], metric.name)),
        validation_difference=validation,
        test_difference=test,
    )


def _differ(first: _End, second: _End, split: int, *, bounded: bool) -> Estimate | None:
    each = rounding(first.grains[split], second.grains[split])
    found = difference(second.scores()[split], first.scores()[split], each=each)
    found = within(found, 1.0) if bounded else found
    return without_error(found) if same_runs(first.runs, second.runs) else found


def _target(first: Arm, second: Arm, targets: Sequence[TargetSpec]) -> TargetSpec | None:
    asked = [*targets, *first.config.targets, *second.config.targets]
    if asked:
        return asked[0]
    # Numbered anew: a target that all reach must be reached by one size in both arms.
    both = [size for arm in (first, second) for size in arm.sizes().values() if size.records]
    sizes = [replace(size, batch_size=number) for number, size in enumerate(both)]
    found = automatic_target(sizes, first.facts.metric, first.config.confirm, first.facts.baseline)
    return TargetSpec(first.facts.metric.name, found.threshold) if found else None


def _analysis(arm: Arm, targets: Sequence[TargetSpec]) -> Analysis:
    config = replace(arm.config, targets=tuple(targets))
    return analyze(config, arm.facts, arm.recipes, arm.runs, arm.speeds)


def _reach(arms: Sequence[Arm], target: TargetSpec | None) -> list[dict[int, _Reach]]:
    """Arm by arm, batch size → what the target takes at the rate fastest to it.

    The optimism of choosing a rate is pooled over both arms: what it is by chance in one of them
    must not look like a difference.
    """
    metric = arms[0].facts.metric_named(target.metric) if target else None
    if target is None or metric is None:
        return [dict.fromkeys(arm.sizes(), _Reach(Count(), Count(), Count())) for arm in arms]
    sizes = _sizes(arms)
    told = give_back_optimism(
        [target_evidence(s, metric, target.threshold, arms[n].config.confirm) for n, _, s in sizes]
    )
    growths = [arm.growths() for arm in arms]
    found: list[dict[int, _Reach]] = [{} for _ in arms]
    for (number, size, runs), evidence in zip(sizes, told, strict=True):
        growth, ids = growths[number][size], _ids(runs, evidence.choice)
        counts = (growth.iterations, float, growth.duration)
        found[number][size] = _Reach(*(Count.of(evidence, ids, to) for to in counts))
    return found


def _sizes(arms: Sequence[Arm]) -> list[tuple[int, int, SizeRuns]]:
    """Which arm, batch size, and its runs there."""
    return [(n, size, runs) for n, arm in enumerate(arms) for size, runs in arm.sizes().items()]


def _ids(runs: SizeRuns, choice: Choice | None) -> dict[int, str]:
    """Return seed → the id of its run at the chosen rate."""
    return {s: run.run_id for s, run in runs.records[choice.rate].items()} if choice else {}


def _ends(arms: Sequence[Arm], metric: Metric) -> list[dict[int, _End]]:
    """Arm by arm, batch size → where its runs end; optimism is pooled as in :func:`_reach`."""
    sizes = _sizes(arms)
    ends = [
        final_evidence(runs, metric, {metric.name: metric}, arms[number].facts.grain)
        for number, _, runs in sizes
    ]
    found: list[dict[int, _End]] = [{} for _ in arms]
    for (number, size, runs), end in zip(sizes, give_back_at_end(ends, metric), strict=True):
        ids = _ids(runs, end.choice if end else None)
        facts = arms[number].facts
        grains = facts.grain(metric, "validation"), facts.grain(metric, "test")
        found[number][size] = _End(end, ids, grains)
    return found


def _ended(end: _End, metric: str) -> Estimate | None:
    return end.evidence.summary.validation.get(metric) if end.evidence else None
