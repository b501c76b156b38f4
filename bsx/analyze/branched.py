"""Records of a branched sweep → Analysis: the critical batch size along the trunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from bsx.arithmetic import BranchLayout, lay_out_branches
from bsx.schema import (
    Analysis,
    Branched,
    Branching,
    BranchPoint,
    Caution,
    Facts,
    Metric,
    Recipe,
    RunRecord,
    RunStatus,
    SweepConfig,
)
from bsx.stats.branches import (
    OVERHEAD,
    PointBranches,
    branch_of,
    critical_batch_size,
    judged,
    losses_at_point,
    margin_of,
    rises,
)
from bsx.stats.cautions import data_cautions
from bsx.stats.curves import LOSS, SizeRuns
from bsx.stats.intervals import NEVER_NEGATIVE, mean_estimate
from bsx.stats.selection import LEAVE_OUT_FROM, edges
from bsx.stats.warmup import warmup


def analyze_branched(
    config: SweepConfig, branching: Branching, facts: Facts, base: Recipe, runs: Sequence[RunRecord]
) -> Analysis:
    """Say everything that the records of a branched sweep say.

    Args:
        config: what was asked.
        branching: what was asked of the branches.
        facts: what was known of data and model.
        base: the recipe by which the trunk's rate was tuned.
        runs: the records of that tuning and of the branches.
    """
    layout = lay_out_branches(
        base.batch_size,
        config.batch_sizes.sizes,
        branching.samples,
        branching.points,
        trunk_steps=base.steps,
        train_samples=facts.train_samples,
    )
    rate = _rate(runs)
    sorted_runs = [_of_point(layout, step, rate, runs) for step in layout.points]
    points = tuple(
        _point(layout, step, config, facts, found)
        for step, found in zip(layout.points, sorted_runs, strict=True)
    )
    rates = {
        branch.batch_size: branch.learning_rate
        for point in points
        for branch in point.branches
        if branch.learning_rate is not None
    }
    cautions = [
        *data_cautions(facts),
        *_rate_cautions(layout, facts, rate, runs),
        *_training_cautions(config, facts, layout),
        *_point_cautions(layout, points, sorted_runs),
        *_run_cautions(config, layout, points, runs),
    ]
    found = Branched(
        base_batch_size=layout.base,
        learning_rate=rate,
        learning_rate_rule=branching.rule,
        overhead=OVERHEAD,
        samples=layout.samples,
        points=points,
        warmup=warmup(points, rates, layout.base, base.steps),
    )
    return Analysis(facts.metric.name, (), (), None, tuple(cautions), branched=found)


def _rate(runs: Sequence[RunRecord]) -> float | None:
    """The rate of the trunk: that of most branches, if tuning was ever decided otherwise."""
    rates = Counter(r.run.recipe.trunk.learning_rate for r in runs if r.run.recipe.trunk)
    return max(rates, key=lambda rate: (rates[rate], rate)) if rates else None


def _of_point(
    layout: BranchLayout, step: int, rate: float | None, runs: Sequence[RunRecord]
) -> PointBranches:
    found: dict[int, dict[int, RunRecord]] = {size: {} for size in layout.sizes}
    for record in runs:
        recipe = record.run.recipe
        trunk = recipe.trunk
        if trunk is None or (trunk.steps, trunk.learning_rate) != (step, rate):
            continue
        if recipe.batch_size in found and recipe.steps * recipe.batch_size == layout.samples:
            found[recipe.batch_size][record.run.seed] = record
    return PointBranches(layout.samples, found)


def _point(
    layout: BranchLayout, step: int, config: SweepConfig, facts: Facts, found: PointBranches
) -> BranchPoint:
    margin = margin_of(found, layout.base, Metric(LOSS, False), config.tolerance)
    branches = [branch_of(found, size, layout.base, margin) for size in layout.sizes]
    verdicts = judged(branches)
    branches = [replace(b, verdict=v) for b, v in zip(branches, verdicts, strict=True)]
    samples = step * layout.base
    return BranchPoint(
        step,
        samples,
        samples / facts.train_samples,
        mean_estimate(losses_at_point(found, layout.base), bounds=NEVER_NEGATIVE),
        None if margin is None else margin.value,
        "samples" if margin is None else margin.source,
        critical_batch_size(branches, len(found.losses(layout.base))),
        tuple(branches),
    )


def _rate_cautions(
    layout: BranchLayout, facts: Facts, rate: float | None, runs: Sequence[RunRecord]
) -> list[Caution]:
    """Say where the rate of the trunk is in doubt, or there is none."""
    tuning = [r for r in runs if r.run.recipe.trunk is None]
    tried = SizeRuns.of(layout.base, tuning, facts.train_samples).rates
    if rate is None:
        gone = tried and all(r.status is RunStatus.DIVERGED for r in tuning)
        return [Caution("diverged", {}, layout.base)] if gone else []
    side = edges(tried, rate) if tried else None
    values = {"learning_rate": rate, "side": side, "goal": "target"}
    return [Caution("learning_rate_at_edge", values, layout.base)] if side else []


def _training_cautions(config: SweepConfig, facts: Facts, layout: BranchLayout) -> list[Caution]:
    """Say what in model and optimizer changes with the batch size besides the rate."""
    said = []
    if facts.has_batchnorm:
        said.append(Caution("branch_batchnorm"))
    momentum = config.optimizer.args.get("momentum")
    shortest = layout.samples // layout.sizes[-1]
    if config.scaling.momentum == "fixed" and isinstance(momentum, float) and momentum < 1:
        memory = 1 / (1 - momentum)
        if shortest < 2 * memory:
            values = {"memory": memory, "steps": shortest}
            said.append(Caution("branch_momentum", values, layout.sizes[-1]))
    return said


def _point_cautions(
    layout: BranchLayout, points: Sequence[BranchPoint], found: Sequence[PointBranches]
) -> list[Caution]:
    """Say at which points the critical batch size cannot be told, or lies beyond the sizes."""
    rising = [p for p, runs in zip(points, found, strict=True) if rises(runs, layout.base)]
    settled = [p for p in points if p.critical_batch_size and p not in rising]
    unsettled = [p for p in settled if _undecided(p) > 1]
    beyond = [p for p in settled if p.branches[-1].verdict == "as_good"]
    said = []
    for code, there in (("rising", rising), ("unsettled", unsettled), ("beyond", beyond)):
        if there:
            values = {"epochs": tuple(p.epoch for p in there), "of": len(points)}
            said.append(Caution(f"branch_{code}", {**values, "largest": layout.sizes[-1]}))
    return said


def _undecided(point: BranchPoint) -> int:
    """How many sizes are neither shown to be as good nor to be worse."""
    return sum(branch.verdict == "undecided" for branch in point.branches)


def _run_cautions(
    config: SweepConfig,
    layout: BranchLayout,
    points: Sequence[BranchPoint],
    runs: Sequence[RunRecord],
) -> list[Caution]:
    """Say what became of branches that did not come to their end, and of seeds that are few."""
    said = []
    branches = [branch for point in points for branch in point.branches]
    for size in layout.sizes:
        diverged = sum(b.diverged for b in branches if b.batch_size == size)
        if diverged:
            values = {"runs": diverged, "base": size == layout.base}
            said.append(Caution("branch_diverged", values, size))
        records = [r for r in runs if r.run.recipe.trunk and r.run.recipe.batch_size == size]
        failed = [r for r in records if r.status in (RunStatus.FAILED, RunStatus.TIMED_OUT)]
        if failed:
            error = failed[-1].error or failed[-1].status.value
            said.append(Caution("failed", {"error": error, "runs": len(failed)}, size))
        if any(r.status is RunStatus.OUT_OF_MEMORY for r in records):
            said.append(Caution("out_of_memory", {}, size))
    wanted = config.seeds * len(branches)
    missing = wanted - sum(b.seeds for b in branches)
    if missing:
        said.append(Caution("branches_missing", {"runs": missing, "of": wanted}))
    if config.seeds < LEAVE_OUT_FROM:
        said.append(Caution("few_seeds", {"seeds": config.seeds}))
    return said
