"""Records → Analysis: everything that the records of a sweep say, and nothing trained again.

The order is: what each batch size shows by itself, what the sizes show together (the trade-off),
what to take, and what the reader must know to read it rightly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bsx import arithmetic
from bsx.analyze.branched import analyze_branched
from bsx.analyze.cautions import (
    Target,
    baseline_cautions,
    none_completed,
    size_cautions,
    target_cautions,
)
from bsx.analyze.diagnose import diagnosed
from bsx.analyze.remedies import with_command
from bsx.analyze.taken import taken_cautions, with_its_end
from bsx.recommend import recommend
from bsx.schema import (
    Analysis,
    Caution,
    DiagnosticRecord,
    Facts,
    Metric,
    Recipe,
    Recommendation,
    RunRecord,
    SpeedRecord,
    SweepConfig,
    TargetSpec,
    TargetSummary,
)
from bsx.stats import own_program
from bsx.stats.blown import blown_up
from bsx.stats.candidates import candidate_of
from bsx.stats.cautions import accumulated_cautions, data_cautions, micro_batch_cautions
from bsx.stats.critical_batch import TradeOff
from bsx.stats.curves import LOSS, SizeRuns
from bsx.stats.ends import final_evidence, give_back_at_end
from bsx.stats.growth import growth_of
from bsx.stats.rules import Audit, audit
from bsx.stats.selection import LEAVE_OUT_FROM
from bsx.stats.sizes import SizeEvidence, row_of
from bsx.stats.speeds import measured_speed, speed_summary, step_times
from bsx.stats.summaries import TargetEvidence, give_back_optimism, target_evidence, tradeoff_of
from bsx.stats.target_summary import fit_cautions, summarize_target
from bsx.stats.targets import SHARE_OF_BUDGET, automatic_target, held_at_once
from bsx.stats.unheeded import unheeded


def analyze(
    config: SweepConfig,
    facts: Facts,
    plan_rows: Sequence[Recipe],
    runs: Sequence[RunRecord],
    speeds: Sequence[SpeedRecord],
    targets: Sequence[TargetSpec] | None = None,
    *,
    measured: Sequence[DiagnosticRecord] = (),
) -> Analysis:
    """Say everything that the records of a sweep say.

    Args:
        config: what was asked.
        facts: what was known of data and model.
        plan_rows: one recipe a batch size of the sweep, whether it was run or not.
        runs: the run records, in the order in which they were stored.
        speeds: the speed records, likewise; without any, a program's are read off its curves.
        targets: targets to use instead of the configured ones; without any, one is chosen.
        measured: what was measured beside the curves.

    Raises:
        ValueError: for a target whose metric the task does not have.
    """
    if config.branching is not None:
        return analyze_branched(config, config.branching, facts, plan_rows[0], runs)
    if config.command is not None and not speeds:
        speeds = own_program.speeds_of_curves(runs)
    told = facts
    facts = own_program.with_samples(told)
    rows = sorted(plan_rows, key=lambda recipe: recipe.batch_size)
    by_size = [_runs_of(recipe, config, facts, runs) for recipe in rows]
    asked = config.targets if targets is None else tuple(targets)
    chosen, cautions = _targets(config, asked, facts, by_size)
    evidence = [_reach(by_size, target, config.confirm) for target in chosen]
    sizes = [
        _size(recipe, config, facts, by_size[i], runs, speeds, tuple(e[i] for e in evidence))
        for i, recipe in enumerate(rows)
    ]
    ends = give_back_at_end([size.final for size in sizes], facts.metric)
    sizes = [replace(size, final=end) for size, end in zip(sizes, ends, strict=True)]
    reference = config.reference_batch_size
    tradeoffs = [_tradeoff(sizes, index, reference) for index in range(len(chosen))]
    recommendation, said = _recommend(config, facts, sizes, tradeoffs)
    cautions += said
    nothing = none_completed(runs)
    if nothing is not None:  # then there is no other reason to look for
        recommendation, cautions = None, [nothing]
    recommendation = with_its_end(sizes, recommendation, facts)
    cautions += taken_cautions(sizes, recommendation, facts.metric, config.tolerance)
    cautions += target_cautions(facts, sizes, chosen, config.confirm)
    cautions += baseline_cautions(facts, sizes, recommendation)
    cautions += data_cautions(facts)
    cautions += micro_batch_cautions(facts, rows) + accumulated_cautions(facts, runs)
    for size in sizes:
        cautions += size_cautions(facts, size, chosen)
    summaries = _summaries(chosen, tradeoffs, sizes, told)
    for target, summary in zip(chosen, summaries, strict=True):
        cautions += fit_cautions(summary, target.values, [r.batch_size for r in rows], summaries)
    seeds = max((len(size.runs.seeds) for size in sizes), default=0)
    if 0 < seeds < LEAVE_OUT_FROM and nothing is None:
        cautions.append(Caution("few_seeds", {"seeds": seeds}))
    base, rules = _rules(config, sizes)
    table = [
        replace(row_of(size, facts.metric), rules=rules.get(size.batch_size, {})) for size in sizes
    ]
    if config.command is not None:
        told_length = config.command.program.takes_length
        table = [own_program.length_of_curves(row, runs, told_length) for row in table]
        cautions += _unheeded(config, runs)
    found = Analysis(
        facts.metric.name,
        tuple(summaries),
        tuple(table),
        recommendation,
        tuple(cautions),
        rule_base=base,
    )
    found = diagnosed(with_command(found, config), config, facts, sizes, chosen, measured)
    return own_program.without_unknowns(found, config, told)


def _unheeded(config: SweepConfig, runs: Sequence[RunRecord]) -> list[Caution]:
    names = unheeded(runs, config.search)
    return [Caution("curves_repeat", {"names": names})] if names else []


def _runs_of(
    recipe: Recipe, config: SweepConfig, facts: Facts, runs: Sequence[RunRecord]
) -> SizeRuns:
    b = recipe.batch_size
    of_size = (r for r in runs if r.run.recipe.batch_size == b)
    return SizeRuns.of(b, of_size, facts.train_samples, config.search)


def _reach(sizes: Sequence[SizeRuns], target: Target, confirm: int) -> list[TargetEvidence]:
    """Return how every size reaches a target, the optimism of the choices given back."""
    found = [target_evidence(runs, target.metric, target.threshold, confirm) for runs in sizes]
    return give_back_optimism(found)


def _recommend(
    config: SweepConfig,
    facts: Facts,
    sizes: Sequence[SizeEvidence],
    tradeoffs: Sequence[TradeOff],
) -> tuple[Recommendation | None, tuple[Caution, ...]]:
    """Recommend by what was asked for and the first target, among the sizes that were run."""
    aim = own_program.aim_of(config, sizes)
    candidates = [candidate_of(size, aim) for size in sizes if size.runs.seeds]
    found, said = recommend(
        candidates,
        tradeoffs[0] if tradeoffs else None,
        facts.metric,
        config.tolerance,
        aim,
        config.price_per_hour,
        facts.grain(facts.metric, "validation"),
    )
    if aim == config.aim:
        return found, said
    if found is None:  # for want of something else than time: it is not told of iterations
        (nothing,) = said
        return None, (Caution(nothing.code, {"reason": nothing.values["reason"]}),)
    ran_there = config.command is not None and config.command.program.elsewhere
    code = "objective_without_seconds" if ran_there else "objective_without_speed"
    return found, (*said, Caution(code, {"objective": aim}))


def _targets(
    config: SweepConfig, asked: Sequence[TargetSpec], facts: Facts, sizes: Sequence[SizeRuns]
) -> tuple[list[Target], list[Caution]]:
    """Return the targets, asked for or chosen, and what must be said of a chosen one."""
    if asked:
        found = [(_metric(facts, spec.metric), spec.threshold) for spec in asked]
        return [Target(m, threshold, "user") for m, threshold in found], []
    metric, confirm = facts.metric, config.confirm
    known = [size for size in sizes if size.seeds]
    auto = automatic_target(known, metric, confirm, facts.baseline)
    if auto is None:
        at_once = held_at_once(known, metric, confirm, facts.baseline)
        others = [m.name for m in facts.metrics if m.name not in (metric.name, "loss")]
        of_rates = (row for size in sizes for row in size.records.values())
        looked = max((len(record.curve) for row in of_rates for record in row.values()), default=0)
        values = {
            "metric": metric.name,
            "at_once": at_once,
            "others": others,
            "evaluations": looked,
            "program": config.command is not None,
        }
        return [], [Caution("no_target", values)]
    target = Target(metric, auto.threshold, "auto")
    values = {**target.values, "within": SHARE_OF_BUDGET}
    if auto.beyond:
        without = [size for size in known if size.batch_size in auto.beyond]
        blown = any(any(blown_up(s, metric, facts.baseline).values()) for s in without)
        values |= {"sizes": auto.beyond, "blown": blown}
        return [target], [Caution("target_not_common", values)]
    return [target], [Caution("target_auto", values)]


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
        final_evidence(runs, facts.metric, metrics, facts.grain),
        speed_summary(speeds, b, loop, per_epoch, growth.largest),
        record.step_seconds if record else (),
        growth,
    )


def _tried(sizes: Sequence[SizeEvidence], index: int) -> dict[int, TargetEvidence]:
    """Return how the sizes that were run reach one target."""
    return {s.batch_size: s.targets[index] for s in sizes if s.targets[index].crossings}


def _tradeoff(sizes: Sequence[SizeEvidence], index: int, reference: int | None = None) -> TradeOff:
    """Fit the trade-off to every seed's steps to one target."""
    tried = _tried(sizes, index)
    if any(size.growth.grows for size in sizes if size.batch_size in tried):
        return TradeOff(None, None, None, None, None, "growing_batches")  # a run is of many sizes
    return tradeoff_of(tried, reference)


def _summaries(
    targets: Sequence[Target],
    tradeoffs: Sequence[TradeOff],
    sizes: Sequence[SizeEvidence],
    facts: Facts,
) -> list[TargetSummary]:
    return [
        summarize_target(
            tradeoff,
            _tried(sizes, index),
            metric=target.metric.name,
            threshold=target.threshold,
            source=target.source,
            higher_is_better=target.metric.higher_is_better,
            train_samples=facts.train_samples or None,
        )
        for index, (target, tradeoff) in enumerate(zip(targets, tradeoffs, strict=True))
    ]


def _rules(config: SweepConfig, sizes: Sequence[SizeEvidence]) -> Audit:
    """Audit the rules for the learning rate by the first target.

    Not of batches that grow, nor where more is tuned than the rate: rules tell the rate alone.
    """
    if config.search is not None or any(size.growth.grows for size in sizes):
        return None, {}
    return audit({s.batch_size: s.targets[0] for s in sizes if s.targets}, config.audit_base)
