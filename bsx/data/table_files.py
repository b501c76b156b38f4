"""A table from a csv or parquet file."""

from __future__ import annotations

import importlib
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bsx.data.cells import COMMA, EMPTY, POINT, is_number, missing_texts
from bsx.data.csv_rows import csv_rows
from bsx.data.given import read_text
from bsx.data.room import check_room
from bsx.data.source import the_file
from bsx.data.table import Table
from bsx.errors import ConfigError, DataError
from bsx.separators import MARKS, separator_of

_CELL_BYTES = 48  # a number of Python's, and its place
_SEPARATORS = {"tab": "\t", "\\t": "\t", "space": " ", "semicolon": ";", "comma": ","}


def read_csv(
    source: str,
    kind: str,
    *,
    header: bool | str,
    separator: str,
    encoding: str,
    decimal: str = POINT,
    missing: Any = (),
) -> Table:
    """Read a csv file, packed as .gz or not; ``missing``: texts that mean a missing value, too.

    Raises:
        ConfigError: for an argument that cannot be meant.
        DataError: for a file that is missing, empty, ragged or wrongly encoded.
    """
    name = f"--dataset {kind}:{source}"
    text = read_text(source, encoding, kind)
    separator = _separator(separator, text, decimal)
    decimal = _decimal(decimal, separator)
    lines, rows = csv_rows(text, separator, name, "one row for each sample", skip_space=True)
    if header not in (True, False, "auto", "yes", "no"):
        raise ConfigError(f"--dataset-arg header={header}: give auto, true or false")
    has = _is_header(rows, decimal) if header == "auto" else header in (True, "yes")
    width = len(rows[0])
    titles = tuple(rows[0]) if has else tuple(str(i) for i in range(width))
    if has:
        lines, rows = lines[1:], rows[1:]
    if not rows:
        raise DataError(f"{name}: there is a header and no row; give one row for each sample")
    ragged = next((i for i, row in enumerate(rows) if len(row) != width), None)
    if ragged is not None:
        raise DataError(
            f"{name}: line {lines[ragged]} has {len(rows[ragged])} cells, the first line {width}; "
            + (_other_separator(text, separator) or "mend it, or see --dataset-arg separator")
        )
    if width < 2:
        raise DataError(
            f"{name}: there is one column; "
            + (
                _other_separator(text, separator)
                or "give inputs and a target, or see --dataset-arg separator"
            )
        )
    empty = missing_texts(missing)
    columns = tuple(
        [None if cell.lower() in empty else cell for cell in column]
        for column in zip(*rows, strict=True)
    )
    return Table(name, titles, columns, lines, decimal, tuple(sorted(empty - EMPTY)))


def _separator(given: Any, text: str, decimal: Any) -> str:
    if given == "auto":
        has_comma = decimal in (COMMA, "comma") or not decimal  # a comma alone is read as no text
        return separator_of(text, MARKS.replace(COMMA, "") if has_comma else MARKS)
    # What is typed as a comma alone is read as a list without members
    separator = _SEPARATORS.get(given, given) if isinstance(given, str) else given or COMMA
    if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n':
        raise ConfigError(f"--dataset-arg separator={given}: give auto, one character, or tab")
    return separator


def _decimal(given: Any, separator: str) -> str:
    words = {"": COMMA, "comma": COMMA, "point": POINT}
    decimal = words.get(given, given) if isinstance(given, str) else given or COMMA
    if decimal not in (POINT, COMMA):
        raise ConfigError(f"--dataset-arg decimal={given}: give a comma or a point")
    if decimal == separator:
        raise ConfigError(
            f"--dataset-arg decimal={decimal}: cells are parted by it, too; give --dataset-arg "
            "separator as well, such as 'separator=;'"
        )
    return str(decimal)


def _other_separator(text: str, taken: str) -> str:
    """Say which separator the first line has, if it is not the one that was taken."""
    first = text.lstrip().partition("\n")[0]
    counts = {mark: first.count(mark) for mark in MARKS if mark != taken}
    most = max(counts, key=lambda mark: counts[mark])
    if first.count(taken) >= counts[most]:
        return ""
    word = "tab" if most == "\t" else most
    these = shlex.quote(f"separator={word}")
    shown = "tabs" if word == "tab" else repr(word)
    return f"the first line has {shown} between its cells: give --dataset-arg {these}"


def _is_header(rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Say whether the first row names columns: distinct texts, that no row below repeats."""
    first = rows[0]
    if len(set(first)) < len(first):
        return False
    if any(is_number(cell, decimal) or cell.lower() in EMPTY for cell in first):
        return False
    return len(rows) == 1 or all(
        all(row[i] != title for row in rows[1:] if i < len(row)) for i, title in enumerate(first)
    )


def read_parquet(source: str, kind: str, *, missing: Any = ()) -> Table:
    """Read a parquet file, with pyarrow where it is installed; ``missing`` as for csv.

    Raises:
        DataError: for a file that cannot be read, for columns that hold lists or tables, and
            where there is no pyarrow.
    """
    name = f"--dataset {kind}:{source}"
    path = the_file(source, kind)
    try:
        pq = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise DataError(f"{name}: parquet needs pyarrow: pip install 'bsx[parquet]'") from None
    empty = missing_texts(missing)
    named = _parquet_columns(pq, path, name, empty)
    if len(named) < 2:
        raise DataError(f"{name}: there is one column or none; give inputs and a target")
    columns = tuple(named.values())
    if not len(columns[0]):
        raise DataError(f"{name}: there is no row; give one row for each sample")
    codes = tuple(sorted(empty - EMPTY))
    return Table(name, tuple(named), columns, range(1, len(columns[0]) + 1), codes=codes)


def _parquet_columns(
    pq: Any, path: Path, name: str, empty: frozenset[str]
) -> Mapping[str, Sequence[str | None] | np.ndarray]:
    try:
        size = pq.read_metadata(path)
        needed = size.num_rows * size.num_columns * _CELL_BYTES  # few bytes may hold many rows
        check_room(needed, f"{name}: {size.num_rows:,} rows", "give fewer rows or columns")
        table = pq.read_table(path)
        found = {str(title): table.column(i).to_pylist() for i, title in
                 enumerate(table.column_names)}  # fmt: skip
    except DataError:
        raise
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise DataError(f"{name}: it is no whole parquet file ({first})") from None
    if len(found) < table.num_columns:
        raise DataError(f"{name}: several columns have one name; rename them")
    columns: dict[str, Sequence[str | None] | np.ndarray] = {}
    for title, cells in found.items():
        there = [cell for cell in cells if cell is not None]
        if any(isinstance(cell, list | dict | bytes) for cell in there):
            raise DataError(f"{name}: column {title} holds lists or bytes; give numbers or text")
        if there and all(isinstance(cell, bool | int | float) for cell in there):
            columns[title] = np.array([math.nan if c is None else float(c) for c in cells])
        else:
            columns[title] = [
                None if c is None or str(c).strip().lower() in empty else str(c).strip()
                for c in cells
            ]
    return columns
