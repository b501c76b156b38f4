"""Intervals: what they are by hand, and that they cover what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bsx.schema import Estimate
from bsx.stats.intervals import (
    bootstrap_estimate,
    geometric_mean_estimate,
    mean_estimate,
    median_estimate,
    not_below,
    product_estimate,
    reciprocal,
)


def test_the_t_interval_is_that_of_the_textbook() -> None:
    estimate = mean_estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert estimate is not None and estimate.value == 3.0 and estimate.n == 5
    half = 2.7764451 * math.sqrt(2.5 / 5)
    assert estimate.low == pytest.approx(3 - half) and estimate.high == pytest.approx(3 + half)


@pytest.mark.parametrize(
    "estimator", [mean_estimate, geometric_mean_estimate, median_estimate, bootstrap_estimate]
)
def test_one_draw_has_no_interval(estimator: object) -> None:
    assert callable(estimator)
    estimate = estimator([2.0])
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (
        pytest.approx(2.0), None, None, 1,
    )  # fmt: skip
    assert estimator([]) is None


def test_an_interval_is_cut_at_what_the_quantity_cannot_leave() -> None:
    estimate = mean_estimate([0.99, 1.0, 1.0], bounds=(0.0, 1.0))
    assert estimate is not None and estimate.high == 1.0


def test_equal_shares_of_n_samples_are_known_to_a_step_of_one_nth() -> None:
    equal = mean_estimate([17 / 18, 17 / 18], grain=1 / 18, bounds=(0.0, 1.0))
    half = 12.7062047 / 18 / math.sqrt(12) / math.sqrt(2)
    assert equal is not None and equal.low == pytest.approx(17 / 18 - half) and equal.high == 1.0
    spread = [0.9, 0.95, 1.0]  # shows more than a step hides, which is then in it
    assert mean_estimate(spread, grain=0.01) == mean_estimate(spread)
    unknown = mean_estimate([0.1 + 0.2, 0.3, 0.3])
    assert unknown is not None and (unknown.low, unknown.high, unknown.n) == (None, None, 3)


def test_draws_that_fall_into_one_cell_of_the_grid_keep_its_width() -> None:
    estimate = geometric_mean_estimate([100.0] * 5, resolution=math.log(1.05))
    assert estimate is not None and estimate.low is not None and estimate.high is not None
    half = 2.7764451 * math.log(1.05) / math.sqrt(12)
    assert math.log(estimate.high / estimate.low) == pytest.approx(2 * half, rel=1e-6)


def test_the_level_of_a_median_says_what_a_few_draws_are_worth() -> None:
    three = median_estimate([3.0, 1.0, 2.0])
    assert three is not None and (three.low, three.value, three.high) == (1.0, 2.0, 3.0)
    assert three.level == pytest.approx(0.75)
    twenty = median_estimate([float(x) for x in range(20)])
    assert twenty is not None and twenty.level == 0.95
    assert (twenty.low, twenty.high) == (5.0, 14.0)  # the 6th of 20, as in tables


def test_the_interval_of_a_median_covers_it() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        estimate = median_estimate(rng.lognormal(0, 1, 9).tolist())
        assert estimate is not None and estimate.low is not None and estimate.high is not None
        covered += estimate.low <= 1.0 <= estimate.high
    assert covered / 400 > 0.93


def test_equal_values_and_seeds_give_equal_bootstrap_intervals() -> None:
    values = [1.0, 4.0, 2.0, 8.0]
    assert bootstrap_estimate(values, seed=3) == bootstrap_estimate(values, seed=3)


def test_log_distances_of_a_product_add_in_quadrature() -> None:
    first = Estimate(10.0, 10 / math.exp(0.3), 10 * math.exp(0.3), n=5)
    second = Estimate(2.0, 2 / math.exp(0.4), 2 * math.exp(0.4), n=7)
    product = product_estimate(first, second, "test")
    assert product.value == 20.0 and product.n == 5
    assert product.high == pytest.approx(20 * math.exp(0.5))
    assert product.low == pytest.approx(20 * math.exp(-0.5))


def test_a_product_with_an_open_or_censored_factor_stays_open_or_censored() -> None:
    open_sided = product_estimate(Estimate(10.0, 5.0, None), Estimate(2.0, 1.0, 4.0), "test")
    assert open_sided.low is not None and open_sided.high is None
    censored = product_estimate(Estimate(None, censored_at=300.0), Estimate(2.0, 1.0, 4.0), "test")
    assert censored.value is None and censored.censored_at == 600.0


def test_the_sides_of_a_reciprocal_change_places() -> None:
    estimate = reciprocal(Estimate(2.0, 1.0, 4.0), factor=8.0)
    assert (estimate.low, estimate.value, estimate.high) == (2.0, 4.0, 8.0)


def test_an_interval_of_iterations_ends_at_one_at_the_least() -> None:
    assert not_below(Estimate(7.0, 0.4, 15.0), 1.0) == Estimate(7.0, 1.0, 15.0)
    assert not_below(Estimate(7.0, 2.0, 15.0), 1.0) == Estimate(7.0, 2.0, 15.0)
    assert not_below(Estimate(0.8, 0.4, 15.0), 1.0) == Estimate(0.8, 0.8, 15.0)
    assert not_below(Estimate(7.0, None, 15.0), 1.0) == Estimate(7.0, None, 15.0)
