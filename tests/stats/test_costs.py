"""Which size costs least: steps × price of a step, and what cannot be told apart."""

from __future__ import annotations

import numpy as np
import pytest

from bsx.stats.costs import Ranked, rank
from bsx.stats.critical_batch import TradeOff, fit_tradeoff
from bsx.stats.intervals import geometric_mean_estimate
from bsx.stats.layout import StepsTable
from tests.stats.oracles import log_steps

SIZES = [2**p for p in range(1, 11)]
NO_FIT = TradeOff(None, None, None, None, None, "too_few_sizes")


def ranking(
    spread: float, seeds: int = 5, *, fitted: bool = True, noise: float = 0.02
) -> list[Ranked]:
    rng = np.random.default_rng(0)
    logs = log_steps(SIZES, seeds, rng, spread=spread, shared=0.3)
    prices = {b: ((1e-3 + 1e-5 * b) * rng.lognormal(0, noise, 7)).tolist() for b in SIZES}
    steps = {b: geometric_mean_estimate(np.exp(logs[:, j]).tolist()) for j, b in enumerate(SIZES)}
    own = {b: dict(enumerate(logs[:, j].tolist())) for j, b in enumerate(SIZES)}
    fit = fit_tradeoff(StepsTable.of_logs(SIZES, logs.tolist())) if fitted else NO_FIT
    return rank(prices, {b: s for b, s in steps.items() if s}, own, fit)


@pytest.mark.parametrize("fitted", [True, False])
def test_the_cheapest_size_is_near_the_formula(fitted: bool) -> None:
    """With seconds α + β·B the best is √(α·B_crit/β) = 80; 64 and 128 lie within 1 % of it."""
    ranked = ranking(0.05, fitted=fitted)
    assert ranked[0].batch_size in (64, 128)
    assert [r.batch_size for r in ranked[-2:]] == [4, 2]
    cost = ranked[0].cost
    assert cost.low is not None and cost.value is not None and cost.high is not None
    assert cost.low < cost.value < cost.high


@pytest.mark.parametrize("fitted", [True, False])
def test_more_noise_leaves_more_that_cannot_be_told_apart(fitted: bool) -> None:
    def apart(ranked: list[Ranked]) -> int:
        return sum(r.ratio.low is not None and r.ratio.low > 1 for r in ranked)

    quiet = ranking(0.02, fitted=fitted, noise=0.005)
    loud = ranking(0.3, fitted=fitted, noise=0.3)
    assert apart(quiet) > apart(loud)


def test_what_a_seed_shares_over_sizes_cancels_from_the_ratio() -> None:
    last = ranking(0.02)[-1]
    assert last.ratio.low is not None and last.ratio.high is not None
    assert last.cost.low is not None and last.cost.high is not None
    assert last.ratio.high / last.ratio.low < last.cost.high / last.cost.low


def test_one_seed_ranks_without_intervals() -> None:
    ranked = ranking(0.1, seeds=1)
    assert all(r.cost.low is None and r.ratio.high is None for r in ranked)


def test_no_prices_no_ranking() -> None:
    assert rank({}, {}, {}, NO_FIT) == []


def test_costs_as_measured_are_no_surer_than_the_evaluations_they_are_read_off() -> None:
    """Both seeds take one and the same number at each size: of itself that is no spread."""
    own = {8: {0: np.log(100.0), 1: np.log(100.0)}, 16: {0: np.log(103.0), 1: np.log(103.0)}}
    steps = {
        b: geometric_mean_estimate(np.exp(list(row.values())).tolist()) for b, row in own.items()
    }
    known = {b: s for b, s in steps.items() if s}
    prices = {8: [1.0], 16: [1.0]}
    seen = [rank(prices, known, own, NO_FIT, None, r)[1].ratio for r in ({}, {8: 0.05, 16: 0.05})]
    assert seen[0].low == seen[0].high == pytest.approx(1.03)
    assert seen[1].low is not None and seen[1].low < 1
