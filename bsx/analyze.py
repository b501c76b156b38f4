"""Records → Analysis: everything that the records of a sweep say, and nothing trained again.

The order is: what each batch size shows by itself, what the sizes show together (the trade-off),
what to take, and what the reader must know to read it rightly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bsx import arithmetic
from bsx.recommend import recommend
from bsx.schema import (
    Analysis,
    Caution,
    Facts,
    Metric,
    Recipe,
    Recommendation,
    RunRecord,
    RunStatus,
    SpeedRecord,
    SweepConfig,
    TargetSpec,
    TargetSummary,
)
from bsx.stats import own_program
from bsx.stats.candidates import candidate_of
from bsx.stats.cautions import micro_batch_cautions
from bsx.stats.critical_batch import TradeOff
from bsx.stats.curves import LOSS, SizeRuns
from bsx.stats.growth import growth_of
from bsx.stats.paired import best_of
from bsx.stats.selection import LEAVE_OUT_FROM
from bsx.stats.sizes import SizeEvidence, row_of, status_of
from bsx.stats.summaries import (
    TargetEvidence,
    final_evidence,
    give_back_optimism,
    measured_speed,
    speed_summary,
    spread,
    step_times,
    target_evidence,
    tradeoff_of,
)
from bsx.stats.targets import automatic_target

NOISY_SPEED = 0.1  # interquartile range as a share of the median


@dataclass(frozen=True)
class _Target:
    metric: Metric
    threshold: float
    source: str

    @property
    def values(self) -> dict[str, Any]:
        """What a caution says of it."""
        better = self.metric.higher_is_better
        name, threshold = self.metric.name, self.threshold
        return {"metric": name, "threshold": threshold, "higher_is_better": better}


def analyze(
    config: SweepConfig,
    facts: Facts,
    plan_rows: Sequence[Recipe],
    runs: Sequence[RunRecord],
    speeds: Sequence[SpeedRecord],
    targets: Sequence[TargetSpec] | None = None,
    *,
    reference_batch_size: int | None = None,
) -> Analysis:
    """Say everything that the records of a sweep say.

    Args:
        config: what was asked.
        facts: what was known of data and model.
        plan_rows: one recipe a batch size of the sweep, whether it was run or not.
        runs: the run records, in the order in which they were stored.
        speeds: the speed records, likewise.
        targets: targets to use instead of the configured ones; without any, one is chosen.
        reference_batch_size: that of the 20 % version of the critical batch size.

    Raises:
        ValueError: for a target whose metric the task does not have.
    """
    if config.command is not None:
        speeds = own_program.speeds_of_curves(runs)
    told = facts
    facts = own_program.with_samples(told)
    rows = sorted(plan_rows, key=lambda recipe: recipe.batch_size)
    by_size = [_runs_of(recipe, facts, runs) for recipe in rows]
    asked = config.targets if targets is None else tuple(targets)
    chosen, cautions = _targets(asked, facts, by_size)
    evidence = [_reach(by_size, target) for target in chosen]
    sizes = [
        _size(recipe, config, facts, by_size[i], runs, speeds, tuple(e[i] for e in evidence))
        for i, recipe in enumerate(rows)
    ]
    tradeoffs = [_tradeoff(sizes, index, reference_batch_size) for index in range(len(chosen))]
    recommendation, said = _recommend(config, facts, sizes, tradeoffs)
    cautions += said
    cautions += _baseline_cautions(facts, sizes, recommendation)
    cautions += micro_batch_cautions(facts, rows)
    for size in sizes:
        cautions += _size_cautions(size, chosen)
    for target, tradeoff in zip(chosen, tradeoffs, strict=True):
        cautions += _tradeoff_cautions(target, tradeoff, rows)
    seeds = max((len(size.runs.seeds) for size in sizes), default=0)
    if 0 < seeds < LEAVE_OUT_FROM:
        cautions.append(Caution("few_seeds", {"seeds": seeds}))
    table = [row_of(size) for size in sizes]
    if config.command is not None:
        table = [own_program.length_of_curves(row, runs) for row in table]
    found = Analysis(
        facts.metric.name,
        tuple(_target_summary(t, f) for t, f in zip(chosen, tradeoffs, strict=True)),
        tuple(table),
        recommendation,
        tuple(cautions),
    )
    return own_program.without_unknowns(found, config, told)


def _runs_of(recipe: Recipe, facts: Facts, runs: Sequence[RunRecord]) -> SizeRuns:
    b = recipe.batch_size
    return SizeRuns.of(b, (r for r in runs if r.run.recipe.batch_size == b), facts.train_samples)


def _reach(sizes: Sequence[SizeRuns], target: _Target) -> list[TargetEvidence]:
    """Return how every size reaches a target, the optimism of the choices given back."""
    found = [target_evidence(runs, target.metric, target.threshold) for runs in sizes]
    return give_back_optimism(found)


def _recommend(
    config: SweepConfig,
    facts: Facts,
    sizes: Sequence[SizeEvidence],
    tradeoffs: Sequence[TradeOff],
) -> tuple[Recommendation | None, tuple[Caution, ...]]:
    """Recommend by what was asked for and the first target, among the sizes that were run."""
    candidates = [candidate_of(size, config.aim) for size in sizes if size.runs.seeds]
    return recommend(
        candidates,
        tradeoffs[0] if tradeoffs else None,
        facts.metric,
        config.tolerance,
        config.aim,
        config.price_per_hour,
    )


def _targets(
    asked: Sequence[TargetSpec], facts: Facts, sizes: Sequence[SizeRuns]
) -> tuple[list[_Target], list[Caution]]:
    """Return the targets, asked for or chosen, and what must be said of a chosen one."""
    if asked:
        found = [(_metric(facts, spec.metric), spec.threshold) for spec in asked]
        return [_Target(m, threshold, "user") for m, threshold in found], []
    metric = facts.metric
    auto = automatic_target([size for size in sizes if size.seeds], metric)
    if auto is None:
        return [], [Caution("no_target", {"metric": metric.name})]
    values = _Target(metric, auto.threshold, "auto").values
    cautions = [Caution("target_auto", values)]
    if auto.beyond:
        cautions.append(Caution("target_not_common", {**values, "sizes": auto.beyond}))
    return [_Target(metric, auto.threshold, "auto")], cautions


def _metric(facts: Facts, name: str) -> Metric:
    metric = facts.metric_named(name)
    if metric is not None:
        return metric
    if name == LOSS:  # every task has one
        return Metric(LOSS, higher_is_better=False)
    known = ", ".join(sorted({m.name for m in facts.metrics} | {LOSS}))
    raise ValueError(f"target {name}: the task reports {known}")


def _size(
    recipe: Recipe,
    config: SweepConfig,
    facts: Facts,
    runs: SizeRuns,
    records: Sequence[RunRecord],
    speeds: Sequence[SpeedRecord],
    targets: tuple[TargetEvidence, ...],
) -> SizeEvidence:
    b, tail = recipe.batch_size, recipe.tail
    per_epoch = arithmetic.steps_per_epoch(facts.train_samples, b, tail)
    metrics = {m.name: m for m in facts.metrics} | {LOSS: _metric(facts, LOSS)}
    loop = facts.timed_loop(config.speed_loop)
    record = measured_speed(speeds, b, loop)
    growth = growth_of(recipe, facts.train_samples, step_times(speeds, loop))
    return SizeEvidence(
        recipe,
        per_epoch,
        arithmetic.last_batch(facts.train_samples, b, tail),
        tuple(r for r in records if r.run.recipe.batch_size == b),
        tuple(s for s in speeds if s.batch_size == b),
        runs,
        targets,
        final_evidence(runs, facts.metric, metrics),
        speed_summary(speeds, b, loop, per_epoch, growth.largest),
        record.step_seconds if record else (),
        growth,
    )


def _tradeoff(sizes: Sequence[SizeEvidence], index: int, reference: int | None = None) -> TradeOff:
    """Fit the trade-off to every seed's steps to one target."""
    tried = {s.batch_size: s.targets[index] for s in sizes if s.targets[index].crossings}
    if any(size.growth.grows for size in sizes if size.batch_size in tried):
        return TradeOff(None, None, None, None, None, "growing_batches")  # a run is of many sizes
    return tradeoff_of(tried, reference)


def _baseline_cautions(
    facts: Facts, sizes: Sequence[SizeEvidence], recommendation: Recommendation | None
) -> list[Caution]:
    """Say where the recommended size, or else the best on validation, does not beat the baseline.

    The whole interval of its test metric must; of a single seed, which has none, the value.
    """
    metric, baseline = facts.metric, facts.baseline
    ends = {size.batch_size: size.final for size in sizes if size.final}
    quality = {batch_size: final.quality for batch_size, final in ends.items()}
    best = best_of(quality, higher_is_better=metric.higher_is_better)
    taken = recommendation.batch_size if recommendation else best
    limit = baseline.test.get(metric.name) if baseline else None
    test = ends[taken].summary.test.get(metric.name) if taken in ends else None
    if baseline is None or limit is None or test is None or test.value is None:
        return []
    bound = test.low if metric.higher_is_better else test.high
    worst = test.value if bound is None else bound
    if worst != limit and metric.reaches(worst, limit):
        return []
    values = {
        "metric": metric.name,
        "value": test.value,
        "baseline": limit,
        "name": baseline.name,
        "likely": test.value != limit and metric.reaches(test.value, limit),
    }
    return [Caution("not_better_than_baseline", values, taken)]


def _size_cautions(size: SizeEvidence, targets: Sequence[_Target]) -> list[Caution]:
    b, status = size.batch_size, status_of(size)
    said: list[Caution] = []
    if size.growth.grows:
        growth = size.growth
        said.append(Caution("batch_grows", {"grows_to": growth.largest}, b))
        if size.speed is not None and growth.timed_to < growth.largest:
            said.append(Caution("growth_not_timed", {"timed_to": growth.timed_to}, b))
    if size.recipe.tail == "merge":
        said.append(Caution("tail_merged", {"last_batch": size.last_batch}, b))
    failed = [r for r in size.records if r.status in (RunStatus.FAILED, RunStatus.TIMED_OUT)]
    if failed:
        last = failed[-1].error or failed[-1].status.value
        said.append(Caution("failed", {"error": last, "runs": len(failed)}, b))
    statuses = [r.status for r in size.records] + [s.status for s in size.speeds]
    if RunStatus.OUT_OF_MEMORY in statuses:
        said.append(Caution("out_of_memory", {}, b))
    if status in ("diverged", "not_run"):
        said.append(Caution(status, {}, b))
    if status != "diverged":
        said += _reach_cautions(size, targets)
    if size.final and size.final.choice.edge:
        said.append(_edge(b, size.final.choice.rate, size.final.choice.edge, "final"))
    wide = spread(size.step_seconds)
    if wide > NOISY_SPEED:
        said.append(Caution("speed_noisy", {"spread": wide}, b))
    return said


def _reach_cautions(size: SizeEvidence, targets: Sequence[_Target]) -> list[Caution]:
    said: list[Caution] = []
    for target, evidence in zip(targets, size.targets, strict=True):
        share = evidence.reached_fraction
        if share is not None and share < 1:
            values = {"reached_fraction": share, **target.values}
            said.append(Caution("censored", values, size.batch_size))
        choice = evidence.choice
        if choice and choice.edge:
            caution = _edge(size.batch_size, choice.rate, choice.edge, "target")
            if caution not in said:
                said.append(caution)
    return said


def _edge(batch_size: int, rate: float, side: str, goal: str) -> Caution:
    values = {"learning_rate": rate, "side": side, "goal": goal}
    return Caution("learning_rate_at_edge", values, batch_size)


def _tradeoff_cautions(
    target: _Target, tradeoff: TradeOff, rows: Sequence[Recipe]
) -> list[Caution]:
    where = target.values
    largest = max(recipe.batch_size for recipe in rows)
    critical = tradeoff.critical_batch_size
    if critical is None or critical.value is None:
        return [Caution("no_critical_batch_size", {"reason": tradeoff.verdict, **where})]
    said: list[Caution] = []
    if tradeoff.verdict == "poor_fit":
        said.append(Caution("poor_fit", where))
    if critical.value > largest:
        beyond = {"value": critical.value, "largest": largest}
        said.append(Caution("critical_batch_size_beyond", {**beyond, **where}))
    return said


def _target_summary(target: _Target, tradeoff: TradeOff) -> TargetSummary:
    return TargetSummary(
        target.metric.name,
        target.threshold,
        target.source,
        tradeoff.critical_batch_size,
        tradeoff.critical_batch_size_20,
        tradeoff.min_steps,
        tradeoff.min_samples,
        tradeoff.reference_batch_size,
        tradeoff.verdict,
        higher_is_better=target.metric.higher_is_better,
    )
