"""How fast a batch size was: what was timed in one visit or several, summarized.

A size is timed in several visits, each a process of its own, between the others. Draws of one visit
share its luck: by how much visits differ, pooled over the sizes, says how far another would land.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from bsx.schema import Estimate, RunStatus, Speed, SpeedRecord
from bsx.stats.intervals import median_estimate, pooled_spread, reciprocal, t_quantile

_LEAST_FREEDOM = 2  # of one size visited twice hardly anything would be known


def speed_summary(
    records: Sequence[SpeedRecord],
    batch_size: int,
    loop: str,
    steps_per_epoch: int,
    largest: int | None = None,
) -> Speed | None:
    """Summarize the newest measured speed of one batch size; None where there is none.

    The loop asked for comes first; another one's speed is better than none, and is named. The
    peak memory is that of the ``largest`` batch, if there are larger ones on the way.
    """
    draws = measured_speed(records, batch_size, loop)
    step = _step_estimate(records, batch_size, loop)
    if draws is None or step is None:
        return None
    peak = measured_speed(records, largest or batch_size, loop)
    energy = median_estimate(draws.step_joules)
    return Speed(
        draws.loop,
        step,
        reciprocal(step, batch_size),
        step.scaled(steps_per_epoch),
        peak.peak_memory_bytes if peak else None,
        energy.scaled(1 / batch_size) if energy else None,
    )


def _step_estimate(records: Sequence[SpeedRecord], batch_size: int, loop: str) -> Estimate | None:
    """Estimate the seconds of a step, no surer than the visits to all sizes agree."""
    visits = speed_visits(records, batch_size, loop)
    step = median_estimate([draw for visit in visits for draw in visit.step_seconds])
    spread, dof = _between_visits(records, loop)
    if step is None or step.value is None or dof < _LEAST_FREEDOM:
        return step
    reach = math.exp(t_quantile(dof) * spread / math.sqrt(len(visits)))
    low, high = step.value / reach, step.value * reach
    return replace(
        step,
        low=low if step.low is None else min(step.low, low),
        high=high if step.high is None else max(step.high, high),
        method="median, as its draws and visits differ",
    )


def _between_visits(records: Sequence[SpeedRecord], loop: str) -> tuple[float, int]:
    """Return the standard deviation of the log medians of a size's visits, pooled over sizes.

    With its degrees of freedom; 0 where no size was visited twice.
    """
    every = (speed_visits(records, size, loop) for size in {r.batch_size for r in records})
    return pooled_spread(
        [math.log(median(visit.step_seconds)) for visit in visits] for visits in every
    )


def measured_speed(
    records: Sequence[SpeedRecord], batch_size: int, loop: str
) -> SpeedRecord | None:
    """Return what was measured of the speed, all visits in one; None where nothing was."""
    visits = speed_visits(records, batch_size, loop)
    if not visits:
        return None
    return replace(
        visits[-1],
        step_seconds=tuple(draw for visit in visits for draw in visit.step_seconds),
        step_joules=tuple(draw for visit in visits for draw in visit.step_joules),
        peak_memory_bytes=max(visit.peak_memory_bytes or 0 for visit in visits) or None,
    )


def speed_visits(
    records: Sequence[SpeedRecord], batch_size: int, loop: str
) -> tuple[SpeedRecord, ...]:
    """Return the visits in which a size was timed, on the machine where that was done last.

    The loop asked for comes first; where it was not timed, another one.
    """
    usable = [
        r
        for r in records
        if r.batch_size == batch_size and r.status is RunStatus.COMPLETED and r.step_seconds
    ]
    asked = [r for r in usable if r.loop == loop]
    found = asked or usable
    return tuple(record for record in found if record.same_as == found[-1].same_as)


def step_times(records: Sequence[SpeedRecord], loop: str) -> dict[int, float]:
    """Return batch size → median seconds per step, of every size that was measured."""
    measured = {r.batch_size: measured_speed(records, r.batch_size, loop) for r in records}
    return {size: median(record.step_seconds) for size, record in measured.items() if record}


def spread(draws: Sequence[float]) -> float:
    """Return the interquartile range as a share of the median."""
    ordered = sorted(draws)
    n = len(ordered)
    if n < 2:
        return 0.0

    def quantile(q: float) -> float:
        at = q * (n - 1)
        below = math.floor(at)
        above = min(below + 1, n - 1)
        return ordered[below] + (at - below) * (ordered[above] - ordered[below])

    return (quantile(0.75) - quantile(0.25)) / quantile(0.5)
