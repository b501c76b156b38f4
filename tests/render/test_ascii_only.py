"""A terminal that knows ASCII alone: nothing turns into its opposite, and columns stay."""

from __future__ import annotations

import pytest
from rich.segment import Segment

from bsx.render.ascii_only import as_ascii, line_in_ascii
from tests.render import sample
from tests.render.test_tables import drawn


def shown(text: str, width: int = 80) -> str:
    """Return how a line that is laid out is shown."""
    return "".join(segment.text for segment in line_in_ascii([Segment(text)], width))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  ≥ 64  |≤ 8 ", "  >=64  |<=8 "),
        (" 99.4 ± 0.4 |2.5 ± 3.1", " 99.4 +-0.4 |2.5 +-3.1"),
        ("     → 32 |  0.05 |≥ 8", "    -> 32 |  0.05 |>=8"),
        ("→ 32 |  0.05", "->32 |  0.05"),
        ("→32 |  0.05", "-32 |  0.05"),  # no space to take
    ],
)
def test_signs_of_two_characters_move_nothing_that_is_aligned(line: str, said: str) -> None:
    assert shown(line) == said
    assert len(said) == len(line)


def test_a_line_in_which_nothing_is_aligned_becomes_longer_where_there_is_room() -> None:
    assert shown("  → recommended") == "  -> recommended"
    assert shown("16 → 32, (≥)   ") == "16 -> 32, (>=)   "
    assert len(shown("16 → 32", width=7)) == 7


def test_each_sign_keeps_its_style() -> None:
    line = [Segment("a ", None), Segment("≥ 64"), Segment("±", None), Segment(" b")]
    assert [s.text for s in line_in_ascii(line, 80)] == ["a >=64+-b"]


def test_better_and_worse_are_told_apart() -> None:
    assert as_ascii("✓ ✗ ═ ≥ ≤ × µs …") == "+ x = >= <= x us ."


@pytest.mark.parametrize("width", [80, 120])
def test_no_sign_in_a_whole_sweep_turns_into_its_opposite(width: int) -> None:
    for analysis in (sample.analysis(), sample.troubled()):
        lines = drawn(analysis, width).splitlines()
        plain = drawn(analysis, width, encoding="ascii").splitlines()
        assert len(lines) == len(plain)
        for line, text in zip(lines, plain, strict=True):
            assert text.isascii()
            assert len(text) <= width
            if "─" in line:  # of which rules and frames are made
                continue
            for sign, two in (("≥", ">="), ("≤", "<="), ("±", "+-"), ("→", "->")):
                assert line.count(sign) == text.count(two), text
