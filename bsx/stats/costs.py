"""Which batch size costs least to the target: steps × price of a step, with what is uncertain.

The price of a step is its seconds (time), one (steps) or the batch size (samples). Sizes are
compared on joint draws: what they share, a seed's luck or the level of the curve, cancels.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bsx.schema import Estimate
from bsx.stats.critical_batch import TradeOff
from bsx.stats.hyperbola import Array
from bsx.stats.intervals import LEVEL, percentile_interval
from bsx.stats.paired import residual_variance, rounding

_DRAWS = 4000
_METHOD = "joint draws of steps and price"


@dataclass(frozen=True)
class Ranked:
    """A batch size with its cost to the target, and how many times the winner's that is."""

    batch_size: int
    cost: Estimate
    ratio: Estimate  # to the winner; low ≤ 1: the two cannot be told apart


def rank(
    prices: Mapping[int, Sequence[float]],
    steps: Mapping[int, Estimate],
    log_steps: Mapping[int, Mapping[int, float]],
    tradeoff: TradeOff,
    eligible: Collection[int] | None = None,
    resolution: Mapping[int, float] | None = None,
) -> list[Ranked]:
    """Rank batch sizes by cost: the cheapest of the ``eligible`` first, then all by cost.

    Args:
        prices: batch size → draws of the price of a step (one draw: known exactly).
        steps: batch size → steps-to-target; used where the curve describes the points badly.
        log_steps: batch size → seed → log steps, for the spread that seeds do not share.
        tradeoff: the fitted curve, used where it describes the points.
        eligible: the sizes of which the first is the cheapest; all if None.
        resolution: batch size → log spacing of the evaluations that its steps are read off.
    """
    sizes = sorted(prices)
    if not sizes:
        return []
    rng = np.random.default_rng(1)
    if tradeoff.usable:
        count = len(tradeoff.draws) if tradeoff.draws is not None else _DRAWS
        logs = tradeoff.log_steps(np.array(sizes, dtype=float))
        centers = [_value(tradeoff.predict(b)) for b in sizes]
    else:
        count = _DRAWS
        logs, centers = _measured(sizes, steps, log_steps, resolution or {}, rng)
    price = np.column_stack([_medians(prices[b], count, rng) for b in sizes])
    total = logs + np.log(price)  # (draws, sizes)
    values = [c * float(np.median(prices[b])) for b, c in zip(sizes, centers, strict=True)]
    method = f"{_METHOD}, {'steps by the fitted curve' if tradeoff.usable else 'as measured'}"
    n = min((steps[b].n for b in sizes if b in steps), default=1)
    known = n > 1
    able = [i for i, b in enumerate(sizes) if eligible is None or b in eligible]
    winner = min(able or range(len(sizes)), key=lambda i: values[i])
    ranked = []
    for index in (winner, *(i for i in np.argsort(values, kind="stable") if i != winner)):
        ratio = total[:, index] - total[:, winner]
        ranked.append(
            Ranked(
                sizes[index],
                _estimate(values[index], total[:, index], n, known, method),
                _estimate(values[index] / values[winner], ratio, n, known, method),
            )
        )
    return ranked


def _measured(
    sizes: Sequence[int],
    steps: Mapping[int, Estimate],
    log_steps: Mapping[int, Mapping[int, float]],
    resolution: Mapping[int, float],
    rng: np.random.Generator,
) -> tuple[Array, list[float]]:
    """Return draws of the measured log steps, and their values, size by size."""
    centers = [_value(steps[b]) for b in sizes]
    variance, dof, _ = residual_variance({b: log_steps[b] for b in sizes if log_steps.get(b)})
    noise = rng.standard_t(max(dof, 1.0), size=(_DRAWS, len(sizes)))
    counts = np.array([max(len(log_steps.get(b, {})), 1) for b in sizes])
    grid = np.array([rounding(resolution.get(b, 0.0)) for b in sizes])  # seeds share its error
    return np.log(centers) + noise * np.sqrt(variance / counts + grid), centers


def _medians(draws: Sequence[float], count: int, rng: np.random.Generator) -> Array:
    values = np.asarray(draws, dtype=float)
    picks = rng.integers(0, len(values), size=(count, len(values)))
    medians: Array = np.median(values[picks], axis=1)
    return medians


def _estimate(value: float, logs: Array, n: int, known: bool, method: str) -> Estimate:
    low, high = np.exp(percentile_interval(logs))
    return Estimate(
        value,
        float(low) if known else None,
        float(high) if known else None,
        LEVEL,
        n,
        method,
    )


def _value(estimate: Estimate | None) -> float:
    if estimate is None or estimate.value is None or not math.isfinite(estimate.value):
        raise ValueError("a batch size without steps to the target cannot be ranked")
    return estimate.value
