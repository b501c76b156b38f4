"""Raw curves: every evaluation is in the file, and `bsx import` says what the sweep says."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bsx import plan
from bsx.analyze import analyze
from bsx.exchange import as_sweep, curves_of, layout_of, read_table
from bsx.exchange.exports import curve_columns, curve_rows, write_rows
from bsx.schema import Analysis, RunStatus, TargetSpec, plain
from tests.exchange.exported import SIZES, read, store
from tests.fakes import TRAIN_SAMPLES, analysed
from tests.here import Shell, here

__all__ = ["here", "store"]

TARGETS = (TargetSpec("accuracy", 0.9), TargetSpec("loss", 0.5))


def imported(path: Path) -> Analysis:
    """Analyse a file of curves."""
    table = read_table(path)
    made = as_sweep(curves_of(table, layout_of(table)), TARGETS)
    assert made.sweep.facts.train_samples == TRAIN_SAMPLES  # by its columns
    recipes = plan.recipes(made.sweep.config, made.sweep.facts)
    return analyze(made.sweep.config, made.sweep.facts, recipes, made.records, ())


@pytest.mark.parametrize("form", ["csv", "jsonl", "json", "parquet"])
def test_exported_curves_are_analysed_as_the_sweep_is(
    here: Shell, store: Path, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"curves.{form}"
    code, out, err = here.bsx("export", "--store", str(store), "--curves", "--output", str(path))
    assert (code, out) == (0, ""), err
    untold = replace(read(store)[0].facts, validation_samples=0, test_samples=0)  # by curves
    found, expected = imported(path), analysed(store, untold, TARGETS)
    assert plain(found.targets) == plain(expected.targets)
    for mine, own in zip(found.batch_sizes, expected.batch_sizes, strict=True):
        for key in ("batch_size", "status", "runs", "seeds", "diverged_fraction", "epochs",
                    "learning_rates"):  # fmt: skip
            if (own.status, key) != ("out_of_memory", "epochs"):  # planned, and never trained
                assert plain(getattr(mine, key)) == plain(getattr(own, key)), (own.batch_size, key)
        for reached, known in zip(mine.to_target, own.to_target, strict=True):
            assert {**plain(reached), "seconds": None} == {**plain(known), "seconds": None}
        assert plain(mine.final) == plain(own.final)


def test_every_evaluation_of_every_run_is_a_row_with_every_digit(store: Path) -> None:
    sweep, records = read(store)
    columns = curve_columns(sweep, records)
    file = io.BytesIO()
    write_rows("csv", file, columns, curve_rows(sweep, records, columns))
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode())))
    known: dict[tuple[int, float, int, int], dict[str, str]] = {
        (int(r["batch_size"]), float(r["learning_rate"]), int(r["seed"]), int(r["step"])): r
        for r in rows
    }
    assert len(known) == len(rows)
    for record in records:
        run = record.run
        for point in record.curve:
            row = known[run.recipe.batch_size, run.learning_rate, run.seed, point.step]
            assert float(row["val_loss"]) == point.validation_loss
            assert float(row["val_accuracy"]) == point.metrics["accuracy"]
            assert float(row["running_loss"]) == point.train_loss
            assert float(row["seconds"]) == point.train_seconds
            assert float(row["samples_seen"]) == point.samples_seen
            assert row["status"] == record.status


def test_a_run_that_diverged_ends_with_nan_and_one_without_memory_has_one_row(store: Path) -> None:
    sweep, records = read(store)
    assert {r.status for r in records} == {
        RunStatus.COMPLETED, RunStatus.DIVERGED, RunStatus.OUT_OF_MEMORY
    }  # fmt: skip
    columns = curve_columns(sweep, records)
    rows = list(curve_rows(sweep, records, columns))
    last = [r for r in rows if r["status"] == "diverged" and math.isnan(r["val_accuracy"] or 0)]
    assert len(last) == sum(r.status is RunStatus.DIVERGED for r in records)
    lost = [r for r in rows if r["batch_size"] == SIZES[-1]]
    assert {(r["step"], r["status"], r["val_loss"]) for r in lost} == {(0, "out_of_memory", None)}


def test_a_run_that_was_dropped_on_its_way_has_no_end_when_it_is_read_again(
    store: Path, tmp_path: Path
) -> None:
    sweep, records = read(store)
    first = next(n for n, r in enumerate(records) if r.status is RunStatus.COMPLETED)
    known = [*records]
    known[first] = replace(records[first], status=RunStatus.DOMINATED, final={})
    columns = curve_columns(sweep, known)
    with (tmp_path / "curves.csv").open("wb") as file:
        write_rows("csv", file, columns, curve_rows(sweep, known, columns))
    table = read_table(tmp_path / "curves.csv")
    made = as_sweep(curves_of(table, layout_of(table)), TARGETS, TRAIN_SAMPLES)
    (found,) = [r for r in made.records if r.status is RunStatus.DOMINATED]
    assert found.curve and not found.final


def test_json_lines_hold_no_word_that_json_does_not_know(store: Path) -> None:
    sweep, records = read(store)
    columns = curve_columns(sweep, records)
    for form in ("jsonl", "json"):
        file = io.BytesIO()
        write_rows(form, file, columns, curve_rows(sweep, records, columns))
        text = file.getvalue().decode()
        found = json.loads(text if form == "json" else f"[{','.join(text.splitlines())}]",
                           parse_constant=_refuse)  # fmt: skip
        assert any(row["val_accuracy"] == "nan" for row in found)


def _refuse(word: str) -> float:
    raise ValueError(word)


def test_parquet_has_numbers_as_numbers_and_no_evaluations_is_no_error() -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    rows: list[dict[str, Any]] = [
        {"a": 1, "b": 0.5, "c": "x,\n\"y\"", "d": None, "e": None},
        {"a": 2, "b": 1, "c": None, "d": None, "e": float("nan")},
    ]  # fmt: skip
    file = io.BytesIO()
    write_rows("parquet", file, list("abcde"), rows)
    table = pq.read_table(io.BytesIO(file.getvalue()))
    assert [str(f.type) for f in table.schema] == ["int64", "double", "string", "double", "double"]
    found = table.to_pylist()
    assert math.isnan(found[1].pop("e")) and math.isnan(rows[1].pop("e"))
    assert found == rows
    empty = io.BytesIO()
    write_rows("parquet", empty, ["a"], [])
    assert pq.read_table(io.BytesIO(empty.getvalue())).num_rows == 0


def test_csv_cells_with_commas_quotes_and_line_ends_come_back(tmp_path: Path) -> None:
    hostile = 'a,b"c\nd\r\n;=1+1\t é 批'
    file = io.BytesIO()
    write_rows("csv", file, ["x", hostile], [{"x": 0.1, hostile: hostile}])
    found = list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))
    assert found == [["x", hostile], ["0.1", hostile]]
