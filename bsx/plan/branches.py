"""The rounds of a branched sweep: the rate is tuned at the base batch size, then branches go on.

A unit is a trunk with all its branches, of one seed. Its rate decides which branches there are, so
that they are planned when tuning is complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bsx.arithmetic import BranchLayout, lay_out_branches
from bsx.plan import rounds
from bsx.plan.recipes import batch_sizes, optimizer_at, recipes
from bsx.plan.rounds import Round
from bsx.schema import (
    BatchSizes,
    Branching,
    BranchUnit,
    CostModel,
    Facts,
    LearningRates,
    Recipe,
    Run,
    RunRecord,
    SweepConfig,
    Trunk,
)
from bsx.tuning import MOST_ROUNDS, chosen_rate, scaled

_FORWARD = 1 / 3  # of a training step: what it takes to evaluate as many samples
_EVALUATED = 10 * 1_000  # samples, in a branch; at most


def next_round(
    config: SweepConfig,
    facts: Facts,
    of: Sequence[Recipe],
    records: Mapping[str, RunRecord],
    cost: CostModel,
) -> Round | None:
    """Return the first round that is not complete, with what is missing of it; None when done.

    As long as it tunes the rate, the branches that will follow are foretold in ``later``.
    """
    tuning = _tuning(config, facts, of, records, cost)
    if tuning is not None:
        foretold = _units(config, facts, of[0], 1.0, {}, cost)  # a rate costs as much as another
        return replace(tuning, later=foretold)
    rate = _rate(config, facts, of, records)
    units = () if rate is None else _units(config, facts, of[0], rate, records, cost)
    return Round(2 * MOST_ROUNDS, units) if units else None  # after any round of tuning


def members(
    config: SweepConfig, facts: Facts, of: Sequence[Recipe], records: Mapping[str, RunRecord]
) -> set[str]:
    """Return the ids of the runs that make up the sweep as far as it has come."""
    if _is_tuned(config):
        tuned = rounds.members(config, facts, of, records)
        if tuned - records.keys():
            return tuned
        rate = _rate(config, facts, of, records)
        return tuned | _ids(config, facts, of[0], rate)
    return _ids(config, facts, of[0], _rate(config, facts, of, records))


def layout(config: SweepConfig, facts: Facts, trunk_steps: int) -> BranchLayout:
    """Return where branches begin, at which sizes, and how long they are.

    Raises:
        ConfigError: for what does not fit the data or the length of the trunk.
    """
    branching = _branching(config)
    return lay_out_branches(
        branching.base_batch_size,
        config.batch_sizes.sizes,
        branching.samples,
        branching.points,
        trunk_steps=trunk_steps,
        train_samples=facts.train_samples,
    )


def trunk_recipe(config: SweepConfig, facts: Facts) -> Recipe:
    """Return the recipe by which the rate of the trunk is tuned.

    Raises:
        ConfigError: for what the data and the model do not allow.
    """
    if config.batch_sizes.sizes is not None:
        batch_sizes(config, facts)
    alone = BatchSizes((_branching(config).base_batch_size,))
    [recipe] = recipes(replace(config, batch_sizes=alone), facts)
    layout(config, facts, recipe.steps)
    return recipe


def _branching(config: SweepConfig) -> Branching:
    assert config.branching is not None
    return config.branching


def _is_tuned(config: SweepConfig) -> bool:
    return config.learning_rates.mode != "fixed"


def _tuning(
    config: SweepConfig,
    facts: Facts,
    of: Sequence[Recipe],
    records: Mapping[str, RunRecord],
    cost: CostModel,
) -> Round | None:
    if not _is_tuned(config):
        return None
    return rounds.next_round(config, facts, of, records, cost)


def _rate(
    config: SweepConfig, facts: Facts, of: Sequence[Recipe], records: Mapping[str, RunRecord]
) -> float | None:
    """The rate of the trunk: the one given, or what tuning chose; None where all diverged."""
    if not _is_tuned(config):
        [rate] = config.learning_rates.values
        return rate
    tuned = rounds.members(config, facts, of, records)
    done = [records[run_id] for run_id in sorted(tuned) if run_id in records]
    return chosen_rate(config, facts, of[0].batch_size, done)


def _runs(config: SweepConfig, facts: Facts, base: Recipe, rate: float) -> list[Run]:
    """Every branch, in the order of points and batch sizes and, last, of seeds."""
    branches = layout(config, facts, base.steps)
    rates = _rates(_branching(config), rate, branches.sizes)
    made = []
    for point in branches.points:
        trunk = Trunk(base.optimizer, base.batch_size, point, rate)
        for size in branches.sizes:
            recipe = replace(
                base,
                optimizer=optimizer_at(config, size),
                batch_size=size,
                steps=branches.samples // size,
                tail="keep",
                trunk=trunk,
            )
            made += [Run(recipe, rates[size], seed) for seed in range(config.seeds)]
    return made


def _rates(branching: Branching, rate: float, sizes: Sequence[int]) -> dict[int, float]:
    rule = LearningRates(
        "fixed",
        (rate,),
        branching.rule,
        branching.base_batch_size,
        branching.saturation,
    )
    return {size: scaled(rate, rule, size) for size in sizes}


def _ids(config: SweepConfig, facts: Facts, base: Recipe, rate: float | None) -> set[str]:
    return set() if rate is None else {run.run_id for run in _runs(config, facts, base, rate)}


def _units(
    config: SweepConfig,
    facts: Facts,
    base: Recipe,
    rate: float,
    records: Mapping[str, RunRecord],
    cost: CostModel,
) -> tuple[BranchUnit, ...]:
    """Return a unit for each seed of which a branch is missing."""
    missing = [run for run in _runs(config, facts, base, rate) if run.run_id not in records]
    cost = {facts.trainer: cost, **cost.rivals}.get("loop", cost)
    units = []
    for seed in sorted({run.seed for run in missing}):
        unit = BranchUnit(
            tuple(run for run in missing if run.seed == seed),
            facts.device,
            facts.threads_each,
            streamed=facts.streamed,
        )
        units.append(replace(unit, predicted_seconds=_seconds(unit, cost)))
    return tuple(units)


def _seconds(unit: BranchUnit, cost: CostModel) -> float:
    trunk = unit.trunk
    seconds = cost.group_seconds(trunk.steps, trunk.batch_size)
    for run in unit.runs:
        steps, size = run.recipe.steps, run.recipe.batch_size
        seconds += cost.group_seconds(steps, size) - cost.unit_seconds - cost.run_seconds
        seconds += _FORWARD * _EVALUATED * cost.sample_seconds
    return seconds
