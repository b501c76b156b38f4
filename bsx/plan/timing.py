"""When which batch size is timed alone.

A machine is not equally quick at every minute: it has other tenants, and it warms up. Draws that
are taken right after one another share that, however many they are. So each size is visited more
than once, as far apart as the sweep allows, with fewer draws a visit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bsx.plan.recipes import staying
from bsx.schema import (
    BranchUnit,
    CostModel,
    DiagnosticUnit,
    Facts,
    Group,
    Recipe,
    SpeedUnit,
    SweepConfig,
    Unit,
    digest,
)

SPEED_RATE = 1e-3  # small enough that no timed run diverges
_VISITS, _DRAWS = 2, 5
_ENERGY_SECONDS = 3.0  # that a device's counter of energy is watched for, if it has one
_LEAST_SECONDS = 0.25, 0.025  # of a visit and of each draw, however quick the steps are


def speed_units(
    config: SweepConfig,
    facts: Facts,
    of: Sequence[Recipe],
    machine: Mapping[str, object],
    cost: CostModel,
) -> tuple[SpeedUnit, ...]:
    """Return the solo speed measurements of each batch size, and of what batches grow to.

    The first visits to all sizes come first. There are none for a program of the user's, which
    alone can say how fast it is and does so in its reports, and none for branches, which say
    nothing of time.
    """
    if config.command is not None or config.branching is not None:
        return ()
    largest = {recipe.largest_batch(facts.train_samples): recipe for recipe in of}
    timed = {size: staying(recipe, size) for size, recipe in largest.items()}
    timed |= {recipe.batch_size: staying(recipe, recipe.batch_size) for recipe in of}
    return tuple(
        speed_unit(config, facts, recipe, machine, cost, visit=visit, draws=_DRAWS)
        for visit in range(_VISITS)
        for _, recipe in sorted(timed.items())
    )


def speed_unit(
    config: SweepConfig,
    facts: Facts,
    recipe: Recipe,
    machine: Mapping[str, object],
    cost: CostModel,
    *,
    visit: int = 0,
    draws: int = 14,
) -> SpeedUnit:
    """Return one visit to one batch size."""
    once, each = _LEAST_SECONDS
    energy = _ENERGY_SECONDS if facts.device.startswith("cuda") and visit == 0 else 0.0
    steps = draws + 3  # at least, with those that warm up
    return SpeedUnit(
        recipe=recipe,
        learning_rate=SPEED_RATE,
        loop=facts.timed_loop(config.speed_loop),
        device=facts.device,
        threads=facts.threads,
        worker="speed" if facts.devices == 1 else "speed-devices",
        devices=facts.devices,
        machine=digest(machine),
        visit=visit,
        draws=draws,
        predicted_seconds=energy
        + max(once + draws * each, cost.group_seconds(steps, recipe.batch_size) - cost.run_seconds),
    )


def in_order(
    config: SweepConfig,
    facts: Facts,
    groups: Sequence[Group | BranchUnit | DiagnosticUnit],
    speeds: Sequence[SpeedUnit],
) -> list[Unit]:
    """Say which unit comes when.

    With the time limited, sizes come one after another, in the order of :func:`_by_worth`. With
    one slot the cheapest groups come first. Otherwise speeds are timed before all else, and the
    longest groups begin first, so that no slot ends late.
    """
    if config.within_seconds is not None:
        return _interleaved(_by_worth(groups), speeds)
    if facts.workers == 1:
        return _interleaved(groups, speeds)
    longest = sorted(groups, key=lambda group: -group.predicted_seconds)
    return [*speeds, *longest]


def _by_worth(
    groups: Sequence[Group | BranchUnit | DiagnosticUnit],
) -> Sequence[Group | BranchUnit | DiagnosticUnit]:
    """Order the groups so that the sizes which are done tell most whenever the time is over.

    Each size is whole before the next begins. The cheapest comes first, then, each time, the one
    that lies furthest from those before it, in doublings, for its seconds: neighbours tell the
    same, and three sizes far apart tell how far larger ones pay.
    """
    sizes: dict[int, list[Group]] = {}
    for group in groups:
        if not isinstance(group, Group):  # those of branches build on one another
            return groups
        sizes.setdefault(group.recipe.batch_size, []).append(group)
    seconds = {size: sum(one.predicted_seconds for one in of) for size, of in sizes.items()}
    ordered: list[Group] = []
    before: list[int] = []

    def price(size: int) -> tuple[float, float]:
        doublings = min((abs(math.log2(size / other)) for other in before), default=1.0)
        return seconds[size] / doublings, seconds[size]

    while sizes:
        before.append(min(sizes, key=price))
        ordered += sizes.pop(before[-1])
    return ordered


def _interleaved(
    groups: Sequence[Group | BranchUnit | DiagnosticUnit], speeds: Sequence[SpeedUnit]
) -> list[Unit]:
    """Put each size's speed right behind its group: a size is of use when both are known."""
    waiting = {unit.recipe.batch_size: unit for unit in speeds}
    units: list[Unit] = []
    for group in groups:
        units.append(group)
        speed = waiting.pop(group.recipe.batch_size, None)
        if speed is not None:
            units.append(speed)
    return [*units, *waiting.values()]
