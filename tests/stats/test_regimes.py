"""The three regimes are where the curve says, and are not told beyond what was measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.schema import Estimate
from bsx.stats.critical_batch import TradeOff, fit_tradeoff
from bsx.stats.layout import StepsTable
from bsx.stats.regimes import regimes_of
from tests.stats.oracles import log_steps

SIZES = [2**p for p in range(1, 11)]


def fitted(value: float | None, low: float | None, high: float | None) -> TradeOff:
    """Return a trade-off of which only the critical batch size counts."""
    critical = Estimate(value, low, high, n=5)
    return TradeOff(critical, None, None, None, 2, "fitted", parameters=(0.0, 0.0))


@given(st.floats(20, 200), st.floats(10, 1000))
def test_at_the_boundaries_samples_and_steps_are_a_fifth_above_the_fewest(
    b_crit: float, s_min: float
) -> None:
    found = regimes_of(fitted(b_crit, b_crit / 1.2, b_crit * 1.2), 2, 1024)
    assert found is not None and found.perfect_up_to and found.maximal_from
    perfect, maximal = found.perfect_up_to.value, found.maximal_from.value
    assert perfect is not None and maximal is not None

    def steps(batch_size: float) -> float:
        return s_min * (1 + b_crit / batch_size)

    assert perfect * steps(perfect) == pytest.approx(1.2 * s_min * b_crit)
    assert steps(maximal) == pytest.approx(1.2 * s_min)
    assert found.within == 0.2 and found.measured == (2, 1024)


def test_their_intervals_are_those_of_the_critical_batch_size() -> None:
    found = regimes_of(fitted(60.0, 40.0, 100.0), 2, 1024)
    assert found is not None and found.perfect_up_to and found.maximal_from
    ends = (found.perfect_up_to.low, found.perfect_up_to.high)
    assert ends == pytest.approx((8.0, 20.0))
    assert (found.maximal_from.low, found.maximal_from.high) == pytest.approx((200.0, 500.0))


def test_a_boundary_far_beyond_the_sizes_is_no_more_than_beyond_them() -> None:
    found = regimes_of(fitted(600.0, 500.0, 700.0), 2, 1024)
    assert found is not None
    assert found.maximal_from == Estimate(None, 1024, None, n=5)
    found = regimes_of(fitted(3.0, 2.0, 4.0), 2, 1024)
    assert found is not None
    assert found.perfect_up_to == Estimate(None, None, 2, n=5)


def test_a_boundary_near_the_end_of_the_sizes_is_located() -> None:
    found = regimes_of(fitted(300.0, 200.0, 400.0), 2, 1024)
    assert found is not None and found.maximal_from
    assert found.maximal_from.value == pytest.approx(1500.0)


def test_a_bound_alone_bounds_the_regimes() -> None:
    found = regimes_of(fitted(None, 600.0, None), 2, 1024)
    assert found is not None and found.perfect_up_to and found.maximal_from
    assert (found.perfect_up_to.value, found.perfect_up_to.low) == (None, 120.0)
    assert (found.maximal_from.low, found.maximal_from.high) == (1024, None)
    found = regimes_of(fitted(None, None, 20.0), 2, 1024)
    assert found is not None and found.perfect_up_to and found.maximal_from
    assert (found.perfect_up_to.high, found.maximal_from.high) == (4.0, 100.0)
    open_ended = regimes_of(fitted(None, None, None), 2, 1024)
    assert open_ended is not None
    assert open_ended.perfect_up_to is None and open_ended.maximal_from is None


def test_where_the_curve_does_not_describe_the_points_no_regimes_are_located() -> None:
    poor = dataclasses.replace(fitted(60.0, 40.0, 100.0), verdict="poor_fit")
    assert regimes_of(poor, 2, 1024) is None
    few = fit_tradeoff(StepsTable.of([2, 4], [[100, 50]]))
    assert regimes_of(few, 2, 4) is None


def test_the_interval_of_a_boundary_covers_it_as_that_of_the_critical_batch_size_does() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        logs = log_steps(SIZES, 5, rng, spread=0.1, b_crit=64.0)
        fit = fit_tradeoff(StepsTable.of_logs(SIZES, logs.tolist()))
        found = regimes_of(fit, 2, 1024)
        if found is None:
            covered += 1
            continue
        boundary = found.perfect_up_to
        assert boundary and boundary.low is not None and boundary.high is not None
        covered += boundary.low <= 0.2 * 64 <= boundary.high
    assert covered >= 53
