"""Seeds × sizes: the table of log steps, its seed effects, its variance, and the curve through it.

The mechanics under ``critical_batch``: a two-way layout with censored and missing cells, whose
size effects are a + b/B. What the numbers are called, and when they may be given, is said there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from bsx.stats.departure import LackOfFit, by_points_alone, lack_of_fit
from bsx.stats.hyperbola import Array, Cells, best, hazard, shape
from bsx.stats.tails import f_sf

_FLOOR = 1e-12  # variance of logs, where everything agrees to the last step
_JUDGED_FROM = 5  # sizes, to tell that one of them is noisier than the rest
_NOISIER = 0.1  # p value below which it is
_START = 0.04  # variance to begin with: a spread of 0.2 in log steps


@dataclass(frozen=True)
class StepsTable:
    """Log steps-to-target of every seed at every size.

    ``logs`` is NaN where the target was not seen; ``beyond`` is the log of the last step looked at
    where it was not reached, NaN otherwise (reached, or not run at all). ``resolution`` is the log
    spacing of the evaluations at each size. Shapes: (seeds, sizes) twice, (sizes,).
    """

    batch_sizes: tuple[int, ...]
    logs: Array
    beyond: Array
    resolution: Array

    @classmethod
    def of(
        cls,
        batch_sizes: Sequence[int],
        steps: Sequence[Sequence[float | None]],
        lasts: Sequence[Sequence[float | None]] | None = None,
        resolution: Sequence[float] | None = None,
    ) -> StepsTable:
        """Build the table from steps, one row a seed; None is not reached, or not run.

        ``lasts`` holds the last step looked at: where it is None too, there was no run.

        Raises:
            ValueError: for rows of the wrong length, no rows, or steps that are not positive.
        """
        if any(x is not None and x <= 0 for row in steps for x in row):
            raise ValueError("steps must be positive")
        logs = [[None if x is None else math.log(x) for x in row] for row in steps]
        return cls.of_logs(batch_sizes, logs, lasts, resolution)

    @classmethod
    def of_logs(
        cls,
        batch_sizes: Sequence[int],
        log_steps: Sequence[Sequence[float | None]],
        lasts: Sequence[Sequence[float | None]] | None = None,
        resolution: Sequence[float] | None = None,
    ) -> StepsTable:
        """Build the table from log steps; else as :meth:`of`."""
        k = len(batch_sizes)
        logs = _table(log_steps, k)
        beyond = np.full(logs.shape, np.nan)
        if lasts is not None:
            beyond = np.where(np.isnan(logs), np.log(np.maximum(_table(lasts, k), 1.0)), np.nan)
        spacing = np.zeros(k) if resolution is None else np.asarray(resolution, dtype=float)
        return cls(tuple(batch_sizes), logs, beyond, spacing)

    @property
    def reached(self) -> NDArray[np.intp]:
        """How many seeds reached the target at each size: (sizes,)."""
        count: NDArray[np.intp] = (~np.isnan(self.logs)).sum(axis=0)
        return count


@dataclass(frozen=True)
class Fit:
    """The curve through a table, with all that its intervals and its verdict are made of."""

    cells: Cells
    log_a: float
    log_c: float
    deviance: float
    dof: float
    seeds: int
    level_error: float  # standard error of the level at a known shape
    level_dof: float
    lack: LackOfFit

    @property
    def inflation(self) -> float:
        """By what the variance is multiplied, as the points scatter about the curve.

        Where they lie on it, their scatter is one more estimate of the seeds' variance, and the two
        are pooled: a rate that was chosen at each size makes means scatter less than seeds do. Of a
        poor fit it is that scatter itself.
        """
        if self.lack.poor:
            return max(1.0, self.lack.ratio)
        return (self.dof + self.lack.extra * self.lack.ratio) / self.freedom

    @property
    def freedom(self) -> float:
        """The degrees of freedom of the variance so multiplied."""
        return self.dof if self.lack.poor else self.dof + self.lack.extra


def fit_cells(logs: Array, beyond: Array, resolution: Array, sizes: Array) -> Fit:
    """Alternate between the curve, and the seed effects and variance, until neither moves.

    Without censored or missing cells the second step does not depend on the first.
    """
    seeds, k = logs.shape
    complete = not np.isnan(logs).any()
    columns = int((~np.isnan(logs)).any(axis=0).sum())
    seen_cells = int((~np.isnan(logs)).sum())
    dof = float(max(seen_cells - columns - (seeds - 1), 0))
    counts = np.maximum((~np.isnan(logs)).sum(axis=0), 1)
    effect, variance = np.zeros(seeds), _START
    for _ in range(1 if complete else 100):
        filled, hidden = logs, 0.0
        if not complete:
            cells = _cells(logs, beyond, effect, variance, resolution, counts, sizes)
            log_a, log_c, _ = best(cells, points=41)
            expected = log_a + shape(np.array(log_c), sizes) + effect[:, None]
            filled, hidden = _fill(logs, beyond, expected, math.sqrt(variance))
        residual = filled - filled.mean(axis=0)
        new_effect = residual.mean(axis=1)
        square = float(((residual - new_effect[:, None]) ** 2).sum()) + hidden
        new = max(square / logs.size, _FLOOR)
        moved = abs(math.log(new / variance)) + float(np.abs(new_effect - effect).max())
        effect, variance = new_effect, new
        if moved < 1e-4:
            break
    # That is the likelihood's variance: what the effects took from it is given back.
    variance *= seen_cells / max(dof, 1.0)
    together = dof > 0 and _connected(logs)
    if not together:  # of seeds that sizes do not share no effect is known: it is noise
        effect, dof = np.zeros(seeds), float(seen_cells - columns)
        if dof > 0:
            variance = max(float(np.nansum((logs - _column_means(logs)) ** 2)) / dof, _FLOOR)
        else:  # one run a size: the scatter about the curve is all there is
            dof = float(max(seen_cells - 2, 1))
            variance = _scatter(logs, sizes, dof)
            resolution = np.zeros(k)  # it is part of that scatter
    spread = np.full(k, variance)
    if together and complete:
        effect, spread, dof = _by_size(logs, effect, variance, dof)
    cells = _cells(logs, beyond, effect, spread, resolution, counts, sizes)
    log_a, log_c, deviance = best(cells)
    lack = (
        lack_of_fit(cells, log_a, log_c, dof)
        if seen_cells > columns
        else by_points_alone(_column_means(logs), sizes, log_a, log_c)
    )
    # The standard error of the level at a known shape is that of the seeds' means
    level = (
        float(effect.std(ddof=1)) / math.sqrt(seeds)
        if together
        else math.sqrt(variance / seen_cells)
    )
    return Fit(
        cells,
        log_a,
        log_c,
        deviance,
        dof,
        seeds,
        math.hypot(level, float(resolution.mean()) / math.sqrt(12)),
        float(seeds - 1 if together else dof),
        lack,
    )


def _cells(
    logs: Array,
    beyond: Array,
    effect: Array,
    variance: float | Array,
    resolution: Array,
    counts: NDArray[np.intp],
    sizes: Array,
) -> Cells:
    # The error of the evaluation grid is shared by seeds that fall into one cell: it does not
    # shrink with their number, hence the counts, by which the mean's variance divides again.
    spread = variance + counts * resolution**2 / 12
    return Cells(logs - effect[:, None], beyond - effect[:, None], spread, sizes)


def _by_size(logs: Array, effect: Array, variance: float, dof: float) -> tuple[Array, Array, float]:
    """Give sizes that are shown to be noisier than the rest variances of their own.

    Shown: by an F test at 10 % over all sizes. Their seeds tell nothing of the effects, either. As
    few seeds know their own variance badly, it is taken for that of Student's t.

    Args:
        logs: a whole table: (seeds, sizes).
        effect: of each seed: (seeds,).
        variance: pooled over all sizes, with ``dof`` degrees of freedom.

    Returns:
        effects, the variance of each size, and the degrees of freedom of the pooled one.
    """
    seeds, k = logs.shape
    pooled, noisy = np.full(k, variance), np.zeros(k, dtype=bool)
    if k < _JUDGED_FROM:
        return effect, pooled, dof
    while True:
        quiet = ~noisy
        centered = logs - logs.mean(axis=0)
        effect = centered[:, quiet].mean(axis=1)
        own = ((centered - effect[:, None]) ** 2).sum(axis=0)  # of each size
        freedom = (seeds - 1) * (int(quiet.sum()) - 1)
        pooled = np.where(noisy, own / max(seeds - 3, 1), max(own[quiet].sum() / freedom, _FLOOR))
        place = int(np.argmax(np.where(quiet, own, -1.0)))
        rest = freedom - (seeds - 1)
        others = max((own[quiet].sum() - own[place]) / max(rest, 1), _FLOOR)
        chance = float(f_sf(own[place] / (seeds - 1) / others, seeds - 1, rest)) * k
        if 2 * (int(noisy.sum()) + 1) >= k or chance > _NOISIER:
            return effect, pooled, float(freedom)
        noisy[place] = True


def _fill(logs: Array, beyond: Array, expected: Array, sd: float) -> tuple[Array, float]:
    """Return the table with expectations where nothing was seen, and the variance they hide."""
    seen, censored = ~np.isnan(logs), ~np.isnan(beyond)
    z = np.where(censored, (np.nan_to_num(beyond) - expected) / sd, 0.0)
    rate = hazard(z)
    guess = np.where(censored, expected + sd * rate, expected)
    share = np.where(censored, np.clip(1 - rate * (rate - z), 0.0, 1.0), 1.0)  # missing: all of it
    return np.where(seen, logs, guess), float(sd**2 * share[~seen].sum())


def _scatter(logs: Array, sizes: Array, dof: float) -> float:
    """Return the variance of one seed's steps about the curve, by those that were seen.

    Bounds pull the curve off what was seen, and the more so the larger the variance.
    """
    variance, beyond = _START, np.full_like(logs, np.nan)
    zero = np.zeros(len(sizes))
    counts = np.ones(len(sizes), dtype=np.intp)
    for _ in range(50):
        cells = _cells(logs, beyond, np.zeros(len(logs)), variance, zero, counts, sizes)
        log_a, log_c, _ = best(cells, points=41)
        residual = logs - log_a - shape(np.array(log_c), sizes)
        new = max(float(np.nansum(residual**2)) / dof, _FLOOR)
        if abs(math.log(new / variance)) < 1e-6:
            break
        variance = new
    return new


def _connected(logs: Array) -> bool:
    """Say whether each size can be compared with each other one by way of seeds they share."""
    seen = ~np.isnan(logs)
    sizes = seen.any(axis=0)
    shared = (seen.T.astype(int) @ seen.astype(int) > 0)[np.ix_(sizes, sizes)]
    return int(connected_components(shared, directed=False, return_labels=False)) == 1


def _column_means(logs: Array) -> Array:
    """Return the mean of what was seen of each size; NaN where nothing was: (sizes,)."""
    seen = (~np.isnan(logs)).sum(axis=0)
    means: Array = np.where(seen > 0, np.nansum(logs, axis=0) / np.maximum(seen, 1), np.nan)
    return means


def _table(rows: Sequence[Sequence[float | None]], columns: int) -> Array:
    if not rows or any(len(row) != columns for row in rows):
        raise ValueError(f"every seed needs {columns} entries, one a batch size")
    return np.array([[np.nan if x is None else float(x) for x in row] for row in rows])
