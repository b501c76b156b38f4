"""Columns that look like row numbers, keys or names: found, and said before anything is trained."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from bsx.data.table_files import read_csv
from bsx.errors import EXIT_DONE
from bsx.literals import literal
from tests.data.opening import opened
from tests.here import Shell, here

__all__ = ["here"]  # a fixture

_ROWS = 60
_CHANCE = random.Random(0)
_SHUFFLED = _CHANCE.sample(range(1000, 1000 + _ROWS), _ROWS)
_SPARSE = _CHANCE.sample(range(2 * _ROWS - 1), _ROWS)
_MEASURED = [_CHANCE.gauss(0, 1) for _ in range(_ROWS)]


def written(path: Path, column: Callable[[int], object], rows: int = _ROWS) -> str:
    """Write a table with such a column called ``it``; return the name of the dataset."""
    lines = [f"{column(i)},{_MEASURED[i]:.4f},{'xyz'[i % 3]}" for i in range(rows)]
    (path / "data.csv").write_text("\n".join(["it,size,kind", *lines, ""]))
    return f"csv:{path / 'data.csv'}"


@pytest.mark.parametrize(
    "column",
    [
        lambda i: i,
        lambda i: i + 1,
        lambda i: f"{i}.0",
        lambda i: _SHUFFLED[i],
        lambda i: _SPARSE[i],
        lambda i: f"Mr Nr {i}",
        lambda i: f"Mr Nr {min(i, 56)}",
        lambda i: f"street {min(i, 35)}",
    ],
)
def test_row_numbers_and_names_are_taken_for_identifiers(
    column: Callable[[int], object], tmp_path: Path
) -> None:
    assert opened(written(tmp_path, column)).identifiers == ("it",)


@pytest.mark.parametrize(
    "column",
    [
        lambda i: _MEASURED[i],  # numbers with fractions mostly differ all
        lambda i: i // 2,
        lambda i: max(i, 1),
        lambda i: i * 1000,  # amounts of money, say
        lambda i: i * i,
        lambda i: f"street {i // 2}",
        lambda i: "left" if i % 2 else "right",
    ],
)
def test_measurements_and_categories_are_not(
    column: Callable[[int], object], tmp_path: Path
) -> None:
    assert opened(written(tmp_path, column)).identifiers == ()


def test_a_column_that_is_dropped_predicted_or_of_few_rows_is_none(tmp_path: Path) -> None:
    name = written(tmp_path, lambda i: i)
    assert opened(name, drop="it").identifiers == ()
    assert opened(name, target="it", drop="kind").identifiers == ()
    few = written(tmp_path, lambda i: i, rows=18)
    assert opened(few, target="size").identifiers == ()


def test_a_column_without_a_name_is_called_by_its_number(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text(
        "\n".join([",size,kind", *(f"{i},{i / 7:.3f},{'xyz'[i % 3]}" for i in range(60))])
    )
    name = f"csv:{file}"
    assert opened(name, header=True).identifiers == ("0",)
    assert opened(name, header=True, drop=0).identifiers == ()
    assert read_csv(str(file), "csv", header=True, separator=",", encoding="utf-8").titles[0] == ""


def test_a_title_that_reads_as_a_number_is_told_as_the_columns_number(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    rows = [f"{m:.4f},{m:.3f},{i},{i + 7},{i + 9},{'ab'[i % 2]}" for i, m in enumerate(_MEASURED)]
    file.write_text("\n".join(["x,z,1,true,zip code,y", *rows, ""]))
    name = f"csv:{file}"
    found = opened(name, header=True)
    assert found.identifiers == ("2", "3", "zip code")
    assert opened(name, header=True, drop=literal("2,3,zip code")).identifiers == ()


def test_the_remedy_keeps_what_is_dropped_already(here: Shell) -> None:
    rows = [f"{m:.4f},{i},{i},{'ab'[i % 2]}" for i, m in enumerate(_MEASURED)]
    Path("data.csv").write_text("\n".join(["x,zip code,1,y", *rows, ""]))
    asked = ["sweep", "--dataset", "csv:data.csv", "--dataset-arg", "header=true",
             "--model", "logistic", "--dry-run"]  # fmt: skip
    _, _, err = here.bsx(*asked, "--dataset-arg", "drop=zip code")
    assert "column 2 may be an identifier (columns count from 0): most rows" in err
    assert err.rstrip().endswith("--dataset-arg 'drop=zip code,2'")
    assert here.bsx(*asked, "--dataset-arg", "drop=zip code,2")[2] == ""


def test_identifiers_are_warned_of_before_training_and_in_the_document(here: Shell) -> None:
    name = written(here.folder, lambda i: i + 1)
    asked = ["--dataset", name, "--model", "logistic"]
    code, _, err = here.bsx("sweep", *asked, "--dry-run")
    assert code == EXIT_DONE
    assert err.startswith("caution: column it may be an identifier")
    assert err.rstrip().endswith("--dataset-arg drop=it")
    assert here.bsx("sweep", *asked, "--dry-run", "--quiet")[2] == ""
    found = here.swept(*asked)
    [said] = [c for c in found["cautions"] if c["code"] == "identifier_columns"]
    assert "drop=it" in said["message"]
    assert "column it may be an identifier" in here.bsx("show")[2]
    found = here.swept(*asked, "--dataset-arg", "drop=it")
    assert not [c for c in found["cautions"] if c["code"] == "identifier_columns"]


def test_columns_of_dates_are_told_of_however_many_there_are(here: Shell) -> None:
    name = written(here.folder, lambda i: f"{i % 24 + 1:02}.03.2024")
    assert opened(name).dates == (("it", 24),)
    assert opened(name).identifiers == ()
    _, _, err = here.bsx("sweep", "--dataset", name, "--model", "logistic", "--dry-run")
    assert err.startswith("caution: column it (24 different) holds dates, which are taken as a")
    assert err.rstrip().endswith("--dataset-arg drop=it")


def test_how_many_gaps_are_filled_is_said_by_column(here: Shell) -> None:
    name = written(here.folder, lambda i: "" if i % 4 == 0 else "ab"[i % 2])
    assert opened(name, missing="median").filled == (("it", 15, 60),)
    asked = ["sweep", "--dataset", name, "--dataset-arg", "missing=median", "--model", "logistic"]
    _, _, err = here.bsx(*asked, "--dry-run")
    assert err.startswith("caution: missing values are filled, as was asked for: 15 of 60 cells")
