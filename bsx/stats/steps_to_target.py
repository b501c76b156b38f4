"""Steps-to-target: where a curve first holds a threshold, and the geometric mean over seeds.

A curve that never gets there is *censored*: its steps are known to lie beyond the last one looked
at, and that much is used. Which rate's curves are looked at is decided in ``selection``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import optimize

from bsx.schema import Estimate, Metric
from bsx.stats.intervals import LEVEL, geometric_mean_estimate, t_quantile
from bsx.stats.tails import normal_logsf

# Half a step stands for "before the first evaluation at step 1", where a log has no place.
_BEFORE_FIRST = 0.5


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where one curve reached a threshold.

    ``step`` is the first evaluated step at which it held (None: never); ``previous`` the evaluated
    step before it, so that the true crossing lies in (previous, step]; ``last`` the last step that
    the crossing is known not to lie at or before, where it was not reached. A run that ``diverged``
    never gets there, however long it is: that is no slow run. A ``dominated`` one was stopped
    because others were better.
    """

    step: float | None  # whole, unless it is a mean that was published
    previous: float
    last: float
    diverged: bool = False
    dominated: bool = field(default=False, compare=False)

    @property
    def given_up(self) -> bool:
        """Whether the run was not trained to its end."""
        return self.diverged or self.dominated

    @property
    def resolution(self) -> float:
        """The log of the ratio between the step and the evaluation before it; 0 if censored."""
        return 0.0 if self.step is None else math.log(self.step / max(self.previous, _BEFORE_FIRST))


def first_crossing(
    steps: Sequence[int], values: Sequence[float], metric: Metric, threshold: float, k: int = 1
) -> Crossing:
    """Find the first evaluated step at which ``threshold`` holds for ``k`` evaluations in a row.

    The step given is the first of the k: confirmation does not make a curve look slower. A curve
    that ends before the k are full did not get there: it is censored, and at the evaluation before
    that row, because the next ones might have made it a crossing. NaN never reaches.

    Raises:
        ValueError: for k < 1 or sequences of different length.
    """
    if k < 1:
        raise ValueError(f"k crossings in a row: k must be at least 1, not {k}")
    if len(steps) != len(values):
        raise ValueError(f"{len(steps)} steps but {len(values)} values")
    found = np.asarray(values, dtype=float)
    holds = found >= threshold if metric.higher_is_better else found <= threshold
    confirmed = holds
    if k > 1:
        in_a_row = sliding_window_view(holds, k) if len(holds) >= k else holds[:0, None]
        confirmed = np.all(in_a_row, axis=1)
    if not confirmed.any():
        missed = np.flatnonzero(~holds)  # what comes after may be the beginning of a crossing
        return Crossing(None, 0, steps[int(missed[-1])] if len(missed) else 0)
    first = int(confirmed.argmax())
    return Crossing(steps[first], steps[first - 1] if first else 0, steps[-1])


def mean_crossing(
    curves: Sequence[tuple[Sequence[int], Sequence[float]]],
    metric: Metric,
    threshold: float,
    k: int = 1,
) -> Crossing | None:
    """Find where the mean of the seeds' curves reaches ``threshold``; see :func:`first_crossing`.

    The first crossing of a noisy curve comes early, that of a mean hardly so. Only steps at which
    every seed was evaluated count; None without any.
    """
    if not curves:
        return None
    at = list(curves[0][0])
    rows = [np.asarray(values, dtype=float) for _, values in curves]
    if any(list(steps) != at for steps, _ in curves):
        at = sorted(set.intersection(*(set(steps) for steps, _ in curves)))
        rows = [
            row[np.searchsorted(steps, at)] for row, (steps, _) in zip(rows, curves, strict=True)
        ]
    return first_crossing(at, np.mean(rows, axis=0), metric, threshold, k) if at else None


def summarize(crossings: Sequence[Crossing], *, level: float = LEVEL) -> Estimate | None:
    """Estimate the geometric mean of steps-to-target over seeds; None for no crossings.

    With all seeds there: Student's t on the logs, the resolution of the evaluations included. With
    some censored, but at least half and at least two there: the censored lognormal likelihood.
    With fewer: ``value`` None, ``censored_at`` the last step that every seed was looked at. Seeds
    that diverged count only where all did: how many steps it takes them is not a question.
    """
    crossings = [c for c in crossings if not c.diverged] or crossings
    if not crossings:
        return None
    reached = [c for c in crossings if c.step is not None]
    n = len(crossings)
    resolution = float(np.mean([c.resolution for c in reached])) if reached else 0.0
    if len(reached) == n:
        return geometric_mean_estimate(
            [float(c.step) for c in reached if c.step is not None],
            resolution=resolution,
            level=level,
        )
    lasts = [c.last for c in crossings if c.step is None]
    if 2 * len(reached) < n or len(reached) < 2:
        return Estimate(None, None, None, level, n, "censored", float(min(lasts)))
    logs = np.log([float(c.step) for c in reached if c.step is not None])
    center, error = censored_normal(logs, np.log(np.maximum(lasts, 1)))
    # The draws that were seen carry the spread: theirs are the degrees of freedom.
    half = t_quantile(len(reached) - 1, level) * math.hypot(error, resolution / math.sqrt(12))
    return Estimate(
        math.exp(center),
        math.exp(center - half),
        math.exp(min(center + half, 700.0)),
        level,
        n,
        "censored lognormal likelihood",
    )


def censored_normal(
    seen: np.ndarray[tuple[int], np.dtype[np.float64]],
    beyond: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[float, float]:
    """Return the mean of a normal from draws seen and draws known to lie beyond, and its error.

    Maximum likelihood in (mean, log sd); the standard error from the curvature at the maximum.
    Shapes: (seen,), (censored,); at least two draws seen.
    """
    # Draws of no spread at all would send the likelihood to infinity: 0.1 % is below any grid.
    floor = math.log(1e-3)

    def loss(p: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        mean, log_sd = float(p[0]), max(float(p[1]), floor)
        sd = math.exp(log_sd)
        z = (seen - mean) / sd
        tail = normal_logsf((beyond - mean) / sd)
        return float(0.5 * np.sum(z**2) + len(seen) * log_sd - np.sum(tail))

    start = np.array([float(seen.mean()), math.log(max(float(seen.std(ddof=1)), 0.02))])
    fit = optimize.minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-8})
    mean, log_sd = float(fit.x[0]), max(float(fit.x[1]), floor)
    return mean, _standard_error(loss, mean, log_sd)


def _standard_error(loss: object, mean: float, log_sd: float) -> float:
    assert callable(loss)
    h = 1e-3 * math.exp(log_sd)
    g = 1e-3

    def at(i: int, j: int) -> float:
        return float(loss(np.array([mean + i * h, log_sd + j * g])))

    mm = (at(1, 0) - 2 * at(0, 0) + at(-1, 0)) / h**2
    ss = (at(0, 1) - 2 * at(0, 0) + at(0, -1)) / g**2
    ms = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * h * g)
    information = mm - ms**2 / ss if ss > 0 else mm
    return 1 / math.sqrt(information) if information > 0 else 1 / math.sqrt(max(mm, 1e-12))
