"""The trade-off curve S(B) = a + b/B on the log scale: likelihood and profile.

With c = b/a the curve is log S = log a + log(1 + c/B): a level, and a shape with one parameter.
For a given c the level is a mean, so that the fit is a search along one line, and all that is
asked of c (its value, its interval, draws of it) can be read off that line. This module knows
logs and cells; what they mean is said in ``critical_batch``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Array = NDArray[np.float64]

# How far beyond the measured sizes c is looked for; further out the curve no longer changes.
_REACH = 1e3
_NEWTON_STEPS = 30


@dataclass(frozen=True)
class Cells:
    """The seeds × sizes table of log steps, less the seed effects, with the variance of each size.

    ``seen`` is NaN where nothing was seen, ``beyond`` the log of the last step looked at where
    the target was not reached, else NaN. Shapes: (seeds, sizes) twice, (sizes,) twice.
    """

    seen: Array
    beyond: Array
    variance: Array
    sizes: Array

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and highest log c that are looked at."""
        low, high = float(self.sizes.min()), float(self.sizes.max())
        return float(np.log(low / _REACH)), float(np.log(high * _REACH))


@dataclass(frozen=True)
class Profile:
    """Minus twice the log likelihood along log c, the level at its best for each: (points,)."""

    log_c: Array
    log_a: Array
    deviance: Array


def shape(log_c: Array, sizes: Array) -> Array:
    """Return log(1 + c/B) for every c and B: (..., sizes)."""
    value: Array = np.logaddexp(0.0, np.asarray(log_c)[..., None] - np.log(sizes))
    return value


def profile(cells: Cells, log_c: Array) -> Profile:
    """Return the deviance along ``log_c`` with the level maximized out: (points,)."""
    log_c = np.atleast_1d(np.asarray(log_c, dtype=float))
    curve = shape(log_c, cells.sizes)  # (points, sizes)
    seen = ~np.isnan(cells.seen)
    counts = seen.sum(axis=0)
    weight = counts / cells.variance  # (sizes,)
    sums = np.where(seen, cells.seen, 0.0).sum(axis=0)
    means = sums / np.maximum(counts, 1)
    log_a: Array = ((means - curve) * weight).sum(axis=1) / weight.sum()
    rows, columns = np.nonzero(~np.isnan(cells.beyond))
    within = float((np.where(seen, cells.seen - means, 0.0) ** 2 / cells.variance).sum())
    sd = np.sqrt(cells.variance[columns])
    # (points, censored): what lies beyond, less the shape
    bound = cells.beyond[rows, columns] - curve[:, columns]
    if len(rows):
        log_a = _level(log_a, means, curve, weight, bound, sd)
    deviance = ((means - curve - log_a[:, None]) ** 2 * weight).sum(axis=1) + within
    deviance = deviance - 2 * special.log_ndtr(-(bound - log_a[:, None]) / sd).sum(axis=1)
    return Profile(log_c, log_a, deviance)


def best(cells: Cells, points: int = 121) -> tuple[float, float, float]:
    """Return (log a, log c, deviance) at the maximum of the likelihood.

    A grid finds the valley, Brent's method its floor; at a limit of the grid the limit is given.
    """
    grid = np.linspace(*cells.limits, points)
    found = profile(cells, grid)
    index = int(np.argmin(found.deviance))
    log_c = float(grid[index])
    if 0 < index < points - 1:
        log_c = float(
            optimize.minimize_scalar(
                lambda x: float(profile(cells, np.array([x])).deviance[0]),
                bounds=(grid[index - 1], grid[index + 1]),
                method="bounded",
                options={"xatol": 1e-9},
            ).x
        )
    at = profile(cells, np.array([log_c]))
    return float(at.log_a[0]), log_c, float(at.deviance[0])


def interval(
    cells: Cells, log_c: float, deviance: float, excess: float
) -> tuple[float | None, float | None]:
    """Return where the deviance has risen by ``excess`` on each side; None where it never does."""

    def above(x: float) -> float:
        return float(profile(cells, np.array([x])).deviance[0]) - deviance - excess

    sides: list[float | None] = []
    for limit in cells.limits:
        if log_c == limit or above(limit) <= 0:
            sides.append(None)
        else:
            low, high = min(limit, log_c), max(limit, log_c)
            sides.append(float(optimize.brentq(above, low, high, xtol=1e-6)))
    return sides[0], sides[1]


def _level(
    log_a: Array, means: Array, curve: Array, weight: Array, bound: Array, sd: Array
) -> Array:
    """Move the level to the maximum with censored cells: Newton's method inside a bracket.

    The likelihood is concave. It still rises at the mean of what was seen, and falls where every
    bound lies below the level and the pull of all bounds (at most 0.8 sd each) is outweighed.
    """
    low = log_a
    pull = 0.8 * (1 / sd).sum() / weight.sum()
    high = np.maximum(bound.max(axis=1), log_a) + pull
    for _ in range(_NEWTON_STEPS):
        z = (bound - log_a[:, None]) / sd
        rate = hazard(z)
        slope = ((means - curve - log_a[:, None]) * weight).sum(axis=1) + (rate / sd).sum(axis=1)
        bend = weight.sum() + (rate * (rate - z) / sd**2).sum(axis=1)
        low, high = np.where(slope > 0, log_a, low), np.where(slope > 0, high, log_a)
        new = log_a + slope / bend
        new = np.where((new < low) | (new > high), (low + high) / 2, new)
        step, log_a = new - log_a, new
        if float(np.abs(step).max()) < 1e-10:
            break
    return log_a


def hazard(z: Array) -> Array:
    """Return φ(z)/(1 − Φ(z)) of the standard normal, without underflow far out."""
    value: Array = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - special.log_ndtr(-z))
    return value
