"""A table from a csv or parquet file: columns of numbers and columns of categories."""

from __future__ import annotations

import csv
import importlib
import io
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bsx.data.given import read_text
from bsx.data.room import check_room
from bsx.data.source import check_cells, the_file
from bsx.errors import ConfigError, DataError

_CELL_BYTES = 48  # a number of Python's, and its place
EMPTY = {"", "?", "na", "n/a", "nan", "null", "none"}
_SEPARATORS = {"tab": "\t", "\\t": "\t", "space": " ", "semicolon": ";", "comma": ","}


def _is_name(text: str) -> bool:
    """Say whether an option reads ``text`` as a name: neither a number, nor a list, nor a word."""
    if not text or "," in text or text.lower() in ("true", "false", "none", "null"):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


@dataclass(frozen=True)
class Table:
    """The cells of a file, by column.

    Attributes:
        name: how errors begin: the option and the file.
        titles: of the columns; their numbers where the file has no header.
        columns: the cells of each, as text; None where one is missing. Of a parquet file,
            columns of numbers are arrays, NaN where one is missing.
        lines: each row's place in the file.
    """

    name: str
    titles: tuple[str, ...]
    columns: tuple[Sequence[str | None] | np.ndarray, ...]
    lines: Sequence[int]

    def numbered(self, asked: Any, argument: str) -> list[int]:
        """Return the numbers of the columns called or numbered (from 0; -1 is the last) so.

        Raises:
            ConfigError: for one that is not there, or whose name several have.
        """
        names = list(asked) if isinstance(asked, tuple | list) else [asked]
        found = [self._number(name, argument) for name in names]
        if len(set(found)) < len(found):
            raise ConfigError(f"--dataset-arg {argument}={asked}: give each column once")
        return found

    def as_asked(self, column: int) -> str:
        """Return what ``--dataset-arg`` takes for a column: its name, or else its number.

        A name that reads as a number, a list or the like would be taken for another column.
        """
        title = self.titles[column]
        named = title.isprintable() and _is_name(title) and self.titles.count(title) == 1
        return title if named else str(column)

    def place(self, row: int, column: int) -> str:
        """Name a cell for a person."""
        return f"{self.name}: line {self.lines[row]}, column {self.titles[column]}"

    def numbers(self, column: int, categorical: Sequence[int] = ()) -> np.ndarray | None:
        """Return a column as numbers, NaN where one is missing; None for a column of categories.

        ``categorical``: the columns that were asked to be such, for the remedy.

        Raises:
            DataError: for a column of both, and for a number that is not finite.
        """
        cells = self.columns[column]
        found = cells if isinstance(cells, np.ndarray) else _parsed(cells)
        if found is None:
            return None
        if isinstance(found, tuple):
            row, number_row = found
            hint = "; is it the header? then --dataset-arg header=true" if row == 0 else ""
            columns = ",".join(self.as_asked(c) for c in (*categorical, column))
            raise DataError(
                f"{self.place(row, column)}: {cells[row]!r} is no number, but "
                f"{cells[number_row]!r} in line {self.lines[number_row]} is{hint}; mend it, or "
                "take all as categories: --dataset-arg " + shlex.quote(f"categorical={columns}")
            )
        infinite = np.flatnonzero(np.isinf(found))
        if infinite.size:
            raise DataError(f"{self.place(int(infinite[0]), column)}: the number is not finite")
        return found

    def texts(self, column: int) -> list[str | None]:
        """Return a column as text, None where a cell is missing."""
        cells = self.columns[column]
        if isinstance(cells, np.ndarray):
            return [None if math.isnan(cell) else f"{cell:g}" for cell in cells]
        return list(cells)

    def _number(self, asked: Any, argument: str) -> int:
        if isinstance(asked, str) and self.titles.count(asked) == 1:
            return self.titles.index(asked)
        if type(asked) is int and -len(self.titles) <= asked < len(self.titles):
            return asked % len(self.titles)
        twice = self.titles.count(str(asked)) > 1
        raise ConfigError(
            f"--dataset-arg {argument}={asked}: "
            + ("several columns are called so" if twice else "there is no such column")
            + f"; the file has {shown_columns(self.titles)}; numbers count from 0"
        )


def shown_columns(titles: Sequence[str]) -> str:
    """Name the columns of a file, or the first of many."""
    return ", ".join(titles[:12]) + (", …" if len(titles) > 12 else "")


def _parsed(cells: Sequence[str | None]) -> np.ndarray | tuple[int, int] | None:
    """Return numbers, or None where none is one, or the first rows of a text and of a number."""
    filled = ["nan" if cell is None else cell for cell in cells]
    try:
        return np.array(filled, dtype=np.float64)
    except ValueError:
        pass
    text = next(row for row, cell in enumerate(filled) if not is_number(cell))
    number = next((r for r, c in enumerate(cells) if c is not None and is_number(c)), None)
    return None if number is None else (text, number)


def is_number(text: str) -> bool:
    """Say whether a cell is a number as NumPy reads it."""
    try:
        np.array([text], dtype=np.float64)
    except ValueError:
        return False
    return True


def read_csv(source: str, kind: str, *, header: bool | str, separator: str, encoding: str) -> Table:
    """Read a csv file, packed as .gz or not.

    Raises:
        ConfigError: for an argument that cannot be meant.
        DataError: for a file that is missing, empty, ragged or wrongly encoded.
    """
    name = f"--dataset {kind}:{source}"
    text, separator = read_text(source, encoding, kind), _separator(separator)
    check_cells(text, separator, name)
    lines, rows = _rows(text, separator, name)
    if header not in (True, False, "auto", "yes", "no"):
        raise ConfigError(f"--dataset-arg header={header}: give auto, true or false")
    has = _is_header(rows) if header == "auto" else header in (True, "yes")
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
            "mend it, or see --dataset-arg separator"
        )
    if width < 2:
        raise DataError(
            f"{name}: there is one column; give inputs and a target, or see --dataset-arg separator"
        )
    columns = tuple(
        [None if cell.lower() in EMPTY else cell for cell in column]
        for column in zip(*rows, strict=True)
    )
    return Table(name, titles, columns, lines)


def _separator(given: str) -> str:
    separator = _SEPARATORS.get(given, given) if isinstance(given, str) else given or ","
    if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n':
        raise ConfigError(f"--dataset-arg separator={given}: give one character, or tab")
    return separator


def _rows(content: str, separator: str, name: str) -> tuple[list[int], list[list[str]]]:
    reader = csv.reader(
        io.StringIO(content, newline=""), delimiter=separator, skipinitialspace=True
    )
    lines, rows = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                lines.append(reader.line_num)
                rows.append([cell.strip() for cell in row])
    except csv.Error as error:
        raise DataError(f"{name}: line {reader.line_num}: {error}; it is no csv file") from None
    if not rows:
        raise DataError(f"{name}: the file is empty; give one row for each sample")
    return lines, rows


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Say whether the first row names columns: distinct texts, that no row below repeats."""
    first = rows[0]
    if len(set(first)) < len(first) or any(is_number(c) or c.lower() in EMPTY for c in first):
        return False
    return len(rows) == 1 or all(
        all(row[i] != title for row in rows[1:] if i < len(row)) for i, title in enumerate(first)
    )


def read_parquet(source: str, kind: str) -> Table:
    """Read a parquet file, with pyarrow where it is installed.

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
    named = _parquet_columns(pq, path, name)
    if len(named) < 2:
        raise DataError(f"{name}: there is one column or none; give inputs and a target")
    columns = tuple(named.values())
    if not len(columns[0]):
        raise DataError(f"{name}: there is no row; give one row for each sample")
    return Table(name, tuple(named), columns, range(1, len(columns[0]) + 1))


def _parquet_columns(
    pq: Any, path: Path, name: str
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
                None if c is None or str(c).strip().lower() in EMPTY else str(c).strip()
                for c in cells
            ]
    return columns
