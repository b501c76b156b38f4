"""Curves from a file are analysed as the same curves of a sweep are."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bsx import plan
from bsx.analyze import analyze
from bsx.exchange import as_sweep, curves_of, layout_of, read_table
from bsx.schema import Analysis, BatchSizes, LearningRates, RunRecord, RunStatus, TargetSpec, plain
from bsx.store import Store
from tests.fakes import TRAIN_SAMPLES, Truth, analysed, config, run_sweep, stored_runs
from tests.here import Shell, here

__all__ = ["here"]

HEADER = ["batch_size", "learning_rate", "seed", "step", "seconds", "val_loss", "val_accuracy"]


def cells(record: RunRecord) -> list[list[Any]]:
    """Return the rows of a run; one that diverged ends with what is not a number."""
    run = record.run
    start = [run.recipe.batch_size, run.learning_rate, run.seed]
    rows = [
        [*start, p.step, p.train_seconds, p.validation_loss, p.metrics["accuracy"]]
        for p in record.curve
    ]
    if record.status is RunStatus.DIVERGED:
        rows.append([*start, record.stopped_at, rows[-1][4], "nan", "nan"])
    return rows


def write(path: Path, rows: list[list[Any]], header: list[str] | None = None) -> Path:
    """Write a csv file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header or HEADER, *rows])
    return path


def imported(path: Path, targets: tuple[TargetSpec, ...] = (), **options: Any) -> Analysis:
    """Analyse a file of curves."""
    table = read_table(path)
    made = as_sweep(curves_of(table, layout_of(table)), targets, **options)
    return analyze(
        made.sweep.config,
        made.sweep.facts,
        plan.recipes(made.sweep.config, made.sweep.facts),
        made.records,
        (),
    )


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[RunRecord]]:
    """A sweep in the fake world, in which the highest rates diverge, and its runs."""
    folder = tmp_path_factory.mktemp("store")
    asked = config(
        Truth(noise=0.05),
        batch_sizes=BatchSizes((8, 16, 64, 256, 1024)),
        learning_rates=LearningRates("grid", (0.0625, 0.25, 1.0)),
    )
    assert run_sweep(folder, asked) == "complete"
    return folder, stored_runs(folder)


@pytest.mark.parametrize("targets", [(), (TargetSpec("accuracy", 0.9), TargetSpec("loss", 0.5))])
def test_curves_of_a_sweep_say_what_the_sweep_says(
    swept: tuple[Path, list[RunRecord]], tmp_path: Path, targets: tuple[TargetSpec, ...]
) -> None:
    folder, records = swept
    assert any(record.status is RunStatus.DIVERGED for record in records)
    path = write(tmp_path / "curves.csv", [row for r in records for row in cells(r)])
    found = imported(path, targets, train_samples=TRAIN_SAMPLES)
    with Store(folder) as store:  # how many samples they were judged by is not told by curves
        untold = replace(store.sweep().facts, validation_samples=0, test_samples=0)
    expected = analysed(folder, untold, targets)
    assert plain(found.targets) == plain(expected.targets)
    for mine, own in zip(found.batch_sizes, expected.batch_sizes, strict=True):
        for key in ("batch_size", "status", "runs", "seeds", "diverged_fraction", "steps",
                    "steps_per_epoch", "last_batch", "epochs"):  # fmt: skip
            assert getattr(mine, key) == getattr(own, key), (own.batch_size, key)
        for reached, known in zip(mine.to_target, own.to_target, strict=True):
            assert {**plain(reached), "seconds": None} == {**plain(known), "seconds": None}
        assert mine.final and own.final and mine.final.learning_rate == own.final.learning_rate
        assert plain(mine.final.validation) == plain(own.final.validation)


def test_the_order_of_rows_between_runs_and_the_form_of_the_file_do_not_matter(
    swept: tuple[Path, list[RunRecord]], tmp_path: Path
) -> None:
    rows = sorted((row for r in swept[1] for row in cells(r)), key=lambda row: (row[3], row[1]))
    first = imported(write(tmp_path / "a.csv", rows))
    names = ["B", "lr", "Seed", "Iteration", "elapsed", "valid/loss", "eval_acc"]
    lines = [
        json.dumps(
            {
                name: float(v) if isinstance(v, str) else v
                for name, v in zip(names, row, strict=True)
            }
        )
        for row in reversed(rows)
    ]
    lines.sort(key=lambda line: json.loads(line)["Iteration"])
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    assert plain(imported(tmp_path / "b.jsonl")) == plain(first)
    with (tmp_path / "c.csv").open("w", newline="", encoding="utf-16") as file:
        csv.writer(file, delimiter="\t", lineterminator="\r\n").writerows([names, *rows])
    assert plain(imported(tmp_path / "c.csv")) == plain(first)


def simple(seeds: int = 5, sizes: tuple[int, ...] = (8, 32, 128, 512)) -> list[list[Any]]:
    """Return rows of batch size, seed, step, accuracy that obey the trade-off."""
    rows = []
    for size in sizes:
        for seed in range(seeds):
            reaches = 40 * (1 + 64 / size) * math.exp(0.03 * seed * (-1) ** seed)
            for step in range(5, 1500, 5):
                rows.append([size, seed, step, 1 - 0.9 / (1 + 8 * step / reaches)])
    return rows


SIMPLE = ["batch size", "seed", "iterations", "accuracy"]


def test_without_seconds_rates_or_samples_the_rest_is_said(here: Shell) -> None:
    write(Path("curves.csv"), simple(), SIMPLE)
    code, out, err = here.bsx("import", "curves.csv", "--target", "accuracy=0.9", "--format",
                              "json")  # fmt: skip
    assert (code, err) == (0, "")
    document = json.loads(out)
    (target,) = document["targets"]
    assert target["critical_batch_size"]["value"] == pytest.approx(64, rel=0.1)
    assert document["data"]["train_samples"] is None
    assert document["recommendation"]["objective"] == "steps"
    assert document["recommendation"]["learning_rate"] is None
    for row in document["batch_sizes"]:
        assert row["epochs"] is row["steps_per_epoch"] is row["speed"] is None
        (entry,) = row["to_target"]
        assert entry["epochs"] is entry["seconds"] is entry["learning_rate"] is None
        assert entry["samples"]["value"] == row["batch_size"] * entry["steps"]["value"]
    assert "objective_without_seconds" in {c["code"] for c in document["cautions"]}


@pytest.mark.parametrize(("counts", "train_samples"), [(lambda e: e, 1000), (math.floor, None)])
def test_samples_of_an_epoch_are_taken_from_epochs_and_samples_seen_that_agree(
    here: Shell, counts: Any, train_samples: int | None
) -> None:
    rows = [[*row, counts(row[0] * row[2] / 1000), row[0] * row[2]] for row in simple(1)]
    write(Path("curves.csv"), rows, [*SIMPLE, "epoch", "samples_seen"])
    document = json.loads(here.bsx("import", "curves.csv", "--format", "json")[1])
    assert document["data"]["train_samples"] == train_samples
    told = here.bsx("import", "curves.csv", "--train-samples", "2000", "--format", "json")[1]
    assert json.loads(told)["data"]["train_samples"] == 2000


def test_curves_by_the_epoch_are_analysed_as_those_by_the_iteration(here: Shell) -> None:
    rows = [row for row in simple(3, (8, 32, 128)) if row[0] * row[2] % 1024 == 0]
    write(Path("steps.csv"), rows, SIMPLE)
    epochs = [[size, seed, step * size / 1024, value] for size, seed, step, value in rows]
    write(Path("epochs.csv"), epochs, ["batch size", "seed", "epoch", "accuracy"])
    options = ["--train-samples", "1024", "--target", "accuracy=0.9", "--format", "json"]
    by_step, by_epoch = (
        json.loads(here.bsx("import", name, *options)[1]) for name in ("steps.csv", "epochs.csv")
    )
    assert by_epoch["targets"] == by_step["targets"]
    (said,) = [c for c in by_epoch["cautions"] if c["code"] == "iterations_computed"]
    assert "epoch × (1,024 / batch size, rounded up)" in said["message"]
    assert "iterations_computed" not in {c["code"] for c in by_step["cautions"]}


def test_one_run_written_several_times_is_told(here: Shell) -> None:
    rows = [[size, seed, *rest] for size, _, *rest in simple(1) for seed in range(3)]
    rows.sort()
    write(Path("curves.csv"), rows, SIMPLE)
    document = json.loads(here.bsx("import", "curves.csv", "--format", "json")[1])
    (said,) = [c for c in document["cautions"] if c["code"] == "curves_repeat"]
    assert "differ only in seed have the same curve" in said["message"]
    assert "one run that was written several times" in said["message"]


def test_a_kept_file_without_seconds_gives_the_same_reason_when_time_is_asked_for(
    here: Shell,
) -> None:
    write(Path("curves.csv"), simple(), SIMPLE)
    assert here.bsx("import", "curves.csv")[0] == 0
    code, _, err = here.bsx("show", "--objective", "time")
    assert code == 0 and "the file does not tell how long a step takes" in err
    assert "reports" not in err


def test_the_objective_decides_what_is_recommended(here: Shell) -> None:
    write(Path("curves.csv"), simple(), SIMPLE)
    args = ("import", "curves.csv", "--target", "accuracy=0.9", "--get")
    for objective, size in (("steps", "512"), ("samples", "8")):
        code, out, _ = here.bsx(*args, "recommendation.batch-size", "--objective", objective,
                               "--tolerance", "0.1")  # fmt: skip
        assert (code, out.strip()) == (0, size)
    code, _, err = here.bsx(*args, "recommendation.batch-size", "--objective", "time")
    assert code == 2 and "has no column seconds" in err


def test_a_reference_batch_size_moves_the_overhead_version(here: Shell) -> None:
    write(Path("curves.csv"), simple(), SIMPLE)
    values = []
    for reference in ("8", "32"):
        args = ("--reference-batch-size", reference, "--target", "accuracy=0.9", "--get")
        code, out, _ = here.bsx("import", "curves.csv", *args, "targets.0.critical_batch_size_20.value")  # noqa: E501 # fmt: skip
        assert code == 0
        values.append(float(out))
        shown = here.bsx("show", "curves", *args, "targets.0.critical_batch_size_20.value")
        assert shown == (0, out, "")
    assert values[1] - values[0] == pytest.approx(1.2 * 24)
    # asked of the import, it stays that of the sweep, until it is read by another
    kept = here.bsx("show", "curves", "--get", "targets.0.reference_batch_size")
    assert kept == (0, "32\n", "")
    other = ("--reference-batch-size", "256", "--get", "targets.0.reference_batch_size")
    assert here.bsx("show", "curves", *other) == (0, "256\n", "")  # as Zhang et al. count
    code, _, err = here.bsx("show", "curves", "--reference-batch-size", "0")
    assert code == 2 and "--reference-batch-size 0" in err


def test_a_run_that_is_not_finite_is_shown_as_diverged(here: Shell) -> None:
    rows = [row for row in simple() if not (row[0] == 512 and row[2] > 50)]
    rows += [[512, seed, 55, "nan"] for seed in range(5)]
    write(Path("curves.csv"), rows, SIMPLE)
    code, out, _ = here.bsx("import", "curves.csv", "--format", "json")
    (row,) = [r for r in json.loads(out)["batch_sizes"] if r["batch_size"] == 512]
    assert code == 0 and row["status"] == "diverged" and row["runs"] == 5
    code, out, err = here.bsx("import", "curves.csv")
    assert code == 0 and "lower learning rates may not" in err and "--learning-rate" not in err


def test_other_parts_and_columns_are_left_aside_and_said(here: Shell) -> None:
    rows = [[*row, part, "a note"] for row in simple() for part in ("train", "val")]
    write(Path("curves.csv"), rows, [*SIMPLE, "split", "comment"])
    code, _, err = here.bsx("import", "curves.csv", "--target", "accuracy=0.9")
    assert code == 0 and "left aside: the column comment" in err
    assert f"{len(rows) // 2:,} rows of the train or test part" in err
    assert here.bsx("import", "curves.csv", "--quiet")[2] == ""


@pytest.mark.parametrize("width", [80, 120])
def test_tables_keep_to_the_width(here: Shell, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    write(Path("curves.csv"), simple(), SIMPLE)
    for more in ((), ("--train-samples", "4096")):
        code, out, _ = here.bsx("import", "curves.csv", "--target", "accuracy=0.9", *more)
        assert code == 0 and max(map(len, out.splitlines())) <= width
        assert out.startswith("Curves of curves.csv") and "accuracy ≥ 0.9" in out
    code, out, _ = here.bsx("import", "curves.csv", "--format", "markdown")
    assert code == 0 and out.startswith("# Curves of curves.csv")


def test_a_target_that_holds_at_the_first_evaluation_is_said_to(here: Shell) -> None:
    rows = [
        [size, 0.1, seed, step, step * 0.01, 1.0, 1 - 10 / (step * min(size, 64))]
        for size in (8, 32, 128)
        for seed in range(3)
        for step in (20, 40, 80, 160)
    ]
    write(Path("coarse.csv"), rows)
    code, _, err = here.bsx("import", "coarse.csv", "--target", "accuracy=0.98")
    assert code == 0, err
    assert "batch sizes 32 and 128: accuracy ≥ 0.98 held as soon as it was looked at" in err
