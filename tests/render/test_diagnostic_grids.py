"""What was measured beside the curves, as a person sees it."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from bsx.render import tables
from bsx.render.diagnostic_grids import grids, views
from bsx.schema import TargetSummary
from tests.render import measured, sample


def drawn(width: int = 80, **changes: object) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width)
    analysis = dataclasses.replace(measured.analysis(), **changes)  # type: ignore[arg-type]
    for grid in grids(sample.sweep(), analysis):
        tables.print_grid(console, grid)
    return " ".join(file.getvalue().split())


def test_nothing_is_said_of_what_was_not_asked_for() -> None:
    assert grids(sample.sweep(), sample.analysis()) == []
    assert views(sample.sweep(), sample.analysis()) is None


@pytest.mark.parametrize("width", [80, 120])
def test_headlines_are_shown(width: int) -> None:
    text = drawn(width)
    assert "50 (46–55)" in text  # the noise scale at the start
    assert "≥ 1,140" in text  # and where it cannot be resolved
    assert "≥ × 23" in text
    assert "start: cosine 0.9 at batch size 213" in text
    assert "end: cosine 0.9 at batch size ≥ 1,024" in text  # as it was measured
    assert "small: batch size 32" in text
    assert "0.51 (−0.22 to 1.24)" in text  # the large-batch gap


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("agrees", "of one order of magnitude, and more"),
        ("larger", "more than ten times"),
        ("smaller", "less than a tenth"),
        ("undetermined", "cannot be told"),
    ],
)
def test_the_noise_scale_stands_beside_the_critical_batch_size(verdict: str, said: str) -> None:
    [target] = measured.analysis().targets
    text = drawn(targets=(dataclasses.replace(target, noise_scale_verdict=verdict),))
    assert said in text
    assert "against a critical batch size of 96 (61–148)" in text


def test_of_several_targets_each_has_a_row_instead_of_a_sentence() -> None:
    [target] = measured.analysis().targets
    found = [
        dataclasses.replace(target, threshold=threshold, **changes)
        for threshold, changes in (
            (0.9, {}),
            (0.95, {"noise_scale_verdict": "undetermined"}),
            (0.97, {"critical_batch_size": None}),
            (0.99, {"noise_scale": None}),
        )
    ]
    text = drawn(targets=tuple(found))
    assert "accuracy ≥ 0.9 304 (112–517) 96 (61–148) of one order of magnitude" in text
    assert "accuracy ≥ 0.95 304 (112–517) 96 (61–148) cannot be told" in text
    assert "accuracy ≥ 0.97 304 (112–517) – –" in text
    assert "accuracy ≥ 0.99 – 96 (61–148) not reached by the runs observed" in text
    assert "over all sizes where accuracy" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_what_was_measured_keeps_its_intervals_at_any_width(width: int) -> None:
    text = drawn(width)
    for words in ("0.20 (0.10–0.20)", "4 (3.3–4.9)", "× 20 (13–28)", "0.0246 (0.0113–0.0394)",
                  "10 (5.5–15)", "× 2.3 (1.5–3.2)"):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"noise_scale": None}, "is not reached by the runs that were observed"),
        ({"critical_batch_size": None}, "the critical batch size is not known"),
    ],
)
def test_what_is_not_known_is_said(changes: dict[str, None], said: str) -> None:
    [target] = measured.analysis().targets
    other: TargetSummary = dataclasses.replace(target, **changes)  # type: ignore[arg-type]
    assert said in drawn(targets=(other,))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_equal_epochs_and_equal_iterations_stand_side_by_side(width: int) -> None:
    grid = views(sample.sweep(), measured.analysis())
    assert grid is not None
    file = io.StringIO()
    tables.print_grid(Console(file=file, width=width), grid)
    assert all(cell_len(line) <= width for line in file.getvalue().splitlines())
    text = " ".join(file.getvalue().split())
    assert "after 60 epochs and after 1,000 iterations" in text
    assert "the best" in text
    if width == 120:
        assert "0.21 (−0.13 to 0.55)" in text
