"""SweepConfig + Facts + records → the next round of units, in the order of most value.

A round is derived from completed records of the rounds before it and from nothing else, so that a
sweep that was interrupted goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bsx.arithmetic import evaluated_samples, evaluation_steps
from bsx.plan.completed import rates_after
from bsx.plan.memory import most_lanes
from bsx.plan.recipes import staying
from bsx.plan.runs import runs_of
from bsx.plan.timing import SPEED_RATE
from bsx.schema import (
    BranchUnit,
    CalibrationUnit,
    CostModel,
    Facts,
    Group,
    Point,
    Recipe,
    RunRecord,
    SweepConfig,
)
from bsx.tuning import MOST_ROUNDS, Rates, Seeds, first_rates

_CALIBRATION_SIZE = 256  # large against the smallest size, and quickly run
_CALIBRATION_SAMPLES = 128  # evaluated after each step: enough to see what more of them take
_RIVAL_LANES = 2  # where lanes share no products, a lane costs what another does


@dataclass(frozen=True)
class Round:
    """The units of one round, how many rounds came before it, and what it is foretold to entail."""

    number: int
    groups: tuple[Group | BranchUnit, ...]
    later: tuple[BranchUnit, ...] = ()


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
    for number, rates in enumerate(_rounds(config, facts, of, records)):
        groups = [
            group
            for recipe in of
            for group in _groups(
                config, facts, recipe, rates[recipe.batch_size], records, number, len(of)
            )
        ]
        if groups:
            ordered = sorted(
                _costed(groups, facts, cost), key=lambda group: group.predicted_seconds
            )
            return Round(number, tuple(ordered))
    return None


def members(
    config: SweepConfig, facts: Facts, of: Sequence[Recipe], records: Mapping[str, RunRecord]
) -> set[str]:
    """Return the ids of the runs that make up the sweep as far as it has come."""
    *_, last = _rounds(config, facts, of, records)
    runs = (run for recipe in of for run in runs_of(recipe, last[recipe.batch_size]).values())
    return {run.run_id for run in runs}


def calibration(
    config: SweepConfig, facts: Facts, of: Sequence[Recipe], trainer: str
) -> CalibrationUnit:
    """Return the unit that times ``trainer`` on a small and a large group of this sweep."""
    sizes = sorted({*(recipe.batch_size for recipe in of), *(config.batch_sizes.sizes or ())})
    large = max([size for size in sizes if size <= _CALIBRATION_SIZE] or sizes[:1])
    small = min(sizes[0], large)
    grid = next(iter(sorted(first_rates(config, sizes).values(), key=len, reverse=True)))
    lanes: list[tuple[Point, int]]
    lanes = [(rate, seed) for rate, seeds in grid.items() for seed in range(seeds)]
    curve = min(of[0].evaluation_samples or facts.curve_samples, facts.validation_samples)
    if trainer != "lanes":
        lanes = [(SPEED_RATE, 0)]
    elif trainer != facts.trainer:
        lanes = lanes[:_RIVAL_LANES]
    return CalibrationUnit(
        recipe=replace(
            staying(of[0], of[0].batch_size),
            evaluation_samples=min(_CALIBRATION_SAMPLES, curve),
        ),
        members=tuple(lanes[: most_lanes(config, facts, large)]),
        batch_sizes=tuple(sorted({small, large})),
        evaluated=evaluated_samples(
            len(evaluation_steps(of[0].steps, of[0].evaluation_spacing)),
            curve,
            facts.train_samples,
            facts.validation_samples + facts.test_samples,
        ),
        trainer=trainer,
        device=facts.device,
        threads=facts.threads_each,
        streamed=facts.streamed,
        devices=facts.devices,
    )


def _rounds(
    config: SweepConfig, facts: Facts, of: Sequence[Recipe], records: Mapping[str, RunRecord]
) -> Iterator[Rates]:
    """Yield the rates of each round, up to the first that is not complete."""
    rates = first_rates(config, [recipe.batch_size for recipe in of])
    for number in range(2 * MOST_ROUNDS):
        yield rates
        runs = [run for recipe in of for run in runs_of(recipe, rates[recipe.batch_size]).values()]
        done = [records[run.run_id] for run in runs if run.run_id in records]
        if len(done) < len(runs):
            return
        further = rates_after(config, facts, rates, done, widen=number < MOST_ROUNDS - 1)
        if further == rates:
            return
        rates = further


def _groups(
    config: SweepConfig,
    facts: Facts,
    recipe: Recipe,
    rates: Seeds,
    records: Mapping[str, RunRecord],
    number: int,
    sizes: int,
) -> list[Group]:
    """The missing runs of one of ``sizes``, in as few groups as memory and workers allow."""
    missing = [one for one, run in runs_of(recipe, rates).items() if run.run_id not in records]
    most = most_lanes(config, facts, recipe.largest_batch(facts.train_samples))
    pieces = -(-facts.workers // sizes)
    if config.learning_rates.halving:  # rates are compared over the seeds of one group
        pieces = 1
    return [
        Group(
            recipe=recipe,
            members=members,
            trainer=facts.trainer,
            device=facts.device,
            threads=facts.threads_each,
            round=number,
            judged_by=facts.metric if config.command else None,
            timeout_seconds=config.command.timeout_seconds if config.command else None,
            streamed=facts.streamed,
            halving=config.learning_rates.halving,
            devices=facts.devices,
        )
        for members in _packed(missing, most, pieces)
    ]


def _packed(
    missing: Sequence[tuple[Point, int]], most: int, pieces: int
) -> Iterator[tuple[tuple[Point, int], ...]]:
    """Divide runs into groups of at most ``most``, so that there are about ``pieces`` or more.

    The rates of a seed stay together as long as that is possible: they share their batches.
    """
    seeds = sorted({seed for _, seed in missing})
    rates = len({rate for rate, _ in missing})
    if rates > most:
        yield from (tuple(missing[n : n + most]) for n in range(0, len(missing), most))
        return
    each = max(1, min(-(-len(seeds) // pieces), most // max(rates, 1)))
    for first in range(0, len(seeds), each):
        some = set(seeds[first : first + each])
        yield tuple(member for member in missing if member[1] in some)


def _costed(groups: Sequence[Group], facts: Facts, cost: CostModel) -> list[Group]:
    return [_quickest(group, facts, cost) for group in groups]


def _quickest(group: Group, facts: Facts, cost: CostModel) -> Group:
    """Give the group to the trainer that was measured to do such work in the least time."""
    costs = {group.trainer: cost, **cost.rivals}
    able = [replace(group, trainer=trainer) for trainer in costs]
    timed = [
        replace(one, predicted_seconds=_seconds(one, facts, costs[one.trainer])) for one in able
    ]
    return min(timed, key=lambda one: one.predicted_seconds)


def _seconds(group: Group, facts: Facts, cost: CostModel) -> float:
    """Lanes share each step's overhead; other trainers take the runs one after another."""
    recipe, runs = group.recipe, len(group.members)
    steps = recipe.length(facts.train_samples)
    size = round(recipe.batch_size * recipe.steps / steps)  # on average, where batches grow
    return cost.group_seconds(steps, size, runs, together=group.trainer == "lanes")
