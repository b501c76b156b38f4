"""Intervals for a handful of draws: means, geometric means, medians, resamples.

Every function gives an :class:`~bsx.schema.Estimate`; one draw has no interval, never one of no
width, and draws that are all equal show no spread: their mean has none, but for what they are known
to hide. What is estimated (steps, accuracy, seconds) is the caller's business.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bsx.schema import Estimate
from bsx.stats.tails import fair_coin_cdf, t_ppf

LEVEL = 0.95
NEVER_NEGATIVE = (0.0, None)  # the bounds of a loss
NO_SPREAD = 1e-12  # of the size of the values: a spread below it is the arithmetic's

Array = NDArray[np.float64]


def t_quantile(dof: float, level: float = LEVEL) -> float:
    """Return the two-sided quantile of Student's t: 2.776 for 4 degrees of freedom at 95 %."""
    return float(t_ppf(0.5 + level / 2, dof))


def mean_estimate(
    values: Sequence[float],
    *,
    level: float = LEVEL,
    bounds: tuple[float | None, float | None] = (None, None),
    grain: float = 0.0,
    method: str = "t interval",
) -> Estimate | None:
    """Estimate a mean by Student's t; None for no values.

    ``bounds`` are what the quantity cannot leave (0 and 1 for an accuracy): the interval is cut
    there. ``grain`` is the step that values move in, 1/n for a share of n samples: their variance
    is not taken for less than what falls on one step, grain²/12, because equal seeds do not show
    that there is no spread. One value has no interval, nor have equal ones of no known grain.
    """
    if not values:
        return None
    draws = np.asarray(values, dtype=float)
    center = float(draws.mean())
    deviation = 0.0 if len(draws) == 1 else max(float(draws.std(ddof=1)), grain / math.sqrt(12))
    if len(draws) == 1 or deviation <= NO_SPREAD * float(np.abs(draws).max()):
        return Estimate(center, None, None, level, len(draws), method)
    half = t_quantile(len(draws) - 1, level) * deviation / math.sqrt(len(draws))
    low, high = center - half, center + half
    if bounds[0] is not None:
        low = max(low, bounds[0])
    if bounds[1] is not None:
        high = min(high, bounds[1])
    return Estimate(center, low, high, level, len(draws), method)


def geometric_mean_estimate(
    values: Sequence[float],
    *,
    resolution: float = 0.0,
    level: float = LEVEL,
    method: str = "t interval of logs",
) -> Estimate | None:
    """Estimate a geometric mean by Student's t on the logs; None for no values.

    ``resolution`` is log r where the values were read off a grid spaced by the ratio r. A value
    then lies anywhere in a cell of that width, and draws that fall into one cell share the error:
    its variance, resolution²/12, is added to the variance of the mean and not divided by n.
    """
    if not values:
        return None
    logs = np.log(np.asarray(values, dtype=float))
    center = float(logs.mean())
    if len(logs) == 1:
        return Estimate(float(values[0]), None, None, level, 1, method)
    variance = float(logs.var(ddof=1)) / len(logs) + resolution**2 / 12
    half = t_quantile(len(logs) - 1, level) * math.sqrt(variance)
    return Estimate(
        math.exp(center), math.exp(center - half), math.exp(center + half), level, len(logs), method
    )


def median_estimate(values: Sequence[float], *, level: float = LEVEL) -> Estimate | None:
    """Estimate a median between two order statistics, whatever the distribution.

    The k-th smallest and k-th largest of n draws hold the median with probability
    1 − 2·P(Binomial(n, ½) < k). Below six draws not even the range reaches 95 %: the range is
    given then, and ``level`` says what it is worth.
    """
    if not values:
        return None
    draws = np.sort(np.asarray(values, dtype=float))
    n = len(draws)
    center = float(np.median(draws))
    if n == 1:
        return Estimate(center, None, None, level, 1, "median")
    below = fair_coin_cdf(n)
    k = max(1, int(np.searchsorted(below, (1 - level) / 2)))
    reached = 1 - 2 * float(below[k - 1])
    return Estimate(
        center,
        float(draws[k - 1]),
        float(draws[n - k]),
        min(level, reached),
        n,
        "median, order statistics",
    )


def pooled_spread(groups: Iterable[Sequence[float] | Array]) -> tuple[float, int]:
    """Return the standard deviation within groups, pooled over them, and its degrees of freedom.

    0 and 0 where no group has two values.
    """
    several = [np.asarray(group, dtype=float) for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in several)
    if freedom == 0:
        return 0.0, 0
    square = sum(float(((group - group.mean()) ** 2).sum()) for group in several)
    return math.sqrt(square / freedom), freedom


def resample_indices(n: int, resamples: int, seed: int = 0) -> NDArray[np.intp]:
    """Return ``resamples`` × ``n`` indices drawn with replacement; equal arguments, equal draws."""
    return np.random.default_rng(seed).integers(0, n, size=(resamples, n))


def bootstrap_estimate(
    values: Sequence[float],
    *,
    level: float = LEVEL,
    resamples: int = 1000,
    seed: int = 0,
    method: str = "percentile bootstrap",
) -> Estimate | None:
    """Estimate a mean by the percentile bootstrap; None for no values.

    With fewer than about ten values these intervals are too narrow: :func:`mean_estimate` is not.
    """
    if not values:
        return None
    draws = np.asarray(values, dtype=float)
    center = float(draws.mean())
    if len(draws) == 1:
        return Estimate(center, None, None, level, 1, method)
    means = draws[resample_indices(len(draws), resamples, seed)].mean(axis=1)
    low, high = percentile_interval(means, level)
    return Estimate(center, low, high, level, len(draws), method)


def percentile_interval(draws: Array, level: float = LEVEL) -> tuple[float, float]:
    """Return the central interval that holds ``level`` of the draws."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def product_estimate(first: Estimate, second: Estimate, method: str) -> Estimate:
    """Estimate the product of two independent positive quantities, on the log scale.

    Each side's log distances add in quadrature; a side is open where either factor's is, and the
    level is the lower of the two. A censored factor leaves the product censored.
    """
    level, n = min(first.level, second.level), min(first.n, second.n)
    if first.value is None or second.value is None:
        return Estimate(
            None,
            _times(first.low, second.value),
            None,
            level,
            n,
            method,
            _times(first.censored_at, second.value),
        )
    center = first.value * second.value
    return Estimate(
        center,
        center * math.exp(-reach) if (reach := _reach(first, second, "low")) is not None else None,
        center * math.exp(reach) if (reach := _reach(first, second, "high")) is not None else None,
        level,
        n,
        method,
    )


def not_below(estimate: Estimate, least: float) -> Estimate:
    """Cut the interval at what the quantity cannot be less than: of iterations, one."""
    if estimate.low is None:
        return estimate
    top = least if estimate.value is None else min(least, estimate.value)
    return dataclasses.replace(estimate, low=max(estimate.low, top))


def within(estimate: Estimate | None, most: float) -> Estimate | None:
    """Cut the interval at ±``most``: of differences of shares, one."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return estimate
    return dataclasses.replace(
        estimate, low=max(estimate.low, -most), high=min(estimate.high, most)
    )


def reciprocal(estimate: Estimate, factor: float = 1.0) -> Estimate:
    """Return the estimate of ``factor`` / the quantity (positive): the sides change places."""

    def over(number: float | None) -> float | None:
        return None if number is None else factor / number

    return dataclasses.replace(
        estimate, value=over(estimate.value), low=over(estimate.high), high=over(estimate.low)
    )


def exponential(estimate: Estimate | None) -> Estimate | None:
    """Turn a difference of logs into a ratio."""
    if estimate is None or estimate.value is None:
        return None
    low, high = estimate.low, estimate.high
    return dataclasses.replace(
        estimate,
        value=math.exp(estimate.value),
        low=None if low is None else math.exp(max(low, -700.0)),
        high=None if high is None else math.exp(min(high, 700.0)),
        method=f"{estimate.method} of logs",
    )


def _times(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a * b


def _reach(first: Estimate, second: Estimate, side: str) -> float | None:
    """Return the log distance from the product's value to its ``side``; None where it is open."""
    squares = 0.0
    for factor in (first, second):
        bound = getattr(factor, side)
        if bound is None or bound <= 0 or factor.value is None:
            return None
        squares += math.log(bound / factor.value) ** 2
    return math.sqrt(squares)
