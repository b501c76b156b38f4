"""Comparisons over shared seeds: is one batch size as good as another?

"Cannot be told apart" would reward noise: with few seeds everything passes. Quality is asked as
*non-inferiority* instead: is a size shown to be within a tolerance of the best? Seeds paired across
sizes cancel from the differences, and the spread that is left is pooled over all sizes, because
five seeds alone know their own spread too badly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from bsx.schema import Estimate
from bsx.stats.hyperbola import Array
from bsx.stats.intervals import LEVEL, NO_SPREAD, t_quantile
from bsx.stats.tails import t_ppf

# batch size → seed → score
Scores = Mapping[int, Mapping[int, float]]

# A size whose own variance is this many times the typical one is judged by its own.
_NOISY = 6.0
_MOST_SEEDS = 1000


@dataclass(frozen=True)
class Comparison:
    """One size against the best one.

    ``shortfall`` is best − this in the direction of the metric (positive: worse). ``shown``: the
    one-sided 95 % bound of it lies within the tolerance. ``expected``: what is to be expected of it
    on fresh seeds, which is less, since the best of several looks better than it is.
    ``seeds_needed`` would show it, and ``seeds_to_differ`` show that it is worse, if the means stay
    as they are; None where no number would.
    """

    shortfall: Estimate
    shown: bool
    expected: float
    seeds_needed: int | None
    seeds_to_differ: int | None = None

    @property
    def differs(self) -> bool:
        """Whether the size is shown to be worse; by a single seed nothing is."""
        return self.shortfall.low is not None and self.shortfall.low > 0


def paired_difference(
    first: Mapping[int, float],
    second: Mapping[int, float],
    *,
    each: float = 0.0,
    common: float = 0.0,
    level: float = LEVEL,
) -> Estimate | None:
    """Estimate the mean of first − second over the seeds they share; None without any.

    ``each``: a variance of every difference that draws may not show, for scores that move in
    steps; without it, seeds that fall on the same step would seem to have no spread. ``common``: a
    variance that the differences share, for values read off a grid. See :func:`rounding`. Where no
    variance is known at all, equal differences have no interval, as a single one has none.
    """
    shared = sorted(first.keys() & second.keys())
    found = [first[s] - second[s] for s in shared]
    if not found:
        return None
    n, center, method = len(found), sum(found) / len(found), "paired t interval"
    own = 0.0 if n < 2 else float(np.var(found, ddof=1))
    scale = max(abs(row[seed]) for row in (first, second) for seed in shared)
    return _interval(center, [(own + each) / n], [n - 1], common, scale, level, n, method)


def difference(
    first: Mapping[int, float],
    second: Mapping[int, float],
    *,
    each: float = 0.0,
    common: float = 0.0,
    level: float = LEVEL,
) -> Estimate | None:
    """Estimate the mean of first − second: paired over the seeds they share, else Welch's.

    None where one of them is empty. ``each`` and ``common`` as in :func:`paired_difference`.
    """
    if len(first.keys() & second.keys()) >= 2:
        return paired_difference(first, second, each=each, common=common, level=level)
    a, b = list(first.values()), list(second.values())
    if not a or not b:
        return None
    center, n = _mean(first) - _mean(second), min(len(a), len(b))
    if n < 2:
        return Estimate(center, None, None, level, n, "difference")
    parts = [(float(np.var(x, ddof=1)) + each / 2) / len(x) for x in (a, b)]
    dofs = [len(x) - 1 for x in (a, b)]
    scale = max(map(abs, (*a, *b)))
    return _interval(center, parts, dofs, common, scale, level, n, "Welch's t interval")


def rounding(*widths: float) -> float:
    """Return the variance of the difference of values that are known to cells of these widths."""
    return sum(width**2 for width in widths) / 12


def _interval(
    center: float,
    parts: Sequence[float],
    dofs: Sequence[int],
    common: float,
    scale: float,
    level: float,
    n: int,
    method: str,
) -> Estimate:
    """Return Student's t interval, from variances with their degrees of freedom, and ``common``.

    ``scale``: how large the values are, by which a variance that is but rounding is told.
    """
    variance = sum(parts)
    if n < 2 or variance + common <= (NO_SPREAD * scale) ** 2:
        return Estimate(center, None, None, level, n, method)
    squares = sum(part**2 / dof for part, dof in zip(parts, dofs, strict=True))
    freedom = variance**2 / squares if squares > 0 else float(min(dofs))
    half = t_quantile(freedom, level) * math.sqrt(variance + common)
    return Estimate(center, center - half, center + half, level, n, method)


def best_of(scores: Scores, *, higher_is_better: bool) -> int | None:
    """Return the size with the best mean, the smaller at a tie; None without scores.

    Sizes with under half of the seeds that others have do not compete.
    """
    most = max((len(row) for row in scores.values()), default=0)
    sign = -1.0 if higher_is_better else 1.0
    able = [b for b, row in scores.items() if row and 2 * len(row) >= most]
    return min(able, key=lambda b: (sign * _mean(scores[b]), b), default=None)


def non_inferior(
    scores: Scores,
    *,
    higher_is_better: bool,
    tolerance: float,
    grain: float = 0.0,
    level: float = LEVEL,
) -> dict[int, Comparison]:
    """Compare every size with the best one, by the seeds that they share; without any, by all.

    ``tolerance`` is in units of the score. The best one is within it as such. ``grain`` is the step
    that scores move in, as in :func:`bsx.stats.intervals.mean_estimate`.
    """
    best = best_of(scores, higher_is_better=higher_is_better)
    if best is None:
        return {}
    sign = 1.0 if higher_is_better else -1.0
    variance, dof, own = residual_variance(scores)
    variance = max(variance, rounding(grain))
    real = _real_share(scores, variance, dof)
    result: dict[int, Comparison] = {}
    for size, row in scores.items():
        if not row:
            continue
        shared = sorted(row.keys() & scores[best].keys())
        if not shared:
            result[size] = _unpaired(scores[best], row, sign, tolerance, grain, level)
            continue
        n = len(shared)
        differences = [sign * (scores[best][s] - row[s]) for s in shared]
        center = sum(differences) / n
        if size == best:
            result[size] = Comparison(
                Estimate(0.0, None, None, level, n, "the best"), True, 0.0, None
            )
            continue
        by_itself = size in own or best in own
        spread, freedom, method = math.sqrt(2 * variance), dof, "paired, pooled spread"
        if by_itself:
            by_seeds = float(np.std(differences, ddof=1)) if n > 1 else 0.0
            spread = max(by_seeds, math.sqrt(rounding(grain, grain)))
            freedom, method = float(n - 1), "paired t interval"
        if freedom < 1:
            unknown = Estimate(center, None, None, level, n, method)
            result[size] = Comparison(unknown, False, center, None)
            continue
        pooled = 2 if by_itself else len(scores)
        error = spread / math.sqrt(n)
        half = t_quantile(freedom, level) * error
        result[size] = _compared(
            Estimate(center, center - half, center + half, level, n, method),
            bound=center + float(t_ppf(level, freedom)) * error,
            expected=center if by_itself else real * center,
            spread=spread,
            sizes=pooled,
            tolerance=tolerance,
        )
    return result


def _compared(
    shortfall: Estimate,
    *,
    bound: float,
    expected: float,
    spread: float,
    sizes: int,
    tolerance: float,
) -> Comparison:
    """Say of a shortfall whether it is shown to be small enough, and what else would show it.

    ``bound`` is its one-sided one; ``spread`` and ``sizes`` as in :func:`seeds_needed`.
    """
    center, low, level, n = shortfall.value or 0.0, shortfall.low, shortfall.level, shortfall.n
    to_show = seeds_needed(center, spread, tolerance, sizes=sizes, level=level)
    to_differ = seeds_needed(-center, spread, 0.0, sizes=sizes, level=0.5 + level / 2)
    shown = bound <= tolerance + 1e-12
    differs = low is not None and low > 0
    return Comparison(
        shortfall,
        shown,
        expected,
        to_show if shown else _more_than(n, to_show),
        to_differ if differs else _more_than(n, to_differ),
    )


def _unpaired(
    best: Mapping[int, float],
    row: Mapping[int, float],
    sign: float,
    tolerance: float,
    grain: float,
    level: float,
) -> Comparison:
    """Compare sizes that share no seed: what luck the seeds bring does not cancel."""
    each = rounding(grain, grain)
    both = [difference(best, row, each=each, level=of) for of in (level, 2 * level - 1)]
    found, one_sided = (estimate for estimate in both if estimate is not None)
    center, n = sign * (found.value or 0.0), found.n
    if found.low is None or found.high is None or one_sided.low is None or one_sided.high is None:
        return Comparison(replace(found, value=center), False, center, None)
    half = (found.high - found.low) / 2
    return _compared(
        replace(found, value=center, low=center - half, high=center + half),
        bound=center + (one_sided.high - one_sided.low) / 2,
        expected=center,
        spread=half / t_quantile(n - 1, level) * math.sqrt(n),
        sizes=2,
        tolerance=tolerance,
    )


def _more_than(seeds: int, needed: int | None) -> int | None:
    """Return how many are needed, where so many were too few: gaps cost more than is foreseen."""
    return None if needed is None else max(needed, seeds + 1)


def _real_share(scores: Scores, variance: float, dof: float) -> float:
    """Return how much of the differences between the means of the sizes is more than chance.

    The factor by which James and Stein shrink means towards their common mean (Efron and Morris
    1973, with an estimated variance); 1 for fewer than four sizes, of which it is not known.

    Args:
        variance: of a single score, size and seed effects taken out, with ``dof`` degrees of
            freedom.
    """
    means = [_mean(row) for row in scores.values() if row]
    scatter = float(np.sum((np.array(means) - np.mean(means)) ** 2))
    if len(means) < 4 or dof < 1 or scatter == 0:
        return 1.0
    seeds = float(np.mean([len(row) for row in scores.values() if row]))
    by_chance = variance / seeds * dof / (dof + 2)
    return max(0.0, 1.0 - (len(means) - 3) * by_chance / scatter)


def seeds_needed(
    shortfall: float, spread: float, tolerance: float, *, sizes: int, level: float = LEVEL
) -> int | None:
    """Return how many paired seeds would show a shortfall to be within the tolerance.

    ``spread`` is the standard deviation of one paired difference, pooled over ``sizes`` sizes.
    None where the shortfall is the tolerance or more, or more than a thousand would be needed.
    """
    if shortfall >= tolerance:
        return None
    enough = shortfall + _quantiles_over_root(max(sizes - 1, 1), level) * spread <= tolerance
    return int(np.argmax(enough)) + 2 if bool(enough.any()) else None


@cache
def _quantiles_over_root(others: int, level: float) -> Array:
    """Return t/√n for n = 2, 3, … seeds with (n − 1)·``others`` degrees of freedom."""
    n = np.arange(2, _MOST_SEEDS + 1)
    value: Array = t_ppf(level, (n - 1) * others) / np.sqrt(n)
    return value


def residual_variance(scores: Scores) -> tuple[float, float, frozenset[int]]:
    """Return what is left of the variance after size and seed effects, its degrees of freedom,
    and the sizes much noisier than the rest, which are kept out of the pool.

    Two-way layout without interaction; a missing cell is filled with its expectation and costs a
    degree of freedom.
    """
    sizes = sorted(scores)
    seeds = sorted({seed for row in scores.values() for seed in row})
    table = np.array([[scores[b].get(s, np.nan) for b in sizes] for s in seeds]).reshape(
        len(seeds), len(sizes)
    )
    table = table[:, ~np.isnan(table).all(axis=0)] if table.size else table
    noisy: frozenset[int] = frozenset()
    if len(seeds) > 2 and len(sizes) > 3:
        several = (~np.isnan(table)).sum(axis=0) > 1  # one score alone has no variance
        own = np.zeros(len(sizes))
        own[several] = np.nanvar(_residuals(table)[:, several], axis=0, ddof=1)
        typical = float(np.median(own[several])) if several.any() else 0.0
        noisy = frozenset(b for b, v in zip(sizes, own, strict=True) if v > _NOISY * typical > 0)
        if noisy:
            table = table[:, [b not in noisy for b in sizes]]
    dof = float((len(seeds) - 1) * (table.shape[1] - 1) - int(np.isnan(table).sum()))
    if dof < 1:
        return 0.0, 0.0, noisy
    return float(np.nansum(_residuals(table) ** 2)) / dof, dof, noisy


def _residuals(table: Array) -> Array:
    """Return cells less row and column effects; NaN where the cell is: (seeds, sizes)."""
    missing = np.isnan(table)
    filled = np.where(missing, np.nanmean(table), table)
    for _ in range(1 if not missing.any() else 200):
        rows = filled.mean(axis=1, keepdims=True)
        columns = filled.mean(axis=0, keepdims=True)
        expected = rows + columns - filled.mean()
        filled = np.where(missing, expected, table)
    rows = filled.mean(axis=1, keepdims=True)
    columns = filled.mean(axis=0, keepdims=True)
    residual: Array = np.where(missing, np.nan, filled - rows - columns + filled.mean())
    return residual


def _mean(row: Mapping[int, float]) -> float:
    return sum(row.values()) / len(row)
