"""Which learning rates of a group are clearly behind at a rung, and are not trained on.

Successive halving (Karnin et al. 2013, Jamieson and Talwalkar 2016) drops the worse half at each
rung. Here nothing is dropped by rank: a rate goes where the seeds, paired, leave no doubt that it
is behind the best one, even if it went on rising as it did. What is looked at is the group's own
curves up to the rung, so that the same group always drops the same runs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from bsx.schema import FEWEST_SEEDS, CurvePoint, Point

RUNGS = (0.25, 0.5)  # of the steps
LEAST_STEPS = 8  # before the first rung: with fewer nothing can be seen
_WINDOW = 1.25  # evaluations within this factor before a step are averaged
# Student's t at 99.5 % on one side, by degrees of freedom; further ones take the last before them.
# So strict, because the best of several rates looks better than it is.
_SURE = {1: 63.66, 2: 9.92, 3: 5.84, 4: 4.60, 5: 4.03, 6: 3.71, 7: 3.50, 8: 3.36, 9: 3.25,
         10: 3.17, 12: 3.05, 15: 2.95, 20: 2.85, 30: 2.75, 60: 2.66}  # fmt: skip

Curves = Mapping[int, Sequence[CurvePoint]]


def rungs(evaluate_at: Sequence[int], steps: int) -> tuple[int, ...]:
    """Return the evaluated steps at which rates may be dropped, of so many ``steps``."""
    wanted = [share * steps for share in RUNGS if share * steps >= LEAST_STEPS]
    found = (next(step for step in evaluate_at if step >= least) for least in wanted)
    return tuple(step for step in dict.fromkeys(found) if step < steps)


def dominated(
    members: Sequence[tuple[Point, int]],
    curves: Curves,
    rung: int,
    steps: int,
    quality: tuple[str, bool],
) -> set[int]:
    """Return the numbers of the runs that need not be trained beyond ``rung``.

    Args:
        members: rate (or trial) and seed of each run of the group.
        curves: of the runs that are alive, by their number.
        rung: the step that they have come to.
        steps: that they would take in all.
        quality: the metric that is judged by, and whether higher is better.
    """
    tables: dict[Point, dict[int, tuple[float, float]]] = defaultdict(dict)
    for number, curve in curves.items():
        point, seed = members[number]
        tables[point][seed] = _now_and_foretold(curve, rung, steps, quality)
    most = max((len(row) for row in tables.values()), default=0)
    whole = [point for point, row in tables.items() if len(row) == most]
    if most < FEWEST_SEEDS or len(tables) < 2:
        return set()
    best = max(whole, key=lambda point: sum(now for now, _ in tables[point].values()))
    behind = {point for point in tables if _clearly_behind(tables[point], tables[best])}
    return {number for number in curves if members[number][0] in behind}


def _now_and_foretold(
    curve: Sequence[CurvePoint], rung: int, steps: int, quality: tuple[str, bool]
) -> tuple[float, float]:
    """Return the metric at the rung, higher being better, and at the end if it rises on.

    Curves flatten: what the last doubling of the steps brought, no later one is to exceed.
    """
    name, higher_is_better = quality
    sign = 1.0 if higher_is_better else -1.0

    def around(step: float) -> float:
        near = [p.metrics[name] for p in curve if step / _WINDOW < p.step <= step]
        before = [p.metrics[name] for p in curve if p.step <= step]
        values = near or before[-1:] or [curve[0].metrics[name]]
        return sign * sum(values) / len(values)

    now = around(rung)
    gained = max(0.0, now - around(rung / 2))
    return now, now + gained * math.log2(steps / rung)


def _clearly_behind(
    of: Mapping[int, tuple[float, float]], best: Mapping[int, tuple[float, float]]
) -> bool:
    """Whether what is foretold of a rate is below where the best is now, seed by seed."""
    lags = [best[seed][0] - foretold for seed, (_, foretold) in of.items() if seed in best]
    n = len(lags)
    if n < FEWEST_SEEDS:
        return False
    mean = sum(lags) / n
    spread = math.sqrt(sum((lag - mean) ** 2 for lag in lags) / (n - 1))
    sure = next(t for df, t in reversed(_SURE.items()) if df <= n - 1)
    return mean > 0 and mean > sure * spread / math.sqrt(n)
