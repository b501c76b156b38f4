"""Learning rates and rules as people see them: at any width, and what the marks mean."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from bsx.render import rates, rules
from bsx.render.document import document
from bsx.render.grid import Column, Grid, drop
from bsx.render.rows import rate_rows
from bsx.schema import (
    Analysis,
    AuditedRule,
    BatchSizeSummary,
    Estimate,
    RateSummary,
    RateToTarget,
    RuleBase,
)
from tests.render import sample

RATES = [2.0**p for p in range(-9, 2)]


def tried(size: BatchSizeSummary) -> BatchSizeSummary:
    """Give a size the rates that it was tried with: the fastest, a slow one, and some that fail."""
    chosen = size.to_target[0].learning_rate or 0.1
    entries = []
    for rate in RATES:
        diverged = 5 if rate > 8 * chosen else 2 if rate > 4 * chosen else 0
        seeds = 1 if rate == RATES[0] else 5
        steps = Estimate(400.0 * max(rate, chosen) / min(rate, chosen), 300, 500, n=5)
        if rate < chosen / 8:
            steps = Estimate(None, n=5, method="censored", censored_at=1234)
        entries.append(
            RateSummary(
                rate,
                seeds,
                min(diverged, seeds),
                (RateToTarget(steps, 1.0),),
                {} if diverged == 5 else {"accuracy": Estimate(0.9 + rate / 100, n=5)},
            )
        )
    return dataclasses.replace(size, learning_rates=tuple(entries))


def audited(analysis: Analysis) -> Analysis:
    """Give an analysis rates and rules of every verdict."""
    verdicts = [
        AuditedRule(0.25, 0.25, Estimate(1.02, 0.97, 1.07, n=5), "holds"),
        AuditedRule(0.3, 0.25, Estimate(1.6, 1.3, 2.0, n=5), "does_not_hold"),
        AuditedRule(0.3, 0.25, Estimate(None, 5.5, None, n=5), "does_not_hold", "not_reached"),
        AuditedRule(9.0, 2.0, None, "cannot_be_told", "outside"),
        AuditedRule(0.3, 0.25, Estimate(1.1, 0.8, 1.5, n=5), "cannot_be_told", "few_seeds"),
    ]
    base = AuditedRule(0.0039, 0.0039, None, "base")
    sizes = [
        dataclasses.replace(
            tried(size),
            rules=dict.fromkeys(("linear", "sqrt"), base if n == 0 else verdicts[n % 5]),
        )
        for n, size in enumerate(analysis.batch_sizes)
    ]
    return dataclasses.replace(
        analysis, batch_sizes=tuple(sizes), rule_base=RuleBase(2, 0.00390625)
    )


WELL = audited(sample.analysis())
ANALYSES = {
    "well": WELL,
    "no rules": dataclasses.replace(WELL, rule_base=None),
    "no target": dataclasses.replace(
        WELL,
        targets=(),
        rule_base=None,
        batch_sizes=tuple(
            dataclasses.replace(
                size,
                to_target=(),
                rules={},
                learning_rates=tuple(
                    dataclasses.replace(r, to_target=()) for r in size.learning_rates
                ),
            )
            for size in WELL.batch_sizes
        ),
    ),
    "no rates": sample.analysis(),
    "troubled": sample.troubled(),
    "empty": dataclasses.replace(sample.analysis(), batch_sizes=(), recommendation=None),
}


def drawn(analysis: Analysis, width: int = 80, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    rates.print_rates(Console(file=file, width=width), sample.sweep(), analysis)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("name", ANALYSES)
def test_no_line_is_longer_than_the_terminal_and_nothing_is_cut_off(name: str, width: int) -> None:
    text = drawn(ANALYSES[name], width)
    assert "…" not in text
    for line in text.splitlines():
        assert cell_len(line) <= width, line


def test_what_was_chosen_stands_in_brackets_among_what_was_tried() -> None:
    text = drawn(WELL, 120)
    assert "[400]" in text
    for mark in (">1,234", "div.", "~", "!", "^"):
        assert mark in text.partition("Iterations to")[2]
    for word in ("[ ] the fastest", "^ tried by fewer seeds", "within 20 %", "runs that"):
        assert word in text


def test_a_winner_at_the_edge_is_marked() -> None:
    text = drawn(WELL, 120).partition("Iterations to")[0]
    assert "0.5*" in text  # of batch size 1,024
    assert "a better one may lie beyond" in text


def test_without_rates_that_is_said_in_one_sentence() -> None:
    assert drawn(ANALYSES["no rates"]).splitlines()[-1] == (
        "No learning rate is known of these runs: the program was told none."
    )


def test_every_verdict_is_said_in_words() -> None:
    text = drawn(WELL, 120)
    for words in ("starts here", "holds", "does not hold", "does not hold: not reached",
                  "not settled: not tried", "× ≥ 5.50", "× 1.60 (1.30–2.00)"):  # fmt: skip
        assert words in text
    linear, sqrt, reading = rules.sentences(WELL)
    assert linear.startswith(
        "The linear rule from batch size 2, learning rate 0.00391, holds at batch size 64, does "
        "not hold at batch sizes 4, 8, 128 and 256 and is not settled at"
    )
    assert sqrt.startswith("The square-root rule")
    assert "20 % more" in reading


def test_markdown_holds_each_map_in_one_table() -> None:
    text = rates.markdown(sample.sweep(), WELL)
    assert "continued" not in text
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace(r"\|", "").count("|") for line in block.splitlines()}) == 1


def test_rows_are_a_batch_size_and_a_rate() -> None:
    found = rate_rows(document(sample.sweep(), WELL))
    assert len(found) == 10 * len(RATES)
    assert len({tuple(row) for row in found}) == 1
    row = next(r for r in found if (r["batch_size"], r["learning_rate"]) == (64, 0.125))
    assert (row["seeds"], row["to_target_steps"], row["to_target_threshold"]) == (5, 400.0, 0.97)
    assert row["validation_accuracy"] == pytest.approx(0.90125)


@pytest.mark.parametrize("width", [10, 20, 30, 100])
def test_a_grid_in_parts_loses_no_column(width: int) -> None:
    columns = tuple(Column(f"c{n}", f"head {n}", ("cell",)) for n in range(9))
    grid = Grid("title", columns, notes=("note",))
    parts = grid.parts(width)
    assert [c.key for p in parts for c in p.columns[1:]] == [c.key for c in columns[1:]]
    assert all(part.columns[0] == columns[0] for part in parts)
    assert all(part.width() <= width or len(part.columns) == 2 for part in parts)
    assert [part.notes for part in parts] == [()] * (len(parts) - 1) + [("note",)]
    assert max(len(p.columns) for p in parts) - min(len(p.columns) for p in parts) <= 8


def test_a_note_goes_with_the_column_that_it_belongs_to() -> None:
    columns = tuple(Column(key, f"head {key}", ("cell",)) for key in ("size", "rate", "loss"))
    notes = ("of the table", "* of a rate")
    grid = Grid(
        "title", columns, drop("rate", "loss"), notes, of_columns=(("rate", "* of a rate"),)
    )
    assert grid.fitted(100).notes == notes
    assert grid.fitted(15).notes == (
        "of the table",
        "left out for want of width: head rate, head loss",
    )
