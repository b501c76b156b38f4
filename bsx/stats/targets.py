"""The automatic target: the strictest round threshold that every batch size can reach.

A target that small sizes meet and large ones do not would compare nothing; one that all meet at
once would measure nothing. What "strict" means follows the direction of the metric.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bsx.schema import Baseline, Metric, Point, RunStatus
from bsx.stats.blown import blown_up
from bsx.stats.curves import SizeRuns, length_asked

SHARE_OF_SEEDS = 0.9
SHARE_OF_BUDGET = 0.8
_MOST_DIGITS = 300  # floats have no more
# A threshold that every size holds by then, or as soon as it was looked at, says nothing
TRIVIAL_STEPS = 2

# rate → seed → the best value so far, in the direction of the metric; None where it diverged or
# blew up
Bests = Mapping[Point, Mapping[int, float | None]]


@dataclass(frozen=True)
class AutoTarget:
    """A chosen threshold, and the batch sizes that do not reach it (none, if all can)."""

    threshold: float
    beyond: tuple[int, ...]


def automatic_target(
    sizes: Sequence[SizeRuns], metric: Metric, confirm: int = 1, baseline: Baseline | None = None
) -> AutoTarget | None:
    """Choose the strictest round threshold that every size reaches.

    Reaching means: at some rate, at least 90 % of the seeds, within 80 % of the budget, for
    ``confirm`` evaluations in a row, and without blowing up later: ``baseline`` is for
    :func:`bsx.stats.blown.blown_up`. Where no such threshold is stricter than the first steps
    show, as few sizes as possible are given up, and fewer than half of them. None if that does not
    help either.
    """
    late = _reached(sizes, metric, confirm, baseline)
    early = [
        _limit(_bests(s, metric, baseline, None, TRIVIAL_STEPS, confirm), metric)
        for s in sizes
        if late[s.batch_size] is not None
    ]
    known = [(size, limit) for size, limit in late.items() if limit is not None]
    if not known:
        return None
    # From the size that gets least far to the one that gets furthest.
    known.sort(key=lambda pair: pair[1], reverse=not metric.higher_is_better)
    for skipped in range((len(late) - 1) // 2 + 1):
        index = skipped - (len(late) - len(known))  # sizes without a limit are given up first
        if index >= len(known):
            break
        if index < 0:
            continue
        threshold = round_threshold(known[index][1], metric)
        if not all(limit is not None and metric.reaches(limit, threshold) for limit in early):
            beyond = [b for b, limit in late.items() if not _holds(limit, threshold, metric)]
            return AutoTarget(threshold, tuple(sorted(beyond)))
    return None


def held_at_once(
    sizes: Sequence[SizeRuns], metric: Metric, confirm: int = 1, baseline: Baseline | None = None
) -> bool:
    """Say of sizes without an automatic target whether the first look showed all they reach."""
    late = _reached(sizes, metric, confirm, baseline).values()
    return bool(late) and sum(limit is not None for limit in late) > len(late) // 2


def _reached(
    sizes: Sequence[SizeRuns], metric: Metric, confirm: int, baseline: Baseline | None
) -> dict[int, float | None]:
    """Return what nearly all seeds of each size reach within 80 % of the budget."""
    return {
        s.batch_size: _limit(_bests(s, metric, baseline, SHARE_OF_BUDGET, None, confirm), metric)
        for s in sizes
    }


def round_threshold(value: float, metric: Metric) -> float:
    """Return the strictest round number that ``value`` reaches.

    Bounded metrics: multiples of 0.01, of 0.001 within 0.01 of perfection. Others: two
    significant digits.
    """
    if metric.bounded:
        fine = value >= 0.99 if metric.higher_is_better else value <= 0.01
        digits = 3 if fine else 2
    elif value == 0:
        return 0.0
    else:
        digits = min(1 - math.floor(math.log10(abs(value))), _MOST_DIGITS)
    scale = 10.0**digits
    looser = -1 if metric.higher_is_better else 1
    nearest = round(value * scale)  # 0.29 · 100 is not quite 29
    candidates = (round((nearest + i * looser) / scale, max(digits, 0)) for i in (0, 1))
    return next(c for c in candidates if metric.reaches(value, c))


def _holds(limit: float | None, threshold: float, metric: Metric) -> bool:
    return limit is not None and metric.reaches(limit, threshold)


def _limit(bests: Bests, metric: Metric) -> float | None:
    """Return the strictest value that 90 % of the seeds reach at the rate where it is strictest."""
    limits: list[float] = []
    most = max((len(row) for row in bests.values()), default=0)
    for row in bests.values():
        values = sorted(
            (v for v in row.values() if v is not None and not math.isnan(v)),
            reverse=metric.higher_is_better,
        )
        needed = math.ceil(SHARE_OF_SEEDS * len(row) - 1e-9)
        if 2 * len(row) >= most and 0 < needed <= len(values):
            limits.append(values[needed - 1])
    if not limits:
        return None
    return max(limits) if metric.higher_is_better else min(limits)


def _bests(
    runs: SizeRuns,
    metric: Metric,
    baseline: Baseline | None,
    share: float | None,
    steps: int | None,
    confirm: int,
) -> dict[Point, dict[int, float | None]]:
    """Return the best value of each run within a share of its budget, or within some steps, of
    which the first evaluation always is one.

    It must hold for ``confirm`` evaluations in a row, of which the first lies within.
    """
    pick = max if metric.higher_is_better else min
    blown = blown_up(runs, metric, baseline)
    table: dict[Point, dict[int, float | None]] = {}
    for rate, row in runs.series(metric).items():
        table[rate] = {}
        for seed, (at, values) in row.items():
            record = runs.records[rate][seed]
            if share is not None:
                last = share * (length_asked(record) or (at[-1] if at else 0))
            else:
                last = float(max(steps or 0, at[0] if at else 0))
            held = _held(values, metric, confirm)
            seen = held[: bisect_right(at, last)]
            if math.isnan(sum(seen)):
                seen = [v for v in seen if v == v]
            alive = record.status is not RunStatus.DIVERGED and seed not in blown[rate]
            table[rate][seed] = pick(seen) if seen and alive else None
    return table


def _held(values: Sequence[float], metric: Metric, confirm: int) -> Sequence[float]:
    """Return the strictest threshold that holds for so many values from each on; NaN holds none.

    There are as many as have so many values from themselves on.
    """
    if confirm == 1:
        return values
    worst = min if metric.higher_is_better else max
    rows = (values[start : start + confirm] for start in range(len(values) - confirm + 1))
    return [math.nan if any(v != v for v in row) else worst(row) for row in rows]
