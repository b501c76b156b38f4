"""Which column of a table is predicted: said where it was guessed, and asked for by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bsx.data.tabular import csv
from bsx.errors import ConfigError
from tests.data.opening import refused
from tests.here import QUICK, Shell, here

__all__ = ["here"]  # a fixture


def written(path: Path, *titles: str) -> str:
    """Write a table of such columns; return the name of the dataset."""
    columns = {
        "size": [f"{(7 * i) % 60 / 60:.3f}" for i in range(60)],
        "kind": ["xyz"[i % 3] for i in range(60)],
        "side": ["left" if i % 2 else "right" for i in range(60)],
        "note": [f"note {i}" for i in range(60)],
    }
    lines = zip(*(columns[title] for title in titles), strict=True)
    (path / "data.csv").write_text("\n".join(",".join(line) for line in [titles, *lines]) + "\n")
    return f"csv:{path / 'data.csv'}"


@pytest.mark.parametrize(
    ("titles", "told"),
    [
        (("size", "kind", "note"), "--dataset-arg target=kind; the file has size, kind, note"),
        (("kind", "side", "note"), "--dataset-arg target=kind or target=side; the file has"),
        (("size", "note"), "--dataset-arg target=NAME; the file has size, note"),
    ],
)
def test_a_target_that_is_no_class_names_the_columns_that_would_be(
    titles: Sequence[str], told: str, tmp_path: Path
) -> None:
    said = refused(written(tmp_path, *titles))
    assert "column note, the target, has 60 different texts in 60 rows" in said
    assert told in said


@pytest.mark.parametrize(
    ("arguments", "kind", "told"),
    [
        ({"target": "kind", "task": "regression"}, None, "--dataset-arg target=size; the file has"),
        ({"task": "regression"}, None, "--dataset-arg target=size; the file has"),
        ({"target": ("size", "kind")}, ConfigError, "not size, kind; give one of them"),
    ],
)
def test_a_target_that_does_not_fit_its_task_is_told_of_others(
    arguments: dict[str, Any], kind: Any, told: str, tmp_path: Path
) -> None:
    name = written(tmp_path, "size", "kind", "side")
    assert told in refused(name, *([kind] if kind else []), **arguments)


def test_classes_that_were_asked_for_by_name_are_taken_however_many(tmp_path: Path) -> None:
    name = written(tmp_path, "kind", "size", "note")
    said = refused(name, task="classification")
    assert "if these are classes, give --dataset-arg target=note --dataset-arg task=class" in said
    for target in ("note", "size"):
        drop = "note" if target == "size" else "size"
        found = csv(name.removeprefix("csv:"), target, "classification", drop=drop)
        assert len(set(found.targets.tolist())) == 60
    assert "are hardly classes" in refused(name, target="note")  # that it is one was guessed


def test_a_title_that_reads_as_a_number_is_asked_for_by_the_columns_number(tmp_path: Path) -> None:
    rows = "\n".join(f"{i / 7:.3f},{'xyz'[i % 3]},{'uv'[i % 2]},note {i}" for i in range(60))
    (tmp_path / "data.csv").write_text(f"size,3,of two,note\n{rows}\n")
    said = refused(f"csv:{tmp_path / 'data.csv'}", header=True)
    assert "--dataset-arg target=1 or 'target=of two'; the file has size, 3, of two" in said


def test_a_guessed_target_is_said_before_training_and_in_the_head(here: Shell) -> None:
    name = written(here.folder, "side", "kind", "size")
    asked = ["sweep", "--dataset", name, *QUICK, "--dry-run"]
    out = " ".join(here.bsx(*asked)[1].split())
    assert ", target size model" in out
    assert "To be predicted: column size, the last one (regression); --dataset-arg target=" in out
    said = " ".join(here.bsx(*asked, "--dataset-arg", "target=kind")[1].split())
    assert "(target=kind)" in said and "To be predicted" not in said
