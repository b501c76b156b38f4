"""Which rounds a sweep consists of, by its method: every size from the start, or branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bsx.plan import branches, rounds
from bsx.plan.recipes import recipes as from_start
from bsx.plan.rounds import Round
from bsx.schema import CostModel, Facts, Recipe, RunRecord, SweepConfig


def recipes(config: SweepConfig, facts: Facts) -> tuple[Recipe, ...]:
    """Return one recipe for each batch size that is trained from the start, from small to large.

    Raises:
        ConfigError: for batch sizes, targets or budgets that the data and the model do not allow.
    """
    if config.branching is not None:
        return (branches.trunk_recipe(config, facts),)
    return from_start(config, facts)


def next_round(
    config: SweepConfig,
    facts: Facts,
    of: Sequence[Recipe],
    records: Mapping[str, RunRecord],
    cost: CostModel,
) -> Round | None:
    """Return the first round that is not complete, with what is missing of it; None when done.

    ``records`` are those that are not to be trained again, by run id.
    """
    if config.branching is not None:
        return branches.next_round(config, facts, of, records, cost)
    return rounds.next_round(config, facts, of, records, cost)


def members(
    config: SweepConfig, facts: Facts, of: Sequence[Recipe], records: Mapping[str, RunRecord]
) -> set[str]:
    """Return the ids of the runs that make up the sweep as far as it has come."""
    if config.branching is not None:
        return branches.members(config, facts, of, records)
    return rounds.members(config, facts, of, records)
