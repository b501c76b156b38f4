"""Seconds per step = α + βB, and the knee, against timings whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.stats.step_model import Rounds, fit_line, step_model

SIZES = tuple(2**power for power in range(12))
ALPHA, BETA = 1e-3, 2e-5


def rounds(
    seed: int = 0,
    *,
    noise: float = 0.02,
    sizes: tuple[int, ...] = SIZES,
    repeats: int = 3,
    alpha: float = ALPHA,
    beta: float = BETA,
) -> Rounds:
    """Time sizes that obey the line, each round with luck of its own."""
    rng = np.random.default_rng(seed)
    return {
        size: [
            list((alpha + beta * size) * np.exp(noise * (rng.normal() + rng.normal(size=9) / 4)))
            for _ in range(repeats)
        ]
        for size in sizes
    }


def truth(sizes: tuple[int, ...] = SIZES) -> int:
    """Return the smallest size with nine tenths of the best throughput."""
    rate = {size: size / (ALPHA + BETA * size) for size in sizes}
    return min(size for size in sizes if rate[size] >= 0.9 * max(rate.values()))


def test_without_noise_line_and_knee_are_found_exactly() -> None:
    found = step_model(rounds(noise=0.0))
    assert found.alpha is not None
    assert found.beta is not None
    assert found.knee is not None
    assert found.alpha.value == pytest.approx(ALPHA)
    assert found.beta.value == pytest.approx(BETA)
    assert (found.knee.low, found.knee.value, found.knee.high) == (truth(), truth(), truth())


@given(st.floats(1e-6, 1e-1), st.floats(1e-8, 1e-2))
def test_any_line_is_found(alpha: float, beta: float) -> None:
    found = step_model(rounds(noise=0.0, alpha=alpha, beta=beta))
    assert found.alpha is not None
    assert found.beta is not None
    longest = alpha + beta * SIZES[-1]
    shortest = alpha + beta
    assert found.alpha.value == pytest.approx(alpha, rel=1e-6, abs=1e-9 * shortest)
    assert found.beta.value == pytest.approx(beta, rel=1e-6, abs=1e-9 * longest / SIZES[-1])


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = np.zeros(3)
    for seed in range(100):
        found = step_model(rounds(seed))
        for place, (estimate, true) in enumerate(
            ((found.alpha, ALPHA), (found.beta, BETA), (found.knee, float(truth())))
        ):
            assert estimate is not None
            low, high = estimate.low or 0.0, estimate.high or np.inf
            held[place] += low <= true <= high
    assert (held >= 93).all(), held


def test_equal_probes_name_one_knee_or_intervals_that_hold_them_all() -> None:
    found = [step_model(rounds(seed, noise=0.05)).knee for seed in range(20)]
    knees = [k.value if k and k.value is not None else np.inf for k in found]
    usual = max(set(knees), key=knees.count)
    good = 0
    for knee, value in zip(found, knees, strict=True):
        assert knee is not None
        high = np.inf if knee.high is None else knee.high
        good += value == usual or (knee.low or 0) <= min(knees) <= max(knees) <= high
    assert good >= 18


def test_a_size_that_a_busy_machine_slowed_hardly_moves_the_line() -> None:
    spoiled = dict(rounds())
    spoiled[64] = [[3 * draw for draw in draws] for draws in spoiled[64]]
    found = step_model(spoiled)
    assert found.alpha is not None
    assert found.beta is not None
    assert found.alpha.value == pytest.approx(ALPHA, rel=0.1)
    assert found.beta.value == pytest.approx(BETA, rel=0.1)


def test_throughput_that_falls_again_has_its_knee_before_the_peak() -> None:
    times = {1: 1.0, 2: 1.1, 4: 1.3, 8: 1.8, 16: 3.4, 32: 10.0}  # best at 16
    found = step_model({size: [[t] * 9] * 3 for size, t in times.items()})
    assert found.knee is not None
    assert found.knee.value == 8


def test_where_throughput_still_rises_the_knee_is_censored() -> None:
    found = step_model(rounds(sizes=(1, 2, 4, 8)))
    assert found.knee is not None
    assert found.knee.value is None
    assert found.knee.censored_at == 8
    assert found.knee.high is None


def test_where_no_size_twice_as_large_was_timed_the_knee_is_censored() -> None:
    times = {1: 1.0, 32: 1.1, 64: 1.2, 128: 1.31, 142: 1.33}  # 128 has 92 % of the best throughput
    found = step_model({size: [[t] * 9] * 3 for size, t in times.items()})
    assert found.knee is not None
    assert (found.knee.value, found.knee.high, found.knee.censored_at) == (None, None, 142)
    flat = {**times, 256: 2.4}
    knee = step_model({size: [[t] * 9] * 3 for size, t in flat.items()}).knee
    assert knee is not None
    assert knee.value == 128


def test_one_round_gives_no_intervals_and_one_size_nothing() -> None:
    found = step_model(rounds(repeats=1))
    assert found.alpha is not None
    assert found.knee is not None
    assert (found.alpha.low, found.knee.low, found.knee.high) == (None, None, None)
    assert step_model(rounds(sizes=(4,))).knee is None
    assert step_model({}).alpha is None


def test_costs_are_never_negative() -> None:
    sizes = np.array([1.0, 2.0, 4.0])
    alpha, beta = fit_line(sizes, np.array([[1.0, 3.0, 9.0], [3.0, 2.0, 1.0]]))
    assert (alpha >= 0).all()
    assert (beta >= 0).all()
    assert alpha[0] == 0
    assert beta[1] == 0


seconds = st.floats(1e-9, 1e3)


@given(
    st.dictionaries(
        st.sampled_from([2, 4, 8, 16, 32, 64]),
        st.lists(st.lists(seconds, min_size=1, max_size=3), min_size=1, max_size=3),
        min_size=2,
    )
)
def test_whatever_the_rounds_say_there_are_numbers(rounds: Rounds) -> None:
    model = step_model(rounds)
    for found in (model.alpha, model.beta):
        assert found is not None and found.value is not None and found.value >= 0
        assert found.low is None or 0 <= found.low <= found.value
        assert found.high is None or found.value <= found.high < np.inf
