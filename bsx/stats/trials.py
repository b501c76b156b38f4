"""A search space → its trials: quasi-random points, the same at each batch size.

The space is a box in the logarithms of its axes. Where the best learning rate lies in the outermost
part of it, a box beside it is searched, a quarter as wide and with a quarter as many trials, so
that what is tried stays equally dense.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from bsx.schema import EFFECTIVE_RATE, MOMENTUM, WEIGHT_DECAY, Axis, Point, Search, Trial, tuned_of
from bsx.stats.quasi_random import sobol
from bsx.stats.selection import OUTERMOST, Table, alike

WIDEN_BY = 0.25  # of the box, in width and in trials
_DIGITS = 4  # that a trial's values have, so that what is printed can be typed


def first_trials(search: Search) -> tuple[Trial, ...]:
    """Return the trials that each batch size begins with, in the order of their rates."""
    points = sobol(len(search.axes), search.trials)
    return tuple(sorted({_trial(search, point) for point in points}))


def further_trials(search: Search, tried: Collection[Point], side: str) -> tuple[Trial, ...]:
    """Return the trials of the next box on a side, ``low`` or ``high``, of all boxes so far."""
    number = 0
    while (found := _box(search, number, side))[0] in tried:
        number += 1
    return found


def edges_beside(steps: Table, chosen: Trial) -> dict[str, str]:
    """Return what is tuned beside the rate and has its best values at an edge, with the side.

    That is where every trial within 20 % of the chosen one lies in the outermost tenth of what was
    tried: the chosen one alone may lie there by chance, of what matters little most of all. Less
    weight decay than the least is as good as none, and no edge.
    """
    found = {}
    near = [tuned_of(point) for point in alike(steps, chosen)]
    for name in tuned_of(chosen):
        tried = [tuned_of(point)[name] for point in steps]
        if min(tried) == max(tried):
            continue
        axis = Axis(name, min(tried), max(tried))
        shares = [axis.share(tuned[name]) for tuned in near]
        if min(shares) >= 1 - OUTERMOST:
            found[name] = "high"
        elif max(shares) <= OUTERMOST and name != WEIGHT_DECAY:
            found[name] = "low"
    return found


def _box(search: Search, number: int, side: str) -> tuple[Trial, ...]:
    """Return the trials of box ``number``, from 0, on a side: the sequence goes on there."""
    each = max(1, round(search.trials * WIDEN_BY))
    begin = search.trials + (2 * number + (side == "high")) * each
    points = sobol(len(search.axes), begin + each)[begin:]
    start = 1 + number * WIDEN_BY if side == "high" else -(number + 1) * WIDEN_BY
    return tuple(sorted({_trial(search, (start + WIDEN_BY * u, *rest)) for u, *rest in points}))


def _trial(search: Search, point: Sequence[float]) -> Trial:
    """Return the trial at a point, given as shares of the axes."""
    tuned = [
        (axis.name, _rounded(axis.at(share), axis.name))
        for axis, share in zip(search.beside, point[1:], strict=True)
    ]
    rate = search.rate.at(point[0])
    if search.rate.name == EFFECTIVE_RATE:
        rate *= 1 - dict(tuned)[MOMENTUM]
    return Trial(_significant(rate), tuple(tuned))


def _rounded(value: float, name: str) -> float:
    """Round as :func:`_significant` does, and of momentum what it lets go: 1 − 0.99996 is not 0."""
    return round(1 - _significant(1 - value), 12) if name == MOMENTUM else _significant(value)


def _significant(value: float) -> float:
    return round(value, _DIGITS - 1 - math.floor(math.log10(abs(value))))
