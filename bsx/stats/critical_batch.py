"""The trade-off between steps and samples, and the critical batch size.

log S(B) = log(a + b/B) + seed effect + noise is fitted to a seeds × sizes table of steps-to-target:
S_min = a, E_min = b, B_crit = b/a. A seed's effect moves its whole curve, so it cancels from B_crit
where seeds are paired across sizes; where they are not, it is noise like any other and the same
formulas hold. Cells that never reached the target enter by likelihood, but for sizes whose bounds
the curve through the others contradicts: these are told, and are no part of it.

Intervals of B_crit are profile intervals with Student's t on the variance pooled over all cells.
A percentile bootstrap over the seeds is too narrow (in simulation it covers 70 to 80 % at 3 seeds,
80 to 87 % at 5, 85 to 92 % at 10, where this one covers 92 to 98 % at each), and these are open on
the side where the data exclude nothing.

References:
    McCandlish et al. 2018, arXiv 1812.06162 (the trade-off and B_crit).
    Zhang et al. 2024, arXiv 2410.21676 (the fit of log S and the 20 % version).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bsx.schema import Estimate
from bsx.stats.departure import FIT_ALPHA, MEANINGLESS, LackOfFit, refined, too_far
from bsx.stats.hyperbola import Array, interval, profile, shape
from bsx.stats.intervals import LEVEL, not_below, percentile_interval, t_quantile
from bsx.stats.layout import Fit, StepsTable, fit_cells

OVERHEAD = 0.2  # of Zhang et al.: 20 % more steps than perfect scaling from the reference size
MIN_SIZES = 3
_DRAWS = 4000
_LARGEST_LOG = 600.0  # of what can be written as a number, some room left


@dataclass(frozen=True)
class TradeOff:
    """A fitted trade-off; every headline as an Estimate, None where it cannot be had.

    ``verdict`` is ``fitted``, ``poor_fit`` (the points lie on no hyperbola; there are values
    where the way in which they depart from it leaves them a meaning), ``no_plateau`` (B_crit lies
    beyond the largest size; ``low`` is still known), ``no_scaling`` (all sizes in the plateau;
    ``high`` is still known), ``too_scattered`` (no value of B_crit is excluded) or
    ``too_few_sizes``.
    ``fit_p_value`` is that of the lack-of-fit test, None where there is nothing to test with, and
    ``departure`` is what it finds, of a poor fit; see :mod:`bsx.stats.departure`.
    ``beyond`` are the sizes that no seed got to the target at, further on than the curve through
    the others could ever lie: they are no part of it.
    ``draws`` are joint draws of (log a, log c), compatible with the intervals: (draws, 2).
    """

    critical_batch_size: Estimate | None
    critical_batch_size_20: Estimate | None
    min_steps: Estimate | None
    min_samples: Estimate | None
    reference_batch_size: int | None
    verdict: str
    fit_p_value: float | None = None
    departure: str | None = None
    parameters: tuple[float, float] | None = None  # log a, log c
    draws: Array | None = None
    seeds: int = 0
    beyond: tuple[int, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether the curve describes the points, so that steps may be predicted from it."""
        return self.parameters is not None and self.verdict != "poor_fit"

    def predict(self, batch_size: float) -> Estimate | None:
        """Estimate the steps-to-target at ``batch_size`` from the curve; None without a fit."""
        if self.parameters is None or self.draws is None:
            return None
        log_a, log_c = self.parameters
        center = math.exp(log_a + float(np.logaddexp(0.0, log_c - math.log(batch_size))))
        low, high = percentile_interval(self.log_steps(np.array([float(batch_size)]))[:, 0])
        ends = _exp(min(low, math.log(center))), _exp(max(high, math.log(center)))
        return not_below(Estimate(center, *ends, LEVEL, self.seeds, "fitted trade-off"), 1.0)

    def log_steps(self, batch_sizes: Array) -> Array:
        """Return joint draws of log S at ``batch_sizes``: (draws, sizes).

        Raises:
            ValueError: where nothing was fitted.
        """
        if self.draws is None:
            raise ValueError(f"there is no fitted curve: {self.verdict}")
        curve: Array = self.draws[:, :1] + shape(self.draws[:, 1], batch_sizes)
        return curve


def fit_tradeoff(
    table: StepsTable, *, reference_batch_size: int | None = None, level: float = LEVEL
) -> TradeOff:
    """Fit S(B) = a + b/B to a table of steps-to-target.

    ``reference_batch_size`` is that of the 20 % version (Zhang et al.: 256); by default the
    smallest size with a seed that reached the target.
    """
    reached = table.reached
    present = (reached > 0) | (~np.isnan(table.beyond)).any(axis=0)
    if int((reached > 0).sum()) < MIN_SIZES:
        return TradeOff(None, None, None, None, None, "too_few_sizes")
    sizes = np.asarray(table.batch_sizes, dtype=float)
    reference = reference_batch_size or int(sizes[reached > 0].min())
    apart, p_value = _apart(table, sizes, present)
    fit = _fit(table, sizes, present & ~apart)
    if not apart.any():
        return _headlines(fit, reference, level)
    there = sizes[reached > 0]
    where = [
        "rises" if size > there.max() else "steep_start" if size < there.min() else "uneven"
        for size in sizes[apart]
    ]
    departure = "rises" if "rises" in where else where[0]
    lack = LackOfFit(p_value, fit.lack.ratio, fit.lack.extra, departure)
    found = _headlines(replace(fit, lack=lack), reference, level)
    return replace(found, beyond=tuple(int(size) for size in sizes[apart]))


def _fit(table: StepsTable, sizes: Array, columns: NDArray[np.bool_]) -> Fit:
    logs, beyond = table.logs[:, columns], table.beyond[:, columns]
    rows = ~(np.isnan(logs) & np.isnan(beyond)).all(axis=1)
    return fit_cells(logs[rows], beyond[rows], table.resolution[columns], sizes[columns])


def _apart(
    table: StepsTable, sizes: Array, present: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], float | None]:
    """Find the sizes that no seed reached the target at, though the curve says it would have.

    There the curve through the sizes that did get there lies below the steps that were looked at
    in vain, by more than chance. Taken along, such a size would bend the whole curve.

    Returns:
        which these are, shape (sizes,), and the smallest p value, corrected for how many were
        asked; None where none is.
    """
    asked = present & (table.reached == 0)
    apart = np.zeros_like(asked)
    if not asked.any():
        return apart, None
    fit = _fit(table, sizes, present & ~asked)
    foretold = _draw(fit)
    smallest = 1.0
    for column in np.flatnonzero(asked):
        bounds = table.beyond[:, column]
        steps = foretold[:, 0] + shape(foretold[:, 1], sizes[column : column + 1])[:, 0]
        # Draws have heavy tails: the middle of them says how far the curve is known.
        low, high = np.quantile(steps, [0.16, 0.84])
        known = float(np.nanmean(bounds)), int((~np.isnan(bounds)).sum())
        p_value = too_far(fit.cells, *known, float(np.median(steps)), (high - low) / 2, fit.freedom)
        p_value = min(1.0, p_value * int(asked.sum()))
        apart[column] = p_value < FIT_ALPHA
        smallest = min(smallest, p_value)
    return apart, smallest if apart.any() else None


def _headlines(fit: Fit, reference: int, level: float) -> TradeOff:
    if max(abs(fit.log_a), abs(fit.log_a + fit.log_c)) > _LARGEST_LOG:
        return TradeOff(None, None, None, None, reference, "too_scattered", seeds=fit.seeds)
    excess = t_quantile(fit.freedom, level) ** 2 * fit.inflation
    low, high = interval(fit.cells, fit.log_c, fit.deviance, excess)
    smallest, largest = float(fit.cells.sizes.min()), float(fit.cells.sizes.max())
    center = math.exp(fit.log_c)
    verdict = "poor_fit" if fit.lack.poor else "fitted"
    if verdict == "fitted" and high is None and center > largest:
        verdict = "no_plateau"
    elif verdict == "fitted" and low is None and center < smallest:
        verdict = "no_scaling"
    elif verdict == "fitted" and low is None and high is None:
        verdict = "too_scattered"
    draws = _draw(fit)
    departure = refined(fit.lack.departure, fit.cells.seen) if verdict == "poor_fit" else None
    bare = TradeOff(
        None,
        None,
        None,
        None,
        reference,
        verdict,
        fit.lack.p_value,
        departure,
        (fit.log_a, fit.log_c),
        draws,
        fit.seeds,
    )
    outside = verdict == "poor_fit" and not smallest <= center <= largest
    if departure in MEANINGLESS or outside or verdict == "too_scattered":
        return bare

    def estimate(value: float, lower: float | None, upper: float | None, known: bool) -> Estimate:
        low = lower if lower is None else min(lower, value)  # draws are read off a fine grid
        high = upper if upper is None else max(upper, value)
        return Estimate(value if known else None, low, high, level, fit.seeds, "profile t interval")

    bounds = (
        None if low is None else math.exp(low),
        None if high is None else math.exp(high),
    )
    located = verdict in ("fitted", "poor_fit")
    lift = (1 + OVERHEAD) * reference
    lifted = [None if bound is None else OVERHEAD * bound + lift for bound in bounds]
    a_low, a_high = map(_exp, percentile_interval(draws[:, 0], level))
    b_low, b_high = map(_exp, percentile_interval(draws.sum(axis=1), level))
    return replace(
        bare,
        critical_batch_size=estimate(center, *bounds, located),
        critical_batch_size_20=estimate(OVERHEAD * center + lift, lifted[0], lifted[1], located),
        # Where no plateau is excluded the least steps may be as few as one likes, and so on.
        min_steps=not_below(
            estimate(
                math.exp(fit.log_a),
                None if high is None else a_low,
                a_high,
                verdict != "no_plateau",
            ),
            1.0,
        ),
        min_samples=estimate(
            math.exp(fit.log_a + fit.log_c),
            None if low is None else b_low,
            b_high,
            verdict != "no_scaling",
        ),
    )


def _exp(log: float) -> float | None:
    """Return the number of a log; None for one beyond all bounds."""
    return math.exp(log) if log < _LARGEST_LOG else None


def _draw(fit: Fit) -> Array:
    """Draw (log a, log c) from the confidence distribution that the profile intervals belong to.

    The signed root of the deviance is Student's t: draw that, and read log c off the profile. The
    level at that shape has an error of its own, that of the seeds' means.
    """
    rng = np.random.default_rng(0)
    line = profile(fit.cells, np.linspace(*fit.cells.limits, 401))
    rise = np.sqrt(np.maximum(line.deviance - fit.deviance, 0.0) / fit.inflation)
    root = np.maximum.accumulate(np.where(line.log_c < fit.log_c, -rise, rise))
    root = np.append(root, 0.0)
    where = np.append(line.log_c, fit.log_c)
    order = np.lexsort((root, where))
    log_c = np.interp(rng.standard_t(fit.freedom, _DRAWS), root[order], where[order])
    log_a = np.interp(log_c, line.log_c, line.log_a)
    log_a = log_a + fit.level_error * rng.standard_t(fit.level_dof, _DRAWS)
    return np.column_stack([log_a, log_c])
