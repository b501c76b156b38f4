"""Which batch size costs least to the target: steps × price of a step, with what is uncertain.

The price of a step is its seconds (time), one (steps) or the batch size (samples). Sizes are
compared on joint draws: what they share, a seed's luck or the level of the curve, cancels.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bsx.schema import Estimate
from bsx.stats.critical_batch import TradeOff
from bsx.stats.departure import FORM
from bsx.stats.hyperbola import Array
from bsx.stats.intervals import LEVEL, percentile_interval, pooled_spread, product_estimate
from bsx.stats.paired import residual_variance, rounding
from bsx.stats.tails import normal_ppf

_DRAWS = 4000
_METHOD = "joint draws of steps and price"


@dataclass(frozen=True)
class Ranked:
    """A batch size with its cost to the target, and how many times the winner's that is."""

    batch_size: int
    cost: Estimate
    ratio: Estimate  # to the winner; low ≤ 1: the two cannot be told apart


def rank(
    prices: Mapping[int, Estimate],
    steps: Mapping[int, Estimate],
    log_steps: Mapping[int, Mapping[int, float]],
    tradeoff: TradeOff,
    eligible: Collection[int] | None = None,
    resolution: Mapping[int, float] | None = None,
) -> list[Ranked]:
    """Rank batch sizes by cost: the cheapest of the ``eligible`` first, then all by cost.

    Args:
        prices: batch size → the price of a step; without an interval it is known exactly.
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
    spread_known = True
    if tradeoff.usable:
        count = len(tradeoff.draws) if tradeoff.draws is not None else _DRAWS
        logs = tradeoff.log_steps(np.array(sizes, dtype=float))
        centers = [_value(tradeoff.predict(b)) for b in sizes]
    else:
        count = _DRAWS
        centers = [_value(steps[b]) for b in sizes]
        errors = _errors(sizes, log_steps, resolution or {})
        spread_known = errors is not None
        logs = np.log(centers) + (_drawn(errors, rng) if errors else np.zeros((count, 1)))
    price = np.column_stack([_prices(prices[b], count, rng) for b in sizes])
    total = logs + np.log(price)  # (draws, sizes)
    values = [c * _value(prices[b]) for b, c in zip(sizes, centers, strict=True)]
    method = f"{_METHOD}, {'steps by the fitted curve' if tradeoff.usable else 'as measured'}"
    n = min((steps[b].n for b in sizes if b in steps), default=1)
    known = n > 1 and spread_known
    able = [i for i, b in enumerate(sizes) if eligible is None or b in eligible]
    winner = min(able or range(len(sizes)), key=lambda i: values[i])
    ranked = []
    for index in (winner, *(i for i in np.argsort(values, kind="stable") if i != winner)):
        ratio = total[:, index] - total[:, winner]
        if tradeoff.usable:
            if index != winner:  # by a curve that can only fall, no two sizes would be alike
                ratio = ratio + math.sqrt(2) * FORM * rng.standard_normal(count)
            cost = _estimate(values[index], total[:, index], n, known, method)
        else:  # the seeds' luck, which cancels from ratios, does not from this
            cost = product_estimate(steps[sizes[index]], _with_ends(prices[sizes[index]]), method)
        ranked.append(
            Ranked(
                sizes[index],
                cost,
                _estimate(values[index] / values[winner], ratio, n, known, method),
            )
        )
    return ranked


def _errors(
    sizes: Sequence[int],
    log_steps: Mapping[int, Mapping[int, float]],
    resolution: Mapping[int, float],
) -> list[tuple[float, float]] | None:
    """Return of each size the variance of its mean log steps, and its degrees of freedom.

    That is what seeds do not share: pooled over the sizes, but for one much noisier than the rest,
    which has its own. Where hardly any seeds are shared, all of their spread counts. None where
    nothing tells it.
    """
    rows = {b: log_steps[b] for b in sizes if log_steps.get(b)}
    variance, dof, noisy = residual_variance(rows)
    pooled = math.sqrt(variance)
    if dof < 1:
        pooled, dof = pooled_spread(list(row.values()) for row in rows.values())
        if dof < 1:
            return None
    errors = []
    for b in sizes:
        row, grid = rows.get(b, {}), rounding(resolution.get(b, 0.0))  # seeds share its error
        own = b in noisy and len(row) > 1
        spread, freedom = pooled_spread([list(row.values())]) if own else (pooled, dof)
        errors.append((spread**2 / max(len(row), 1) + grid, freedom))
    return errors


def _drawn(errors: Sequence[tuple[float, float]], rng: np.random.Generator) -> Array:
    """Draw the errors of mean log steps: (draws, sizes)."""
    variances, freedoms = np.array(errors).T
    noise: Array = rng.standard_t(freedoms, size=(_DRAWS, len(errors))) * np.sqrt(variances)
    return noise


def _with_ends(price: Estimate) -> Estimate:
    """Return a price that is known exactly, if it has no interval."""
    return replace(price, low=price.low or price.value, high=price.high or price.value)


def _prices(price: Estimate, count: int, rng: np.random.Generator) -> Array:
    """Draw a price, lognormal with the interval that it has."""
    value, low, high = _value(price), price.low, price.high
    if not low or not high:
        return np.full(count, value)
    spread = math.log(high / low) / 2 / normal_ppf(0.5 + price.level / 2)
    draws: Array = value * np.exp(spread * rng.standard_normal(count))
    return draws


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
