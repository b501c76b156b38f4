"""Numbers as people read them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.render import numbers
from bsx.schema import Estimate

positive = st.floats(1e-12, 1e15)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (354.2, "354"),
        (22_550, "22,600"),
        (0.03125, "0.0312"),
        (0.5, "0.5"),
        (1.0, "1"),
        (9.999, "10"),
        (0, "0"),
        (3e-5, "3e-5"),
        (1.234e-7, "1.23e-7"),
        (-0.0021, "−0.0021"),
        (None, "–"),
    ],
)
def test_a_measured_number_has_three_significant_digits(value: float | None, text: str) -> None:
    assert numbers.significant(value) == text


@given(positive)
def test_three_significant_digits_are_within_half_a_percent(value: float) -> None:
    shown = float(numbers.significant(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=0.0051)


def test_a_counted_number_keeps_every_digit() -> None:
    assert numbers.count(10**18 + 1) == "1,000,000,000,000,000,001"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (3e-9, "3 ns"),
        (85e-6, "85 µs"),
        (0.0146, "14.6 ms"),
        (0.9999, "1 s"),
        (3.44, "3.4 s"),
        (9.97, "10 s"),
        (38.4, "38 s"),
        (59.6, "1 min"),
        (250, "4 min 10 s"),
        (3599.7, "1 h"),
        (4320, "1 h 12 min"),
        (86_399, "1 d"),
        (190_000, "2 d 5 h"),
        (None, "–"),
    ],
)
def test_a_length_of_time_is_said_in_its_largest_two_units(
    seconds: float | None, text: str
) -> None:
    assert numbers.duration(seconds) == text


@given(st.floats(1e-9, 1e9))
def test_no_part_of_a_duration_reaches_the_next_unit(seconds: float) -> None:
    limits = {"ns": 1000, "µs": 1000, "ms": 1000, "s": 60, "min": 60, "h": 24, "d": 1e9}
    text = numbers.duration(seconds)
    for amount, unit in re.findall(r"([\d.,]+) (\w+)", text):
        assert float(amount.replace(",", "")) < limits[unit], text


def test_a_negative_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        numbers.duration(-1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (8.1, "8.10"),
        (812, "812"),
        (999.9, "1.00 k"),
        (12_340, "12.3 k"),
        (1.2e6, "1.20 M"),
    ],
)
def test_throughput_has_a_prefix_and_three_digits(value: float, text: str) -> None:
    assert numbers.si(value) == text
    assert numbers.throughput(value) == f"{text} samples/s"


def test_memory_is_in_binary_units() -> None:
    assert numbers.size(312 * 2**20) == "312 MiB"
    assert numbers.size(1.25 * 2**30) == "1.25 GiB"
    assert numbers.size(None) == "–"


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (Estimate(354.0, 301.0, 417.0), "354 (301–417)"),
        (Estimate(354.0), "354"),
        (Estimate(354.0, low=301.0), "354 (≥ 301)"),
        (Estimate(354.0, high=417.0), "354 (≤ 417)"),
        (Estimate(None, censored_at=7187.0), "> 7,187"),
        (Estimate(None, low=61.0), "≥ 61"),
        (Estimate(None, high=5.0), "≤ 5"),
        (Estimate(None, low=5.0, high=61.0), "5–61"),
        (Estimate(None), "–"),
        (None, "–"),
    ],
)
def test_an_estimate_is_its_value_and_interval_or_what_bounds_it(
    quantity: Estimate | None, text: str
) -> None:
    assert numbers.estimate(quantity, numbers.whole) == text


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (Estimate(51.0, 2.0, 1300.0, n=2), "51 (n = 2)"),
        (Estimate(51.0, 8.0, 320.0, n=2), "51 (8–320)"),
        (Estimate(51.0, 2.0, 1300.0, n=3), "51 (2–1,300)"),
        (Estimate(364.0, 1.0, 3.04e8, n=3), "364 (n = 3)"),
        (Estimate(51.0, 0.0, 1300.0, n=2), "51 (0–1,300)"),
        (Estimate(51.0, 2.0, None, n=2), "51 (≥ 2)"),
    ],
)
def test_an_interval_of_two_draws_that_spans_decades_gives_way_to_their_number(
    quantity: Estimate, text: str
) -> None:
    assert numbers.estimate(quantity, numbers.whole) == text


def test_values_of_a_column_stand_under_one_another() -> None:
    column = numbers.aligned(
        [Estimate(2010.0, 1760.0, 2290.0), Estimate(56.0, 49.0, 64.0), None], numbers.whole
    )
    assert column == ("2,010 (1,760–2,290)", "   56 (49–64)      ", "    –              ")


def test_percentages_are_plus_minus_where_intervals_are_even() -> None:
    even = Estimate(0.978, 0.974, 0.982)
    assert numbers.aligned_plus_minus([even, None], 100) == ("97.8 ± 0.4", "   –      ")


def test_percentages_have_a_range_where_one_interval_is_lopsided() -> None:
    lopsided = Estimate(0.998, 0.980, 1.0)
    assert numbers.aligned_plus_minus([lopsided], 100) == ("99.8 (98.0–100.0)",)


def test_an_interval_too_narrow_for_one_decimal_gets_more() -> None:
    assert numbers.aligned_plus_minus([Estimate(0.9996, 0.9993, 0.9999)], 100) == ("99.96 ± 0.03",)


def test_nearly_all_is_not_shown_as_all() -> None:
    assert numbers.aligned_plus_minus([Estimate(0.9996)], 100) == ("99.96",)
    assert numbers.aligned_plus_minus([Estimate(1.0)], 100) == ("100.0",)


def test_without_its_interval_a_share_is_not_told_more_exactly_than_others() -> None:
    narrow = [Estimate(0.91183, 0.91180, 0.91186)]
    assert numbers.aligned_plus_minus(narrow, 100, intervals=False) == ("91.2",)
    assert numbers.aligned_plus_minus(narrow, 100) == ("91.183 ± 0.003",)


@given(st.lists(st.floats(1e-4, 1e6), min_size=1, max_size=12))
def test_the_cells_of_a_column_are_equally_wide(values: list[float]) -> None:
    quantities = [Estimate(v, v * 0.9, v * 1.2) for v in values]
    for column in (
        numbers.aligned(quantities, numbers.fixed(numbers.decimals(values))),
        numbers.aligned_plus_minus(quantities),
        numbers.aligned_at_point([numbers.learning_rate(v) for v in values]),
    ):
        assert len({len(cell) for cell in column}) == 1


def test_decimal_points_stand_under_one_another() -> None:
    assert numbers.aligned_at_point(["0.5", "10", "–"]) == (" 0.5", "10  ", " –  ")


def test_a_column_of_durations_has_the_unit_of_its_smallest() -> None:
    assert numbers.time_unit([0.3, 12.0])[0] == "s"
    assert numbers.time_unit([85e-6, 1e-3])[0] == "µs"
    assert numbers.time_unit([40.0, 7200.0])[0] == "s"
    assert numbers.time_unit([90.0, 7200.0])[0] == "min"
    assert numbers.time_unit([])[0] == "s"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "–"), (0, "0"), (2.5, "2.5"), (1234.5, "1,230"), (0.0312, "0.0312"),
        (4.514e-6, "0.00000451"), (1e-9, "0.000000001"), (3e-14, "< 0.000000000001"),
    ],
)  # fmt: skip
def test_amounts_of_money_have_no_exponent(amount: float | None, text: str) -> None:
    assert numbers.money(amount) == text


def test_what_is_nearly_none_keeps_a_digit_and_what_is_negative_has_no_dash() -> None:
    assert numbers.estimate(Estimate(9.0, 0.2, None), numbers.whole) == "9 (≥ 0.2)"
    assert numbers.whole(0.0) == "0" and numbers.whole(0.7) == "1"
    between = numbers.estimate(Estimate(-0.9, -1.0, -0.8))
    assert between == "−0.9 (−1 to −0.8)"


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (numbers.fixed(2), -0.0653, "−0.07"),
        (numbers.fixed(1), -0.04, "0.0"),  # not −0.0
        (numbers.significant, -3e-5, "−3e-5"),
        (numbers.percent, -0.012, "−1.2 %"),
        (numbers.whole, -3, "−3"),
    ],
)
def test_a_negative_number_has_a_minus_and_what_rounds_to_none_has_no_sign(
    form: numbers.Form, value: float, text: str
) -> None:
    assert form(value) == text


def test_a_bound_that_was_counted_keeps_its_digits() -> None:
    assert numbers.estimate(Estimate(None, 1024.0), numbers.whole) == "≥ 1,024"
    assert numbers.estimate(Estimate(None, None, 1437.0), numbers.whole) == "≤ 1,437"
    assert numbers.estimate(Estimate(None, 1024.3), numbers.whole) == "≥ 1,020"
