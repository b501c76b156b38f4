"""The three regimes of batch size, located on the fitted curve.

Shallue et al. 2019 (arXiv 1811.03600) tell apart perfect scaling (double the batch, half the
steps), diminishing returns, and maximal data parallelism (a larger batch saves nothing). On the
curve S(B) = S_min(1 + B_crit/B) nothing changes at once, so that a boundary needs a tolerance X:

    samples within X of the fewest:  E(B) ≤ (1 + X) E_min  ⇔  B ≤ X · B_crit
    steps within X of the fewest:    S(B) ≤ (1 + X) S_min  ⇔  B ≥ B_crit / X

Both are multiples of the critical batch size, and so are their intervals.
"""

from __future__ import annotations

from dataclasses import replace

from bsx.schema import Estimate, Regimes
from bsx.stats.critical_batch import OVERHEAD, TradeOff

WITHIN = OVERHEAD  # X: 20 %, as in the second definition of the critical batch size
NEAR = 2.0  # a boundary so many times beyond the sizes measured is still located


def regimes_of(tradeoff: TradeOff, smallest: int, largest: int) -> Regimes | None:
    """Locate the regimes; None without a curve that describes the points.

    ``smallest`` and ``largest`` are the sizes that were measured.
    """
    critical = tradeoff.critical_batch_size
    if critical is None or not tradeoff.usable:
        return None
    return Regimes(
        WITHIN,
        (smallest, largest),
        _located(critical.scaled(WITHIN), smallest, largest),
        _located(critical.scaled(1 / WITHIN), smallest, largest),
    )


def _located(boundary: Estimate, smallest: float, largest: float) -> Estimate | None:
    """Keep of a boundary what the sizes measured can say; None where they say nothing.

    Far beyond them it has no value, and no bound that claims more than that it is beyond.
    """
    low, high = boundary.low, boundary.high
    value = boundary.value
    above = value > NEAR * largest if value is not None else high is None and low is not None
    below = value < smallest / NEAR if value is not None else low is None and high is not None
    if above:
        bound = largest if low is None else min(low, largest)
        return replace(boundary, value=None, low=bound, high=None)
    if below:
        bound = smallest if high is None else max(high, smallest)
        return replace(boundary, value=None, low=None, high=bound)
    if value is None:
        return None
    return boundary
