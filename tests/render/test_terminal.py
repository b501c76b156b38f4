"""Pictures on a terminal: whatever it is, in its width, and with the characters that it knows."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from bsx.pictures import Panel, Picture, Series, Spot, few, speed, to_target
from bsx.pictures.shapes import Axis
from bsx.pictures.spots import BATCH_SIZE
from bsx.render.terminal import ASCII, UNICODE, drawn, print_pictures
from bsx.schema import Estimate
from tests.render import sample


def found() -> tuple[Picture, ...]:
    """The pictures of a sweep with a size that did not reach the target, and its curve."""
    made = sample.analysis()
    curve = tuple(
        (float(2**k), Estimate(sample.STEPS_MIN * (1 + sample.CRITICAL / 2**k))) for k in range(11)
    )
    target = dataclasses.replace(made.targets[0], curve=curve)
    sizes = (sample.censored(1), *made.batch_sizes)
    return few(sample.sweep(), dataclasses.replace(made, targets=(target,), batch_sizes=sizes))


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("signs", [UNICODE, ASCII])
def test_pictures_are_never_wider_than_the_terminal(width: int, signs: object) -> None:
    for picture in found():
        lines = drawn(picture, width, signs)  # type: ignore[arg-type]
        assert all(line.cell_len <= width for line in lines[1:-1]), picture.name
        if signs is ASCII:
            assert all(line.plain.isascii() for line in lines)


def test_a_higher_value_stands_higher_and_a_larger_size_further_right() -> None:
    lines = [line.plain for line in drawn(found()[0], 80)]
    places = sorted(
        (column, row) for row, line in enumerate(lines[1:15]) for column, c in enumerate(line)
        if c == "●"
    )  # fmt: skip
    assert len(places) == 10
    assert [row for _, row in places] == sorted(row for _, row in places)
    assert sum(line.count("△") for line in lines[1:15]) == 1
    assert "critical batch size 96" in lines[-1] and "not reached" in lines[-1]


def test_each_size_has_its_tick_and_names_that_would_touch_are_left_out() -> None:
    wide, narrow = (drawn(found()[0], width) for width in (100, 40))
    assert wide[16].plain.split() == ["1", "2", "4", "8", "16", "32", "64", "128", "256", "512",
                                      "1,024"]  # fmt: skip
    assert len(narrow[16].plain.split()) < 11
    assert narrow[15].plain.count("┴") == 11


def test_one_value_alone_and_values_that_are_all_alike_are_drawn() -> None:
    for spots in ((Spot(8, 5.0),), (Spot(8, 5.0), Spot(16, 5.0)), (Spot(8, 0.0), Spot(16, 0.0))):
        for log in (True, False):
            if log and spots[0].y == 0:
                continue
            panel = Panel(BATCH_SIZE, Axis("y", log=log), (Series("measured", spots),))
            lines = drawn(Picture("p", "p", (panel,)), 60)
            assert sum(line.plain.count("●") for line in lines[:-1]) == len(spots)


def test_colours_go_with_no_color_and_characters_with_a_dumb_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    file = io.StringIO()
    print_pictures(Console(file=file, force_terminal=True, width=80), found())
    assert "\x1b[36m" not in file.getvalue() and "●" in file.getvalue()
    monkeypatch.setenv("TERM", "dumb")
    file = io.StringIO()
    print_pictures(Console(file=file, force_terminal=True, width=80), found())
    assert file.getvalue().isascii()


def test_what_was_not_measured_is_not_drawn() -> None:
    bare = dataclasses.replace(sample.analysis(), targets=(), batch_sizes=())
    assert few(sample.sweep(), bare) == ()
    assert to_target(sample.sweep(), bare, "steps") is None and speed(bare) is None
