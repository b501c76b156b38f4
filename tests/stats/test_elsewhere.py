"""Speeds from elsewhere: the times of sizes between those that were timed."""

from __future__ import annotations

from statistics import median

import pytest

from bsx.stats.elsewhere import _on_the_line


def line(alpha: float, beta: float) -> dict[str, dict[str, float]]:
    return {"alpha": {"value": alpha}, "beta": {"value": beta}}


def test_a_size_between_two_that_were_timed_is_as_far_off_the_line_as_they_are() -> None:
    """From 128 on everything takes half as long again; the line lies between the two."""
    timed = {b: ((1e-3 + 1e-5 * b) * (1.5 if b >= 128 else 1.0),) for b in (32, 64, 128, 256)}
    draws = _on_the_line(192, timed, line(1e-3, 1.2e-5))
    assert median(draws) == pytest.approx(1.5 * (1e-3 + 1e-5 * 192), rel=0.01)
    assert timed[128][0] < min(draws) <= max(draws) < timed[256][0]


def test_by_the_line_alone_where_all_lie_on_it_and_beyond_them_nothing_is_said() -> None:
    timed = {b: (1e-3 + 1e-5 * b,) for b in (32, 64, 128)}
    assert _on_the_line(100, timed, line(1e-3, 1e-5)) == pytest.approx((2e-3,) * 3)
    assert _on_the_line(256, timed, line(1e-3, 1e-5)) == ()
    assert _on_the_line(100, timed, None) == ()
