"""What a person sees: at any width, on any terminal, whatever happened."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from bsx.render import tables
from bsx.render.markdown import sweep_markdown
from bsx.schema import Analysis, Baseline, Caution, Ingredient, Metric, Sweep
from tests.render import measured, sample

ANALYSES = {
    "well": sample.analysis(),
    "troubled": sample.troubled(),
    "measured": measured.analysis(),
    "two targets": dataclasses.replace(
        sample.analysis(),
        targets=sample.analysis().targets * 2,
        batch_sizes=tuple(
            dataclasses.replace(s, to_target=s.to_target * 2) for s in sample.analysis().batch_sizes
        ),
    ),
    "no target": dataclasses.replace(
        sample.analysis(),
        targets=(),
        batch_sizes=tuple(
            dataclasses.replace(s, to_target=(), speed=None) for s in sample.analysis().batch_sizes
        ),
        recommendation=None,
    ),
    "nothing run": dataclasses.replace(
        sample.analysis(),
        batch_sizes=(sample.unfinished(2, "not_run"), sample.unfinished(4, "not_run")),
        recommendation=None,
        cautions=(),
    ),
    "empty": dataclasses.replace(sample.analysis(), batch_sizes=(), recommendation=None),
}


def drawn(
    analysis: Analysis, width: int = 80, sweep: Sweep | None = None, encoding: str = "utf-8"
) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    console = Console(file=file, width=width)
    tables.print_sweep(console, sweep or sample.sweep(), analysis)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("name", ANALYSES)
def test_no_line_is_longer_than_the_terminal(name: str, width: int) -> None:
    for line in drawn(ANALYSES[name], width).splitlines():
        assert cell_len(line) <= width, line
        assert line == line.rstrip()


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", ANALYSES)
def test_nothing_is_cut_off(name: str, width: int) -> None:
    assert "…" not in drawn(ANALYSES[name], width)


@pytest.mark.parametrize("width", [80, 120])
def test_intervals_of_the_headlines_are_shown(width: int) -> None:
    text = drawn(sample.analysis(), width)
    assert "2,010 (1,760–2,290)" in text
    assert "97.8 ± 0.4" in text
    assert "96 (61–148)" in text


def test_a_wide_terminal_shows_every_column() -> None:
    text = drawn(sample.analysis(), 120)
    for word in ("samples", "epochs", "last", "generalization", "best epoch", "diverged", "peak"):
        assert word in text


@pytest.mark.parametrize("width", [80, 120])
def test_the_baseline_is_the_last_row_of_the_quality_table(width: int) -> None:
    quality = drawn(sample.analysis(), width).partition("Quality")[2].partition("Speed")[0]
    rows = [line.split() for line in quality.splitlines() if line.strip()]
    row = next(cells for cells in rows if cells[0] == "baseline")
    assert [cell for cell in row if cell != "–"] == ["baseline", "10.6", "10.0"]
    assert rows[rows.index(row) - 1][0] == "1,024"
    assert "baseline: most frequent class" in quality
    assert row.count("–") == 5


def test_the_baseline_is_shown_whatever_became_of_the_runs_and_only_where_it_is_known() -> None:
    assert "baseline" in drawn(sample.troubled())
    facts = dataclasses.replace(sample.facts(), baseline=None)
    assert "baseline" not in drawn(
        sample.troubled(), 80, dataclasses.replace(sample.sweep(), facts=facts)
    )


def errors(width: int, target_scale: tuple[float, ...]) -> str:
    """Draw a sweep of a regression with small errors."""
    facts = dataclasses.replace(
        sample.facts(),
        metrics=(Metric("mse", False),),
        target_scale=target_scale,
        baseline=Baseline("last value", {"mse": 0.00541}, {"mse": 0.00554}),
    )
    parts = {
        "train": {"mse": sample.estimate(0.0121, 0.1)},
        "validation": {"mse": sample.estimate(0.00558, 0.1)},
        "test": {"mse": sample.estimate(0.00563, 0.1)},
    }
    size = sample.size(64)
    assert size.final is not None
    final = dataclasses.replace(
        size.final, generalization_gap=sample.estimate(-0.0065, 0.1, -0.007), **parts
    )
    analysis = dataclasses.replace(
        sample.analysis(),
        metric="mse",
        batch_sizes=(dataclasses.replace(size, final=final),),
        recommendation=None,
    )
    text = drawn(analysis, width, dataclasses.replace(sample.sweep(), facts=facts))
    return " ".join(text.partition("Quality")[2].partition("Speed")[0].split())


@pytest.mark.parametrize("width", [80, 120])
def test_small_errors_keep_the_digits_that_tell_them_from_the_baseline(width: int) -> None:
    text = errors(width, ())
    for cell in ("0.00558", "0.00563 (0.00512–0.00619)", "0.00541", "0.00554"):
        assert cell in text
    assert "standardized" not in text


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        (
            (8.876,),
            "errors are of standardized targets, of which 1 is 8.88 in the data's own units",
        ),
        ((8.876, 2.0), "errors are of standardized targets"),
    ],
)
def test_errors_of_standardized_targets_say_so(scale: tuple[float, ...], said: str) -> None:
    assert f"baseline: last value; {said}" in errors(80, scale)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_status_is_said_in_words(width: int) -> None:
    text = drawn(sample.troubled(), width)
    for words in ("> 1,000", "1 of 5", "diverged", "out of memory", "failed", "not run"):
        assert words in text


def test_the_recommended_row_is_marked_without_colour() -> None:
    text = drawn(sample.analysis())
    assert text.count("→ 64") == 4
    assert "→ recommended" in text
    assert "Batch size 64, learning rate 0.125" in text


def test_other_sizes_are_compared_with_the_recommended_one() -> None:
    text = drawn(sample.analysis())
    assert "half, 32  × 1.28  0.97–1.69" in text
    assert "double, 128  × 0.98  0.80–1.20" in text


def test_a_size_without_neighbours_is_compared_with_none() -> None:
    alone = dataclasses.replace(sample.analysis(), batch_sizes=(sample.size(64),))
    assert "Compared with" not in drawn(alone)


def test_both_critical_batch_sizes_say_which_they_are() -> None:
    text = drawn(sample.analysis())
    assert "critical batch size, E_min/S_min" in text
    assert "critical batch size, 20 % overhead from 2" in text


@pytest.mark.parametrize("verdict", ["no_plateau", "no_scaling", "too_few_sizes", "something_new"])
def test_without_a_critical_batch_size_the_reason_is_said(verdict: str) -> None:
    target = dataclasses.replace(
        sample.target(), critical_batch_size=None, critical_batch_size_20=None, verdict=verdict
    )
    text = drawn(dataclasses.replace(sample.analysis(), targets=(target,)))
    assert "cannot be determined" in text
    assert verdict not in text


def test_markup_in_the_names_of_a_user_is_shown_as_it_is() -> None:
    sweep = sample.sweep(
        name="[red]mine[/red]",
        model=Ingredient("my:[bold]net", {"note": "[/]"}),
        dataset=Ingredient("[link=http://x]data[/link]"),
    )
    sweep = dataclasses.replace(
        sweep, facts=dataclasses.replace(sweep.facts, dataset_name=sweep.config.dataset.name)
    )
    text = drawn(sample.analysis(), 120, sweep)
    assert "[red]mine[/red]" in text
    assert "my:[bold]net (note=[/])" in text
    assert "[link=http://x]data[/link]" in text


def test_control_characters_in_a_name_do_not_reach_the_terminal() -> None:
    text = drawn(sample.analysis(), 120, sample.sweep(name="a\x1b]0;title\x07b"))
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_terminal_without_unicode_gets_ascii_of_the_same_width() -> None:
    plain = drawn(sample.analysis(), encoding="ascii").splitlines()
    assert len(plain) == len(drawn(sample.analysis()).splitlines())
    assert any("-> 64" in line for line in plain)


@pytest.mark.parametrize(
    "environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "unknown"}, {}]
)
def test_no_colour_is_used_where_none_is_wanted(environment: dict[str, str]) -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=bool(environment), _environ=environment)
    tables.print_sweep(console, sample.sweep(), sample.analysis())
    assert "\x1b[3" not in file.getvalue()
    assert "\x1b[1;3" not in file.getvalue()


def test_without_a_terminal_a_caution_is_one_line() -> None:
    file = io.StringIO()
    tables.print_cautions(Console(file=file, width=80), sample.troubled().cautions)
    lines = file.getvalue().splitlines()
    assert len(lines) == len(sample.troubled().cautions)
    assert all(line.startswith("caution: ") for line in lines)
    assert any("ValueError: [bold]no" in line for line in lines)


def test_on_a_terminal_a_caution_wraps_beside_its_label() -> None:
    file = io.StringIO()
    console = Console(file=file, width=60, force_terminal=True, color_system=None)
    caution = Caution("few_seeds", {"seeds": 2})
    tables.print_cautions(console, [caution])
    first, *others = file.getvalue().splitlines()
    assert first.startswith("caution  ")
    assert others
    assert all(line.startswith(" " * 9) for line in others)


@pytest.mark.parametrize("name", ANALYSES)
def test_markdown_tables_have_equally_many_cells(name: str) -> None:
    text = sweep_markdown(sample.sweep(name="a|b <i>*c*"), ANALYSES[name])
    assert r"a\|b \<i\>\*c\*" in text
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace(r"\|", "").count("|") for line in block.splitlines()}) == 1


def test_no_line_of_prose_breaks_between_a_number_and_its_unit() -> None:
    words = "Here it is within 20 % and ≥ 0.93 at × 1.9 in 4 min, of 349 MiB. "
    for width in range(20, 60):
        file = io.StringIO()
        Console(file=file, width=width).print(tables.Plain(tables.prose(words * 6, 2, width)))
        lines = [line.strip() for line in file.getvalue().splitlines()]
        assert all(cell_len(line) <= width for line in lines)
        assert " ".join(" ".join(lines).split()) == " ".join((words * 6).split())
        assert not any(line.startswith(("%", "min", "MiB", "0.93")) for line in lines)
