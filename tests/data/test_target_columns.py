"""Which column of a table is predicted: said where it was guessed, and asked for by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

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
        (
            {"target": "size", "task": "classification"},
            None,
            "target=kind or target=side; the file",
        ),
        ({"target": ("size", "kind")}, ConfigError, "not size, kind; give one of them"),
    ],
)
def test_a_target_that_does_not_fit_its_task_is_told_of_others(
    arguments: dict[str, Any], kind: Any, told: str, tmp_path: Path
) -> None:
    name = written(tmp_path, "size", "kind", "side")
    assert told in refused(name, *([kind] if kind else []), **arguments)


def test_a_guessed_target_is_said_before_training_and_in_the_head(here: Shell) -> None:
    name = written(here.folder, "side", "kind", "size")
    asked = ["sweep", "--dataset", name, *QUICK, "--dry-run"]
    out = " ".join(here.bsx(*asked)[1].split())
    assert ", target size model" in out
    assert "To be predicted: column size, the last one (regression); --dataset-arg target=" in out
    said = " ".join(here.bsx(*asked, "--dataset-arg", "target=kind")[1].split())
    assert "(target=kind)" in said and "To be predicted" not in said
