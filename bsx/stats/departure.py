"""Does the trade-off curve describe the points, and if not, how do they depart from it?

The means of the sizes are held against the fitted curve in two ways at once: as a whole, by the F
test of lack of fit, which is open to any departure and weak against each; and along the departures
that training is known to show, by a t test each, strong against its own. The smallest of the p
values counts, against what it comes to where the curve is true: that is drawn, not tabulated.

The curve is an idealization (McCandlish et al. 2018 derive it from a quadratic model), and rates
come from a grid: departures as small as ``FORM`` are no finding, however many seeds there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bsx.stats.hyperbola import Array, Cells, shape
from bsx.stats.tails import f_sf, t_sf

FIT_ALPHA = 0.05  # how rarely a true hyperbola is called a poor fit
FORM = 0.03  # departure in log steps that is let pass: a standard deviation, of each size
# Departures under which E_min/S_min means nothing: there is no floor, or no perfect scaling
MEANINGLESS = frozenset({"rises", "never_falls", "slow_fall", "flat_start"})
_NAMED_FROM = 0.5  # share of the departure that lies along one of those known, to be called by it
# How fast steps fall among the smallest sizes, as the exponent of a power of the batch size
_FLAT = 0.3  # slower is no fall
_SLOW = 0.17  # so much slower than on the curve is no perfect scaling
_RISES = ("rises", "falls_on")
_GENTLE = frozenset({"slow_fall", "soft_knee", "flat_start"})
_BENDS_FROM = 6  # sizes, with one measurement of each: fewer bend as scatter does
_KNOWN = 1e6  # degrees of freedom from which on a variance is known
_DRAWS = 4000


@dataclass(frozen=True)
class LackOfFit:
    """What the test says.

    ``p_value`` is None where there is nothing to test with. ``ratio`` is the scatter of the means
    about the curve, a variance of ``extra`` degrees of freedom, against what the seeds explain.
    ``departure`` is the way in which the points leave the curve, whether that is shown or not:
    ``rises``, ``slow_fall``, ``fast_fall``, ``sharp_knee``, ``soft_knee``, ``flat_start``,
    ``steep_start``, ``falls_on`` or ``uneven``.
    """

    p_value: float | None = None
    ratio: float = 1.0
    extra: int = 0
    departure: str | None = None

    @property
    def poor(self) -> bool:
        """Whether the points are shown to lie on no hyperbola."""
        return self.p_value is not None and self.p_value < FIT_ALPHA


def directions(log_c: float, sizes: Array) -> dict[tuple[str, str], Array]:
    """Return what each known departure adds to log S, for small ones: (name if more, if less).

    With u = c/B, derivatives at the curve S = a(1 + u) of: S + εB; S = a(1 + u^α); the knee
    S = a(1 + u^p)^(1/p); and S = a(1 + c/(B − ε)), which ends in fewer steps at small sizes where
    ε is negative. Shapes: (sizes,).
    """
    u = np.exp(np.clip(log_c - np.log(sizes), -60.0, 60.0))
    log_u = np.log(u)
    return {
        _RISES: sizes / (1 + u) / sizes.max(),
        ("fast_fall", "slow_fall"): u / (1 + u) * log_u,
        ("sharp_knee", "soft_knee"): u * log_u / (1 + u) - np.log1p(u),
        ("steep_start", "flat_start"): u / (1 + u) / sizes * sizes.min(),
    }


def lack_of_fit(cells: Cells, log_a: float, log_c: float, dof: float) -> LackOfFit:
    """Test whether the sizes' means lie on the curve.

    Sizes with a censored seed are left out: the mean of those that reached it lies too low.

    Args:
        cells: the table, with the variance of each size.
        log_a: the level of the fitted curve.
        log_c: its shape.
        dof: degrees of freedom of the variance.
    """
    whole = ~np.isnan(cells.seen).all(axis=0) & np.isnan(cells.beyond).all(axis=0)
    extra = int(whole.sum()) - 2
    if extra < 1:
        return LackOfFit()
    seen, sizes = cells.seen[:, whole], cells.sizes[whole]
    of_means = cells.variance[whole] / (~np.isnan(seen)).sum(axis=0)
    error = np.sqrt(of_means + FORM**2)
    curve = shape(np.array(log_c), sizes)
    off = (np.nanmean(seen, axis=0) - log_a - curve) / error
    # What level and shape can take up is no departure.
    slope = 1 / (1 + np.exp(np.clip(np.log(sizes) - log_c, -60.0, 60.0)))
    tangent = _basis(np.column_stack([1 / error, slope / error]))
    off = off - tangent @ (tangent.T @ off)
    named = directions(log_c, sizes)
    along = np.column_stack([_unit(d / error, tangent) for d in named.values()])
    # What is let pass is known and not estimated: it adds to the degrees of freedom.
    freedom = min(dof / float(np.mean(of_means / error**2)) ** 2, _KNOWN)
    found = along.T @ off
    square = float(off @ off)
    smallest = _smallest(np.abs(found).max(), square, extra, freedom)
    chance = _by_chance(len(off), extra, freedom, tangent, along)
    p_value = float((1 + (chance <= smallest).sum()) / (1 + len(chance)))
    name = _name(found, square, extra, list(named))
    if name in _GENTLE:
        name = _gentle(np.nanmean(seen, axis=0), curve, sizes)
    ratio = float((off**2 * error**2 / of_means).sum()) / extra
    return LackOfFit(p_value, ratio, extra, name)


def by_points_alone(seen: Array, sizes: Array, log_a: float, log_c: float) -> LackOfFit:
    """Test whether steps rise again, or bend too little, with one measurement of each size.

    Then nothing but the points themselves tells how far they scatter: a t test along each of these
    departures, the scatter taken from what it leaves. That a knee is sharp is not asked: published
    tables, rounded and of tuned rates, have sharper ones than the curve by a few per cent.

    Args:
        seen: log steps, NaN where the target was not reached: (sizes,).
        sizes: the batch sizes.
        log_a: the level of the fitted curve.
        log_c: its shape.
    """
    whole = ~np.isnan(seen)
    seen, sizes = seen[whole], sizes[whole]
    if len(sizes) < 4:
        return LackOfFit()
    slope = 1 / (1 + np.exp(np.clip(np.log(sizes) - log_c, -60.0, 60.0)))
    tangent = _basis(np.column_stack([np.ones(len(sizes)), slope]))
    curve = shape(np.array(log_c), sizes)
    off = seen - log_a - curve
    off = off - tangent @ (tangent.T @ off)
    named = directions(log_c, sizes)
    tests = {names: _along(off, _unit(d, tangent), tangent.shape[1]) for names, d in named.items()}
    along, error, p_value = tests.pop(_RISES)
    falls_less = float(seen[np.argmax(sizes)] - seen.min()) <= 2 * error
    if along > 0 and p_value < FIT_ALPHA and not falls_less:
        return LackOfFit(p_value, departure=_RISES[0])
    gentle = [p for (_, less), (along, _, p) in tests.items() if along < 0 and less in _GENTLE]
    chance = 2 * len(tests) * min(gentle, default=1.0)  # they are three, and look both ways
    if len(sizes) < _BENDS_FROM or chance >= FIT_ALPHA:
        return LackOfFit()
    return LackOfFit(chance, departure=_gentle(seen, curve, sizes))


def too_far(
    cells: Cells, bound: float, runs: int, foretold: float, error: float, freedom: float
) -> float:
    """Return the p value of a size that was not at the target where the curve says it would be.

    Args:
        cells: the table of the other sizes, with their variance.
        bound: the mean log of the steps looked at in vain, of so many ``runs``.
        foretold: the log steps there by the curve, known to ``error``.
        freedom: degrees of freedom of both.
    """
    of_mean = float(cells.variance.mean()) / runs
    off = (bound - foretold) / math.sqrt(of_mean + error**2 + FORM**2)
    return float(t_sf(off, freedom))


def refined(departure: str | None, seen: Array) -> str | None:
    """Tell apart from steps that rise again those that are fewest at the smallest size.

    Args:
        departure: its name.
        seen: log steps, NaN where the target was not reached: (seeds, sizes).
    """
    if departure != "rises":
        return departure
    means = [float(np.nanmean(of)) for of in seen.T if not np.isnan(of).all()]
    return "never_falls" if means[0] == min(means) else departure


def _along(off: Array, direction: Array, taken: int) -> tuple[float, float, float]:
    """Return how far points lie off along a direction, their error by the rest, and one-sided p.

    ``taken``: the dimensions that level and shape took. What is too small to matter has p = 1.
    """
    along = float(direction @ off)
    rest, freedom = float(off @ off) - along**2, len(off) - taken - 1
    if freedom < 1 or abs(along) < FORM * math.sqrt(len(off)):
        return along, 0.0, 1.0
    error = math.sqrt(max(rest, 0.0) / freedom)
    return along, error, float(t_sf(abs(along) / error, freedom)) if error > 0 else 0.0


def _name(found: Array, square: float, extra: int, names: list[tuple[str, str]]) -> str:
    """Name the departure along which the points lie furthest off, if it is most of it."""
    most = int(np.argmax(np.abs(found)))
    if extra < 2 or found[most] ** 2 < _NAMED_FROM * square:
        return "uneven"
    more, less = names[most]
    return more if found[most] > 0 else less


def _gentle(means: Array, curve: Array, sizes: Array) -> str:
    """Tell apart what bends too little: those departures look alike, but not at small sizes."""
    some = max(2, len(sizes) // 3)
    logs = np.log(sizes[:some])
    falls, should = (-float(np.polyfit(logs, y[:some], 1)[0]) for y in (means, curve))
    if falls < min(_FLAT, should - _SLOW):
        return "flat_start"
    return "slow_fall" if falls < should - _SLOW else "soft_knee"


def _smallest(most: Array | float, square: Array | float, extra: int, freedom: float) -> Array:
    """Return the smaller p value of the F test and of the largest t test."""
    overall = f_sf(np.asarray(square) / extra, extra, freedom)
    alone = 2 * t_sf(np.asarray(most), freedom)
    smaller: Array = np.minimum(overall, alone)
    return smaller


def _by_chance(sizes: int, extra: int, freedom: float, tangent: Array, along: Array) -> Array:
    """Draw that p value where the curve is true: (draws,)."""
    rng = np.random.default_rng(0)
    off = rng.standard_normal((_DRAWS, sizes))
    off -= (off @ tangent) @ tangent.T
    spread = np.sqrt(rng.chisquare(freedom, _DRAWS) / freedom)
    most = np.abs(off @ along).max(axis=1) / spread
    return _smallest(most, (off**2).sum(axis=1) / spread**2, extra, freedom)


def _basis(columns: Array) -> Array:
    """Return an orthonormal basis of the columns' span: at a limit of c they are the same."""
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    basis: Array = left[:, values > 1e-6 * values[0]]
    return basis


def _unit(direction: Array, tangent: Array) -> Array:
    """Return the part of a direction that is off the tangent, of length one; zeros if none is."""
    rest = direction - tangent @ (tangent.T @ direction)
    length = float(np.linalg.norm(rest))
    if length < 1e-6 * float(np.linalg.norm(direction)):
        return np.zeros_like(direction)
    unit: Array = rest / length
    return unit
