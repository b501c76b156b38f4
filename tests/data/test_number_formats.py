"""Tables of other countries and habits: decimal commas, semicolons, texts for missing values."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsx.data.cells import number_format
from bsx.errors import ConfigError
from bsx.literals import literal
from tests.data.opening import opened, refused, sizes


def written(path: Path, *, year: str = "1990", rent: str = "1.{i:03},50") -> str:
    """Write a table as a German spreadsheet does; return the name of the dataset."""
    lines = [f"{i},25;{'ja' if i % 2 else 'nein'};{year};{rent.format(i=i)}" for i in range(60)]
    lines[7] = lines[7].replace("1990", "1991")
    (path / "data.csv").write_text("\n".join(["area;balcony;year;rent", *lines, ""]))
    return f"csv:{path / 'data.csv'}"


@pytest.mark.parametrize("given", ["comma", literal(",")])
def test_numbers_with_a_decimal_comma_and_points_between_thousands_are_read(
    given: object, tmp_path: Path
) -> None:
    splits = opened(written(tmp_path), separator=";", decimal=given, standardize=False)
    assert splits.task == "regression"
    assert splits.target_shift[0] == pytest.approx(1030, abs=5)
    assert set((splits.train.inputs[:, 0] % 1).tolist()) == {0.25}


def test_columns_with_a_decimal_comma_are_refused_together_and_told_the_remedy(
    tmp_path: Path,
) -> None:
    said = refused(written(tmp_path), separator=";")
    assert "columns area, rent hold numbers with a decimal comma, such as '0,25'" in said
    assert "--dataset-arg decimal=comma" in said
    only_target = refused(written(tmp_path), separator=";", drop="area")
    assert "hold numbers with a decimal comma" in only_target


def test_few_such_texts_are_no_categories_unless_they_were_asked_to_be(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("".join(f"{i};{i % 3},5;{'ab'[i % 2]}\n" for i in range(60)))
    name = f"csv:{tmp_path / 'data.csv'}"
    assert "decimal comma" in refused(name, separator=";")
    assert opened(name, separator=";", categorical=1).input_shape == (4,)
    assert opened(name, separator=";", decimal=",").input_shape == (2,)


def test_the_decimal_mark_is_no_separator(tmp_path: Path) -> None:
    said = refused(written(tmp_path), ConfigError, decimal=",", separator=",")
    assert "cells are parted by it, too" in said and "separator=;" in said
    assert "give a comma or a point" in refused(written(tmp_path), ConfigError, decimal=";")


@pytest.mark.parametrize(
    ("cells", "decimal", "found"),
    [
        (["1,5", "2", None], ".", ","),
        (["1 234,5", "2,0"], ".", ","),
        (["1,234", "12,345"], ".", "either"),
        (["1,234.5", "12,345"], ".", "thousands"),
        (["1,234,567", "8"], ".", "thousands"),
        (["a,b", "c"], ".", None),
        (["1,5", "left", "right"], ".", None),
        (["1.5", "2"], ",", "."),
        (["1.500", "k.A."], ",", None),
        (["01.09.2021"], ",", None),
    ],
)
def test_numbers_that_are_written_otherwise_are_known_by_nearly_all_cells(
    cells: list[str | None], decimal: str, found: str | None
) -> None:
    assert number_format(cells, decimal) == found


@pytest.mark.parametrize(
    ("mark", "told"), [(";", "'separator=;'"), ("\t", "separator=tab"), ("|", "'separator=|'")]
)
def test_the_separator_of_the_first_line_is_named(mark: str, told: str, tmp_path: Path) -> None:
    for last in ("2,5", "x"):
        lines = [f"a{mark}b{mark}c", *(f"{i}{mark}{last}{mark}y" for i in range(9))]
        (tmp_path / "data.csv").write_text("\n".join(lines))
        said = refused(f"csv:{tmp_path / 'data.csv'}", separator=",")
        assert said.endswith(f"give --dataset-arg {told}")


def test_a_repeated_text_in_a_column_of_numbers_is_offered_as_missing(tmp_path: Path) -> None:
    name = written(tmp_path, year="{year}")
    text = Path(name[4:]).read_text()
    for number in range(60):
        text = text.replace("{year}", "k.A." if number % 9 == 4 else str(1990 + number), 1)
    Path(name[4:]).write_text(text)
    how = {"separator": ";", "decimal": ","}
    said = refused(name, **how)
    assert "column year holds numbers, and 7 times 'k.A.'" in said
    assert "--dataset-arg missing_texts=k.A.; else" in said
    assert "a value is missing (7" in refused(name, missing_texts="k.A.", **how)
    filled = opened(name, missing_texts="K.a.", missing="mean", **how)
    assert filled.filled == (("year", 7, 60),)
    assert "missing_texts=-,k.A.;" in refused(name, missing_texts="-", **how)


def test_rows_without_a_target_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    lines = [f"{i},{'' if i % 6 == 0 else 'ab'[i % 2]}" for i in range(60)]
    (tmp_path / "data.csv").write_text("\n".join(lines))
    name = f"csv:{tmp_path / 'data.csv'}"
    said = refused(name)
    assert "line 1, column 1: the target is missing (10 in this column)" in said
    assert said.endswith("--dataset-arg missing_target=drop")
    assert sum(sizes(opened(name, missing_target="drop"))) == 50
    assert "give refuse or drop" in refused(name, ConfigError, missing_target="keep")


def test_all_columns_of_too_many_texts_are_named_at_once(tmp_path: Path) -> None:
    lines = [f"name {i},{i % 7},key {i},{'ab'[i % 2]}" for i in range(1100)]
    (tmp_path / "data.csv").write_text("\n".join(lines))
    said = refused(f"csv:{tmp_path / 'data.csv'}", drop=1)
    assert "different texts: 0 (1,100, such as 'name 0'), 2 (1,100" in said
    assert said.endswith("leave them out with --dataset-arg drop=1,0,2")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_table_is_read_alike_whatever_parts_its_cells(mark: str, tmp_path: Path) -> None:
    lines = ["a,b,c", *(f"{i},{i % 7},{'yn'[i % 2]}" for i in range(60))]
    (tmp_path / "commas.csv").write_text("\n".join(lines))
    (tmp_path / "others.csv").write_text("\n".join(lines).replace(",", mark))
    plain = opened(f"csv:{tmp_path / 'commas.csv'}")
    found = opened(f"csv:{tmp_path / 'others.csv'}")
    assert found.fingerprint == plain.fingerprint


def test_with_a_decimal_comma_other_marks_part_the_cells(tmp_path: Path) -> None:
    assert opened(written(tmp_path), decimal="comma").input_shape == (4,)
