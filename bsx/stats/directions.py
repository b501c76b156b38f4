"""Gradients of mini-batches against the full one: how they vary, and where they point."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bsx.schema import (
    DiagnosticRecord,
    Direction,
    DirectionDraws,
    Estimate,
    GradientPoint,
    Gradients,
    Observation,
)
from bsx.stats.intervals import LEVEL, mean_estimate, t_quantile

# From here on the direction counts as settled: 26° from the full gradient's. An assumption.
COSINE = 0.9
_PLACES = ("start", "middle", "end")


def gradients_of(record: DiagnosticRecord, samples: int) -> Gradients | None:
    """Estimate what the draws of a run say; None where there are none. ``samples`` an epoch."""
    seen = [o for o in record.observations if o.directions and o.full_norm is not None]
    if not seen:
        return None
    run = record.run
    return Gradients(
        run.recipe.batch_size,
        run.learning_rate,
        run.seed,
        COSINE,
        tuple(_point(o, _place(o, run.recipe.steps, n), samples) for n, o in enumerate(seen)),
    )


def _place(seen: Observation, steps: int, number: int) -> str:
    if seen.step == 0:
        return "start"
    return "end" if seen.step >= steps or number == len(_PLACES) - 1 else "middle"


def _point(seen: Observation, place: str, samples: int) -> GradientPoint:
    found = [one for one in map(_direction, seen.directions) if one is not None]
    return GradientPoint(
        place,
        seen.step,
        seen.samples_seen / samples,
        seen.full_norm or 0.0,
        variance_exponent(found),
        settles_at(found),
        tuple(found),
    )


def _direction(draws: DirectionDraws) -> Direction | None:
    variance = mean_estimate(draws.deviations, bounds=(0.0, None))
    cosine = mean_estimate(draws.cosines, bounds=(-1.0, 1.0))
    if variance is None or cosine is None:
        return None
    return Direction(draws.batch_size, variance, cosine)


def variance_exponent(found: Sequence[Direction]) -> Estimate | None:
    """Estimate the power of the batch size that the variance follows: −1 for independent samples.

    Least squares through the logs, Student's t; None for fewer than three sizes.
    """
    known = [(d.batch_size, d.variance.value) for d in found if d.variance.value]
    if len(known) < 3:
        return None
    sizes, variances = np.log([known]).reshape(-1, 2).T
    x, y = sizes - sizes.mean(), variances - variances.mean()
    slope = float(x @ y / (x @ x))
    off = y - slope * x
    error = math.sqrt(off @ off / (len(known) - 2) / (x @ x))
    half = t_quantile(len(known) - 2) * error
    return Estimate(slope, slope - half, slope + half, LEVEL, len(known), "least squares of logs")


def settles_at(found: Sequence[Direction], cosine: float = COSINE) -> Estimate | None:
    """Estimate the batch size at which the cosine to the full gradient comes to ``cosine``.

    Read between two sizes on the line through their cosines against the log of the size; the
    interval is where the band of the cosines' intervals holds it. Without a value it lies below
    the smallest size (then ``high`` is that) or beyond the largest (``low``).
    """
    if not found:
        return None
    sizes = [d.batch_size for d in found]
    n = min(d.cosine.n for d in found)
    value = _reaches(sizes, [d.cosine.value for d in found], cosine)
    low = _reaches(sizes, [d.cosine.high or d.cosine.value for d in found], cosine)
    high = _reaches(sizes, [_or(d.cosine.low, d.cosine.value) for d in found], cosine)
    smallest, largest = float(sizes[0]), float(sizes[-1])
    method = "between the sizes measured"
    if value == smallest:
        method = "at or below the smallest size"
    elif value == math.inf:
        method = "beyond the largest size"
    return Estimate(
        value if smallest < value < math.inf else None,
        None if low == smallest else min(low, largest),
        None if high == math.inf else high,
        LEVEL,
        n,
        method,
    )


def _or(first: float | None, second: float | None) -> float | None:
    return second if first is None else first


def _reaches(sizes: Sequence[int], values: Sequence[float | None], level: float) -> float:
    """Return where a curve over the log of the size first comes to ``level``; inf for never."""
    before: tuple[float, float] | None = None
    for size, value in zip(sizes, values, strict=True):
        if value is None:
            continue
        if value >= level:
            if before is None:
                return float(size)
            (x, y), share = before, 0.0
            share = (level - y) / (value - y)
            return math.exp(x + share * (math.log(size) - x))
        before = math.log(size), value
    return math.inf
