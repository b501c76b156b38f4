"""Steps-to-target: the first crossing, and its geometric mean with censored seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.schema import Metric
from bsx.stats.steps_to_target import Crossing, first_crossing, mean_crossing, summarize
from tests.stats.oracles import slow_first_crossing

UP = Metric("accuracy", higher_is_better=True, bounded=True)
DOWN = Metric("loss", higher_is_better=False)


def reached(*steps: int) -> list[Crossing]:
    return [Crossing(step, step - 1, 1000) for step in steps]


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0, 1), st.integers(1, 4), st.booleans())
def test_the_first_crossing_is_the_one_that_looking_everywhere_finds(
    values: list[float], threshold: float, k: int, up: bool
) -> None:
    steps = [2 * i + 1 for i in range(len(values))]
    metric = UP if up else DOWN
    found = first_crossing(steps, values, metric, threshold, k)
    assert found.step == slow_first_crossing(steps, values, metric, threshold, k)
    if found.step is not None:
        assert found.previous == max(found.step - 2, 0)


def test_one_lucky_evaluation_does_not_confirm_a_crossing() -> None:
    steps, values = [1, 2, 3, 4, 5], [0.1, 0.9, 0.5, 0.9, 0.9]
    assert first_crossing(steps, values, UP, 0.8).step == 2
    assert first_crossing(steps, values, UP, 0.8, k=2).step == 4


def test_nan_reaches_nothing() -> None:
    assert first_crossing([1, 2], [math.nan, math.nan], UP, 0.0).step is None
    assert first_crossing([1, 2], [math.nan, 0.1], DOWN, 0.2).step == 2


def test_k_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        first_crossing([1], [1.0], UP, 0.5, k=0)


def test_the_summary_is_the_geometric_mean() -> None:
    estimate = summarize(reached(10, 1000))
    assert estimate is not None and estimate.value == pytest.approx(100.0)
    assert summarize([]) is None


def test_a_single_seed_has_a_value_and_no_interval() -> None:
    estimate = summarize(reached(100))
    assert estimate is not None and estimate.value == pytest.approx(100.0)
    assert estimate.low is None and estimate.high is None


def test_too_few_seeds_at_the_target_leave_the_size_censored() -> None:
    estimate = summarize([*reached(100, 110), *[Crossing(None, 0, 400)] * 3])
    assert estimate is not None and estimate.value is None
    assert estimate.censored_at == 400.0 and estimate.n == 5


def test_a_censored_seed_moves_the_mean_up_and_the_interval_apart() -> None:
    known = summarize(reached(300, 330, 360, 390))
    some = summarize([*reached(300, 330, 360, 390), Crossing(None, 0, 400)])
    assert known is not None and some is not None
    assert known.value is not None and some.value is not None
    assert known.high is not None and some.high is not None
    assert some.value > known.value and some.high > known.high


def test_censored_seeds_do_not_bias_the_mean() -> None:
    rng = np.random.default_rng(0)
    values, covered = [], 0
    for _ in range(60):
        steps = np.exp(rng.normal(math.log(300), 0.2, 8))
        crossings = [
            Crossing(round(s), round(s) - 1, 350) if s <= 350 else Crossing(None, 0, 350)
            for s in steps
        ]
        estimate = summarize(crossings)
        assert estimate is not None
        if estimate.value is None or estimate.low is None or estimate.high is None:
            continue
        values.append(math.log(estimate.value / 300))
        covered += estimate.low <= 300 <= estimate.high
    assert abs(float(np.mean(values))) < 0.04
    assert covered / len(values) > 0.88


def test_equal_steps_beside_a_censored_seed_are_no_breakdown() -> None:
    estimate = summarize([*reached(100, 100, 100), Crossing(None, 0, 100)])
    assert estimate is not None and estimate.value is not None and estimate.value < 120


def test_a_run_that_ends_before_it_is_confirmed_is_censored_where_the_row_begins() -> None:
    steps = [1, 2, 4, 8, 16]
    values = [0.1, 0.9, 0.5, 0.9, 0.9]
    assert first_crossing(steps, values, UP, 0.8, k=3) == Crossing(None, 0, 4)
    assert first_crossing(steps, [0.9] * 5, UP, 0.8, k=6) == Crossing(None, 0, 0)
    assert first_crossing(steps, [0.1] * 5, UP, 0.8, k=3) == Crossing(None, 0, 16)


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0, 1), st.integers(1, 4))
def test_what_a_longer_run_would_show_lies_beyond_what_is_called_censored(
    values: list[float], threshold: float, k: int
) -> None:
    steps = [2 * i + 1 for i in range(len(values) + k)]
    short = first_crossing(steps[: len(values)], values, UP, threshold, k)
    longer = first_crossing(steps, [*values, *[1.0] * k], UP, threshold, k)
    assert longer.step is not None
    if short.step is None:
        assert longer.step > short.last
    else:
        assert longer == Crossing(short.step, short.previous, longer.last)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 1))
def test_to_ask_for_more_in_a_row_makes_no_crossing_earlier(
    values: list[float], threshold: float
) -> None:
    steps = list(range(1, len(values) + 1))
    found = [first_crossing(steps, values, UP, threshold, k).step for k in (1, 2, 3)]
    reached_at = [math.inf if step is None else step for step in found]
    assert reached_at == sorted(reached_at)


def test_the_mean_curve_crosses_later_than_noisy_curves_do() -> None:
    rng = np.random.default_rng(0)
    steps = list(range(1, 200))
    rise = np.linspace(0, 1, len(steps))
    curves = [(steps, (rise + rng.normal(0, 0.1, len(steps))).tolist()) for _ in range(10)]
    first = [first_crossing(at, values, UP, 0.8).step or 0 for at, values in curves]
    mean = mean_crossing(curves, UP, 0.8)
    assert mean is not None and mean.step is not None
    assert np.mean(first) < mean.step < 0.8 * 200


def test_a_mean_is_taken_where_every_seed_was_looked_at() -> None:
    curves = [([1, 2, 4], [0.0, 0.6, 1.0]), ([1, 4, 8], [0.0, 1.0, 1.0])]
    assert mean_crossing(curves, UP, 0.5) == Crossing(4, 1, 4)
    assert mean_crossing([([1], [1.0]), ([2], [1.0])], UP, 0.5) is None
    assert mean_crossing([], UP, 0.5) is None
