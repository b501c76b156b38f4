"""What one arm buys beside another, against slow, obvious versions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bsx.stats.speed_ratio import largest_ratio, peak_ratio, throughput_ratio


def rounds(*medians: float) -> list[tuple[float, ...]]:
    """Return rounds of nine draws with these medians."""
    return [tuple(m * (1 + 0.01 * k) for k in range(-4, 5)) for m in medians]


def test_the_ratio_and_its_interval_are_those_of_a_t_test_on_the_logs() -> None:
    first, second = (3.0, 3.3, 2.9), (1.5, 1.7, 1.6)
    found = throughput_ratio(rounds(*first), rounds(*second))
    assert found is not None
    logs = np.log(np.array(first) / np.array(second))
    interval = stats.ttest_1samp(logs, 0.0).confidence_interval(0.95)
    assert found.value == pytest.approx(np.exp(logs.mean()))
    assert (found.low, found.high) == pytest.approx((np.exp(interval.low), np.exp(interval.high)))
    assert (found.n, found.level) == (3, 0.95)


def test_the_other_way_round_is_the_reciprocal() -> None:
    first, second = rounds(3.0, 3.3, 2.9), rounds(1.5, 1.7, 1.6)
    there, back = throughput_ratio(first, second), throughput_ratio(second, first)
    assert there is not None
    assert back is not None
    assert there.value == pytest.approx(1 / (back.value or 0))
    assert there.low == pytest.approx(1 / (back.high or 0))


def test_what_the_machine_does_to_both_in_a_round_leaves_the_ratio_alone() -> None:
    found = throughput_ratio(rounds(2.0, 4.0, 12.0), rounds(1.0, 2.0, 6.0))
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))


def test_rounds_are_paired_by_their_number_and_a_failed_one_is_left_out() -> None:
    found = throughput_ratio(rounds(2.0, 4.0, 12.0), [*rounds(1.0), (), *rounds(6.0)])
    assert found is not None
    assert (found.value, found.n) == (pytest.approx(2.0), 2)


def test_one_round_has_no_interval_and_none_in_common_no_ratio() -> None:
    found = throughput_ratio(rounds(2.0), rounds(1.0, 5.0))
    assert found is not None
    assert (found.value, found.low, found.high, found.n) == (2.0, None, None, 1)
    assert throughput_ratio([(), (1.0,)], [(1.0,)]) is None
    assert throughput_ratio([], []) is None


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        machine = rng.lognormal(0, 0.5, 3)  # drifts, for both
        luck = rng.lognormal(0, 0.05, (2, 3))  # of each process
        found = throughput_ratio(rounds(*(3 * machine * luck[0])), rounds(*(2 * machine * luck[1])))
        assert found is not None
        held += (found.low or 0) <= 1.5 <= (found.high or 0)
    assert 930 <= held <= 970


def test_peaks_are_compared_without_an_interval() -> None:
    found = peak_ratio(400, 300)
    assert found is not None
    assert (found.value, found.low, found.high) == (0.75, None, None)
    assert peak_ratio(None, 300) is None
    assert peak_ratio(400, None) is None


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((12, "memory"), (24, "memory"), (2.0, None, None)),
        ((12, "memory"), (400, "samples"), (None, 400 / 12, None)),
        ((64, "max"), (16, "memory"), (None, None, 0.25)),
    ],
)
def test_the_largest_sizes_are_compared_as_far_as_memory_was_their_end(
    first: tuple[int, str], second: tuple[int, str], expected: tuple[float | None, ...]
) -> None:
    found = largest_ratio(*first, *second)
    assert found is not None
    assert (found.value, found.low, found.high) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((64, "max"), (64, "max")),
        ((None, "memory"), (64, "memory")),
        ((64, "memory"), (None, "memory")),
        ((3, "failed"), (64, "memory")),
    ],
)
def test_where_memory_was_no_end_the_largest_sizes_say_nothing(
    first: tuple[int | None, str], second: tuple[int | None, str]
) -> None:
    assert largest_ratio(*first, *second) is None
