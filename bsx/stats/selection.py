"""The choice of a learning rate, or of a trial, and what that choice costs in honesty.

Rates are compared by two goals: fastest to a target, and best at the end. The best of many looks
better than it is; how much is seen by scoring each seed at the rate that the *other* seeds would
have chosen (leave one seed out). Repeating the choice inside resamples does not show it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bsx.schema import Point, Trial, rate_of

BASIN = 1.2  # rates within 20 % of the fastest
LEAVE_OUT_FROM = 3  # seeds: with two, the choice would hang on one run
OUTERMOST = 0.1  # of the range that trials cover: what lies there is at its edge

# rate or trial → seed → steps to the target or metric at the end; None: censored, or diverged
Table = Mapping[Point, Mapping[int, float | None]]
# What a rule of choice says of one rate; the smallest is chosen.
Key = tuple[float, ...]


@dataclass(frozen=True)
class Choice:
    """A chosen rate or trial: on which side of those tried it stands, and how wide its basin is.

    ``edge`` is ``low`` or ``high`` where a better rate may lie outside, else None. ``basin`` holds
    learning rates.
    """

    rate: Point
    edge: str | None
    basin: tuple[float, float] | None


def edges(tried: Sequence[Point], chosen: Point) -> str | None:
    """Say on which side of the rates tried the chosen one is: ``low``, ``high`` or None.

    Rates at which every run diverged count as tried: a winner beside them is no edge. With a
    single rate there is nothing to choose, and so no edge. Trials are scattered: one is at the edge
    in the outermost tenth of the range (in logarithms) of effective rates that were tried.
    """
    rates = sorted({_reach(point) for point in tried})
    if len(rates) < 2:
        return None
    low, high = rates[0], rates[-1]
    margin = (high / low) ** OUTERMOST if isinstance(chosen, Trial) else 1.0
    if _reach(chosen) <= low * margin:
        return "low"
    return "high" if _reach(chosen) >= high / margin else None


def _reach(point: Point) -> float:
    return point.effective_rate if isinstance(point, Trial) else point


def fastest(steps: Table) -> Choice | None:
    """Choose the rate with the fewest steps to the target; None where no run reached it.

    Rates that reach it in a larger share of their seeds come first, then those with the smaller
    geometric mean of the steps, then the smaller rate.
    """
    ranks = ranked(steps)
    if not ranks:
        return None
    rate = ranks[0]
    return Choice(rate, edges(list(steps), rate), _basin(steps, _keys(steps, _speed_key), rate))


def ranked(steps: Table) -> list[Point]:
    """Return the rates that reached the target with a seed, in the order of :func:`fastest`."""
    return _in_order(_keys(steps, _speed_key))


def alike(steps: Table, chosen: Point) -> list[Point]:
    """Return the rates whose seeds, however many, are on average within 20 % of the chosen one."""
    keys = {rate: key for rate, row in steps.items() if (key := _speed_key(rate, row))}
    share, center = keys[chosen]
    return [r for r, k in keys.items() if k[0] <= share and k[1] <= center + math.log(BASIN)]


def best_at_end(values: Table, losses: Table, *, higher_is_better: bool) -> Choice | None:
    """Choose the rate with the best mean metric at the end; None where every run diverged.

    Rates with a larger share of surviving seeds come first, then the better mean of ``values``;
    ties are broken by the mean of ``losses`` (lower is better), then by distance from the edges of
    the rates tried.
    """
    ranks = ranked_at_end(values, losses, higher_is_better=higher_is_better)
    return Choice(ranks[0], edges(list(values), ranks[0]), None) if ranks else None


def ranked_at_end(values: Table, losses: Table, *, higher_is_better: bool) -> list[Point]:
    """Return the rates with a run that did not diverge, in the order of :func:`best_at_end`."""
    return _in_order(_keys(values, _quality_key(values, losses, higher_is_better)))


def leave_one_out(table: Table, choose: Callable[[Table], Choice | None]) -> dict[int, Point]:
    """Return seed → the rate chosen from the other seeds.

    With fewer than three seeds, or where the others choose a rate that this seed did not run, it
    is the rate chosen from all.
    """
    seeds = sorted({seed for row in table.values() for seed in row})
    chosen = choose(table)
    if chosen is None:
        return {}
    rates: dict[int, Point] = {}
    for seed in seeds:
        rate = chosen.rate
        if len(seeds) >= LEAVE_OUT_FROM:
            others = choose(without(table, seed))
            if others is not None and seed in table[others.rate]:
                rate = others.rate
        if seed in table[rate]:
            rates[seed] = rate
    return rates


def without(table: Table, seed: int) -> dict[Point, dict[int, float | None]]:
    """Return the table less one seed; rates stay, as tried."""
    return {
        rate: {other: value for other, value in row.items() if other != seed}
        for rate, row in table.items()
    }


def _keys(
    table: Table, key: Callable[[Point, Mapping[int, float | None]], Key | None]
) -> dict[Point, Key]:
    """Return rate → key; rates with under half of the seeds that others had do not compete."""
    most = max((len(row) for row in table.values()), default=0)
    keys: dict[Point, Key] = {}
    for rate, row in table.items():
        if row and 2 * len(row) >= most:
            found = key(rate, row)
            if found is not None:
                keys[rate] = found
    return keys


def _in_order(keys: Mapping[Point, Key]) -> list[Point]:
    return sorted(keys, key=lambda rate: (keys[rate], rate))


def _speed_key(rate: Point, row: Mapping[int, float | None]) -> Key | None:
    logs = [math.log(value) for value in row.values() if value is not None]
    if not logs:
        return None
    return (-_share(len(logs), len(row)), sum(logs) / len(logs))


def _quality_key(
    values: Table, losses: Table, higher_is_better: bool
) -> Callable[[Point, Mapping[int, float | None]], Key | None]:
    ranks = sorted(values)
    sign = -1.0 if higher_is_better else 1.0

    def key(rate: Point, row: Mapping[int, float | None]) -> Key | None:
        there = [value for value in row.values() if value is not None]
        if not there:
            return None
        loss = [losses[rate][seed] for seed in row if losses.get(rate, {}).get(seed) is not None]
        mean_loss = sum(x for x in loss if x is not None) / len(loss) if loss else math.inf
        rank = ranks.index(rate)
        inside = min(rank, len(ranks) - 1 - rank)
        mean = sign * sum(there) / len(there)
        return (-_share(len(there), len(row)), round(mean, 12), round(mean_loss, 12), -inside)

    return key


def _share(part: int, whole: int) -> float:
    return round(part / whole, 9)


def _basin(steps: Table, keys: Mapping[Point, Key], rate: Point) -> tuple[float, float]:
    """Return the lowest and highest rate of the unbroken run around ``rate`` within 20 %.

    Of trials, which differ in more, the rates of all within 20 %.
    """
    share, center = keys[rate]
    limit = center + math.log(BASIN)
    ranks = sorted(steps)

    def inside(other: Point) -> bool:
        return other in keys and keys[other][0] <= share and keys[other][1] <= limit

    if isinstance(rate, Trial):
        near = [rate_of(other) for other in ranks if inside(other)]
        return min(near), max(near)
    low = high = ranks.index(rate)
    while low > 0 and inside(ranks[low - 1]):
        low -= 1
    while high < len(ranks) - 1 and inside(ranks[high + 1]):
        high += 1
    return rate_of(ranks[low]), rate_of(ranks[high])
