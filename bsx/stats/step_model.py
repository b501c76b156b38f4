"""Speed by batch size: seconds per step = α + βB, and the knee of the throughput.

A step costs α whatever it holds and β for each sample, so that the throughput B/(α + βB) rises to
1/β and reaches nine tenths of it at B = 9α/β. Machines do not keep to that line (caches fill, other
kernels are chosen), so that the line is for describing and for sizes between measured ones, and the
knee is looked for among the measured throughputs themselves.

Each size is timed in several rounds, each in a process of its own. How much the rounds of one size
differ, pooled over the sizes, says how far an equal probe would land; that is what the intervals
hold. Draws within a round share the process's luck and would promise too much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bsx.schema import Estimate
from bsx.stats.intervals import LEVEL, Array, percentile_interval, pooled_spread

SHARE = 0.9  # of the best throughput: the knee
_RESAMPLES = 4000
_ITERATIONS = 20
_LOG_SECONDS = -50.0, 50.0  # that numbers can hold, squared
_HUBER = 0.05  # relative residual from which on a size counts less
_MEDIAN_VARIANCE = math.pi / 2  # of a median, in units of that of a mean, of normal draws
_METHOD = "as equal probes would differ"

Rounds = Mapping[int, Sequence[Sequence[float]]]  # batch size → round → seconds per step


@dataclass(frozen=True)
class StepModel:
    """What the timings of several sizes say together; None where they are too few."""

    alpha: Estimate | None  # seconds
    beta: Estimate | None  # seconds per sample
    knee: Estimate | None  # batch size


def step_model(rounds: Rounds) -> StepModel:
    """Fit the line through the times of all sizes, and find the knee.

    The knee is the smallest size that was timed whose throughput is at least ``SHARE`` of the best.
    It is named where twice the size was timed, or more: short of that the throughput may still rise
    with the size, and the knee is censored at the largest.
    """
    sizes = np.array(sorted(rounds), dtype=float)
    if len(sizes) < 2:
        return StepModel(None, None, None)
    logs = [np.log([np.median(draws) for draws in rounds[int(size)]]) for size in sizes]
    every = [[draw for draws in rounds[int(size)] for draw in draws] for size in sizes]
    center = np.log([np.median(draws) for draws in every])  # as tables show it
    drawn = np.exp(np.clip(_as_equal_probes(center, logs), *_LOG_SECONDS))
    times = np.exp(center)
    n = max(len(of) for of in logs)
    alpha, beta = fit_line(sizes, times[None, :])
    alphas, betas = fit_line(sizes, drawn)
    return StepModel(
        _estimate(float(alpha[0]), alphas, n),
        _estimate(float(beta[0]), betas, n),
        _knee(sizes, times, drawn, n),
    )


def fit_line(sizes: Array, times: Array) -> tuple[Array, Array]:
    """Fit α, β ≥ 0 to t ≈ α + βB by relative residuals, robustly (Huber's weights).

    Args:
        sizes: shape (sizes,).
        times: seconds per step, shape (draws, sizes).

    Returns:
        α and β of each draw, shape (draws,).
    """
    x = 1 / times  # of the relative model 1 ≈ α/t + βB/t
    y = sizes / times
    weights = np.ones_like(times)
    alpha = beta = np.zeros(len(times))
    for _ in range(_ITERATIONS):
        alpha, beta = _not_negative(x, y, weights)
        off = np.abs(1 - alpha[:, None] * x - beta[:, None] * y)
        weights = np.minimum(1.0, _HUBER / np.maximum(off, 1e-12))
    return alpha, beta


def _not_negative(x: Array, y: Array, weights: Array) -> tuple[Array, Array]:
    """Solve 1 ≈ αx + βy by weighted least squares with α, β ≥ 0, of each row."""
    xx, yy, xy = ((weights * a * b).sum(axis=1) for a, b in ((x, x), (y, y), (x, y)))
    sx, sy = ((weights * a).sum(axis=1) for a in (x, y))
    determinant = xx * yy - xy**2
    # where rounds differ by much, some draws are of times so far apart that one alone counts
    lost = ~(determinant > 1e-12 * xx * yy)
    determinant = np.where(lost, 1.0, determinant)
    alpha = np.where(lost, -1.0, (sx * yy - sy * xy) / determinant)
    beta = (sy * xx - sx * xy) / determinant
    only_beta, only_alpha = alpha < 0, beta < 0
    alpha = np.where(only_beta, 0.0, np.where(only_alpha, sx / xx, alpha))
    beta = np.where(only_alpha, 0.0, np.where(only_beta, sy / yy, beta))
    return alpha, beta


def knee_at(sizes: Array, times: Array) -> Array:
    """Return the place of the smallest size with ``SHARE`` of the best throughput, of each row."""
    throughput = sizes / times
    enough = throughput >= SHARE * throughput.max(axis=-1, keepdims=True)
    place: Array = enough.argmax(axis=-1)
    return place


def _knee(sizes: Array, times: Array, drawn: Array, n: int) -> Estimate | None:
    last = len(sizes) - 1
    open_from = int((2 * sizes <= sizes[last]).sum())  # of these no size twice as large was timed
    place = int(knee_at(sizes, times))
    ordered = np.sort(knee_at(sizes, drawn))
    low = int(ordered[int((1 - LEVEL) / 2 * len(ordered))])
    high = int(ordered[math.ceil((1 + LEVEL) / 2 * len(ordered)) - 1])
    low, high = min(low, place), max(high, place)
    above = None if high >= open_from else float(sizes[high])
    at_least = float(sizes[low]) if n > 1 else None
    if place >= open_from:
        return Estimate(None, at_least, None, LEVEL, n, _METHOD, censored_at=float(sizes[last]))
    return Estimate(float(sizes[place]), at_least, above if n > 1 else None, LEVEL, n, _METHOD)


def _as_equal_probes(center: Array, logs: Sequence[Array]) -> Array:
    """Draw the log times that equal probes would find, shape (draws, sizes).

    Both this probe and another err by the median of a few rounds; their spread is pooled.
    """
    spread, degrees = pooled_spread(logs)
    if degrees == 0:
        return center[None, :]
    each = np.array([_error_of_median(len(of)) for of in logs]) * spread * math.sqrt(2)
    rng = np.random.default_rng(0)
    noise: Array = rng.standard_t(degrees, (_RESAMPLES, len(center)))
    return center + each * noise


def _error_of_median(rounds: int) -> float:
    """Return the error of a median of so many draws, in units of that of one."""
    return math.sqrt((1.0 if rounds < 3 else _MEDIAN_VARIANCE) / rounds)


def _estimate(value: float, drawn: Array, n: int) -> Estimate:
    if len(drawn) == 1:
        return Estimate(value, None, None, LEVEL, n, _METHOD)
    low, high = percentile_interval(drawn)
    return Estimate(value, min(low, value), max(high, value), LEVEL, n, _METHOD)
