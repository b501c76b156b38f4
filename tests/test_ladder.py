"""Targets as they are typed: one, several, or a ladder of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx import parse
from bsx.arithmetic import parse_thresholds
from bsx.errors import ConfigError
from bsx.schema import TargetSpec


def read(text: str) -> tuple[float, ...]:
    return parse_thresholds(text, "--target accuracy=")


def test_a_ladder_goes_from_its_start_to_its_end() -> None:
    assert read("0.90..0.97:0.01") == (0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97)
    assert read("2..0.5:0.5") == (2.0, 1.5, 1.0, 0.5)
    assert read("0.90..0.97:0.02") == (0.9, 0.92, 0.94, 0.96)  # 0.97 is no rung
    assert read("-1..1:1") == (-1.0, 0.0, 1.0)


def test_the_first_threshold_that_was_typed_stays_the_first() -> None:
    assert read("0.97,0.95..0.97:0.01") == (0.97, 0.95, 0.96)
    assert read("0.97") == (0.97,)
    assert read("1e-3, 0.01") == (0.001, 0.01)


@given(
    st.decimals("-100", "100", places=3),
    st.decimals("0.001", "10", places=3),
    st.integers(1, 90),
    st.booleans(),
)
def test_rungs_are_the_decimals_that_a_person_would_write(
    start: Decimal, step: Decimal, count: int, down: bool
) -> None:
    end = start - step * count if down else start + step * count
    rungs = read(f"{start}..{end}:{step}")
    way = -step if down else step
    assert rungs == tuple(float(start + way * n) for n in range(count + 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.9..0.97", "Write a step, such as 0.9..0.97:0.01"),
        ("0.9..0.97:0", "must be above 0"),
        ("0.9..0.97:-0.01", "must be above 0"),
        ("0.9..0.97:0.1", "larger than the ladder"),
        ("0.9..:0.1", "--target accuracy=0.9..:0.1: give a number"),
        ("0.9,,0.95", "--target accuracy=: give a number"),
        ("nan", "--target accuracy=nan: give a number"),
        ("inf..0:1", "give a number"),
        ("0..1e300:1", "more than 100 targets"),
        ("0..1:0.001", "more than 100 targets"),
        (",".join(f"0.{n}" for n in range(100, 250)), "more than 100 targets"),
    ],
)
def test_what_is_no_ladder_is_refused_with_the_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert said in str(refused.value)


def test_targets_of_several_metrics_keep_their_order_and_stand_once() -> None:
    found = parse.targets(["accuracy=0.97,0.95", "loss=0.3..0.1:0.1", "accuracy=0.95"], "--target")
    assert [(t.metric, t.threshold) for t in found] == [
        ("accuracy", 0.97), ("accuracy", 0.95), ("loss", 0.3), ("loss", 0.2), ("loss", 0.1),
    ]  # fmt: skip


def test_a_ladder_may_stand_in_a_file_and_in_the_environment() -> None:
    of_table = parse.targets({"accuracy": [0.97, 0.95], "loss": "0.2..0.1:0.1"}, "my.toml")
    assert of_table == parse.targets("accuracy=0.97,0.95 loss=0.2..0.1:0.1", "BSX_TARGET")
    assert of_table[0] == TargetSpec("accuracy", 0.97)
