"""What lies in objects within a row is taken for what it surely is, and before that no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bsx.errors import DataError
from bsx.exchange import curves_of, layout_of, read_table
from bsx.exchange.layout import Layout


def layout(folder: Path, *rows: dict[str, Any]) -> Layout:
    """Find out the columns of a file with these rows."""
    file = folder / "log.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return layout_of(read_table(file))


def curve(**more: Any) -> list[dict[str, Any]]:
    """Return rows of one run."""
    return [{"batch_size": 16, "step": step, "accuracy": 0.5, **more} for step in (10, 20)]


@pytest.mark.parametrize(
    "inner",
    [
        {"train": {"step": 10, "loss": 1.2}},
        {"global": {"step": 10}},
        {"train": {"batch_size": 8}},
        {"random": {"seed": 1}, "seed": 2},
    ],
)
def test_what_lies_in_an_object_does_not_clash_with_what_lies_in_the_row(
    inner: dict[str, Any], tmp_path: Path
) -> None:
    found = layout(tmp_path, *curve(**inner))
    assert (found.roles["batch_size"], found.roles["step"]) == ("batch_size", "step")
    assert found.roles.get("seed", "seed") == "seed"


def test_names_with_dots_in_csv_are_names_as_others_are(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("batch.size,global.step,best.accuracy\n8,1,0.5\n8,2,0.6\n")
    found = layout_of(read_table(file))
    assert found.roles == {"batch_size": "batch.size", "step": "global.step"}
    assert found.judged is not None and found.judged.name == "best_accuracy"


def test_numbers_of_an_object_that_holds_no_metrics_are_left_aside(tmp_path: Path) -> None:
    rows = [{**row, "best": {"accuracy": 0.9}} for row in curve()]
    rows = [dict(sorted(row.items(), reverse=True)) for row in rows]  # whichever comes first
    found = layout(tmp_path, *rows)
    assert found.judged is not None and found.judged.name == "accuracy"
    assert found.validation == {"accuracy": "accuracy"}
    assert found.left_out == ("best.accuracy",)


@pytest.mark.parametrize(
    ("inner", "column"),
    [
        ({"metrics": {"val": {"loss": 1.0}}}, "metrics.val.loss"),
        ({"eval": {"loss": 1.0}}, "eval.loss"),
        ({"val_metrics": {"loss": 1.0}}, "val_metrics.loss"),
        ({"metrics": {"loss": 1.0, "train": {"loss": 2.0}}}, "metrics.loss"),
    ],
)
def test_objects_called_by_a_part_or_metrics_hold_metrics(
    inner: dict[str, Any], column: str, tmp_path: Path
) -> None:
    found = layout(tmp_path, *curve(**inner))
    assert found.validation == {"accuracy": "accuracy", "loss": column}


def test_a_metric_of_the_row_is_judged_before_those_in_objects(tmp_path: Path) -> None:
    found = layout(tmp_path, *({"val": {"f1": 0.2}} | row for row in curve()))
    assert found.judged is not None and found.judged.name == "accuracy"
    assert set(found.validation) == {"accuracy", "f1"}


@pytest.mark.parametrize(
    "config",
    [
        {"eval": {"batch_size": 256}, "train_bs": 64},
        {"dataloader": {"valid": {"bs": 256}}},
        {"adam": {"b": 0.9}},
    ],
)
def test_the_batch_size_of_an_evaluation_is_not_that_of_the_training(
    config: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no column batch_size") as refused:
        layout(tmp_path, {"config": config, "step": 1, "loss": 1.0})
    assert "did you mean" not in str(refused.value)
    config["optim"] = {"batch_size": 64}
    found = layout(tmp_path, {"config": config, "step": 1, "loss": 1.0})
    assert found.roles["batch_size"] == "config.optim.batch_size"


def test_batches_in_tokens_are_so_in_an_object_too(tmp_path: Path) -> None:
    rows = [{"config": {"tokens_per_batch": 512}, "tokens": n, "loss": 1.0} for n in (512, 1024)]
    found = layout(tmp_path, *rows)
    assert (found.unit, found.progress.unit) == ("tokens", "tokens")
    assert [
        p.step for p in curves_of(read_table(tmp_path / "log.jsonl"), found).runs[0].points
    ] == [
        1,
        2,
    ]


def test_settings_in_an_object_leave_pairs_what_they_are(tmp_path: Path) -> None:
    pair = {"batch_size": 64, "steps": 1000, "model": {"layers": 2}}
    found = layout(tmp_path, pair, {**pair, "steps": 1100})
    assert not found.is_curves
    assert found.left_out == ("model.layers",)


@pytest.mark.parametrize("header", ["step,top1,top5", "step,top1,top3,top5", "step,a1,a2"])
def test_metrics_with_a_number_in_their_names_are_no_columns_of_runs(
    header: str, tmp_path: Path
) -> None:
    file = tmp_path / "log.csv"
    file.write_text(f"{header}\n" + ",".join("1" * (header.count(",") + 1)) + "\n")
    with pytest.raises(DataError, match="no column batch_size") as refused:
        layout_of(read_table(file))
    assert "A column for each run" not in str(refused.value)
