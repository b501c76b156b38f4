"""A csv file whose rows follow each other in time: its columns, its gaps, its broken places."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bsx.data.csv_rows import csv_rows
from bsx.data.given import read_text
from bsx.data.table import no_such_column, shown_columns
from bsx.errors import ConfigError, DataError
from bsx.separators import separator_of

Column = str | int
_TIME_TITLES = {"date", "time", "datetime", "timestamp", "year", "ds"}
_EMPTY = {"", "na", "nan", "null", "none", "?"}
_GAP = 1.5  # a step of so many usual steps is a gap: months differ by less


@dataclass(frozen=True)
class Timetable:
    """The cells of a file.

    Attributes:
        name: how errors begin: the option and the file.
        titles: of the columns; their numbers where the file has no header.
        cells: text by row and column; ``lines`` are the rows' places in the file.
        time: the number of the column that says when, if there is one.
    """

    name: str
    titles: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    time: int | None

    def all_but_time(self) -> list[int]:
        """Return the numbers of the columns that hold values."""
        return [i for i in range(len(self.titles)) if i != self.time]

    def columns(self, asked: Column | Sequence[Column], argument: str) -> list[int]:
        """Return the numbers of the columns called or numbered (from 0) so.

        Raises:
            ConfigError: for one that is not there or comes twice.
        """
        names = [asked] if isinstance(asked, str | int) else list(asked)
        found = [_column_of(self.titles, name, argument) for name in names]
        if not found or len(set(found)) < len(found):
            raise ConfigError(f"--dataset-arg {argument}={asked}: give each column once")
        return found

    def title(self, column: int) -> str:
        """Name a column for a person."""
        return self.titles[column]

    def place(self, row: int, column: int) -> str:
        """Name a cell for a person."""
        return f"line {self.lines[row]}, column {self.titles[column]}"

    def numbers(self, columns: Sequence[int]) -> npt.NDArray[np.float64]:
        """Return columns as numbers (rows, columns), empty cells as NaN.

        Raises:
            DataError: for text and for infinite numbers, with their place.
        """
        return np.stack([self._column(column) for column in columns], axis=1)

    def gaps(self, *, refuse: bool) -> list[int]:
        """Return the rows before which there is a gap: a step longer than usual.

        Raises:
            DataError: for rows out of order, and for a gap where it is to be refused.
        """
        if self.time is None or len(self.cells) < 3:
            return []
        steps = np.diff(self._times)
        wrong = np.flatnonzero(steps <= 0)
        if wrong.size:
            row = int(wrong[0]) + 1
            raise DataError(
                f"{self.name}: {self.place(row, self.time)}: {self.cells[row][self.time]} comes "
                f"after {self.cells[row - 1][self.time]}; sort the rows by time, each time once, "
                "or give --dataset-arg gaps=ignore"
            )
        found = [int(i) + 1 for i in np.flatnonzero(steps > _GAP * np.median(steps))]
        if refuse and found:
            raise DataError(
                f"{self.name}: {self.place(found[0], self.time)}: a gap before "
                f"{self.cells[found[0]][self.time]}; give --dataset-arg gaps=break to leave out "
                "the windows across it"
            )
        return found

    @cached_property
    def _times(self) -> npt.NDArray[np.float64]:
        assert self.time is not None
        moments = [when(row[self.time]) for row in self.cells]
        if None in moments:
            raise DataError(
                f"{self.name}: {self.place(moments.index(None), self.time)}: "
                f"{self.cells[moments.index(None)][self.time]!r} is neither a date such as "
                "2024-01-31 12:00 nor a number; mend it, or give --dataset-arg gaps=ignore"
            )
        return np.array(moments, dtype=np.float64)

    def _column(self, column: int) -> npt.NDArray[np.float64]:
        found = np.empty(len(self.cells))
        for row, cells in enumerate(self.cells):
            value = _number(cells[column])
            if value is None:
                raise DataError(
                    f"{self.name}: {self.place(row, column)}: {cells[column]!r} is no finite "
                    "number; mend it, or name the columns to take with --dataset-arg columns"
                )
            found[row] = value
        return found


def read_timetable(
    source: str,
    *,
    kind: str,
    header: bool | None = None,
    delimiter: str = "auto",
    encoding: str = "utf-8",
    time: Column | None = None,
) -> Timetable:
    """Read the csv file that ``kind:source`` names; a first line without numbers is its header.

    Raises:
        ConfigError: for an argument that cannot be meant.
        DataError: for a file that is missing, empty, ragged or wrongly encoded.
    """
    name = f"--dataset {kind}:{source}"
    lines, cells = _rows(read_text(source, encoding, kind), delimiter, name)
    if header is None:
        header = not any(when(cell) is not None for cell in cells[0])
    titles = tuple(cells[0]) if header else tuple(str(i) for i in range(len(cells[0])))
    if header:
        lines, cells = lines[1:], cells[1:]
    if not cells:
        raise DataError(f"{name}: no row follows the header; give one row for each moment")
    ragged = next((i for i, row in enumerate(cells) if len(row) != len(titles)), None)
    if ragged is not None:
        raise DataError(
            f"{name}: line {lines[ragged]} has {len(cells[ragged])} cells, the lines above "
            f"{len(titles)}; mend it, or see --dataset-arg delimiter"
        )
    found = _time_column(titles, cells[0]) if time is None else _column_of(titles, time, "time")
    if found is not None and len(titles) == 1:
        found = None
    return Timetable(name, titles, tuple(map(tuple, cells)), tuple(lines), found)


def when(text: str) -> float | None:
    """Return a date (in seconds) or a number as a number; None for anything else."""
    number = _number(text)
    if number is not None:
        return None if math.isnan(number) else number
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or datetime.UTC)).timestamp()


def _rows(content: str, delimiter: str, name: str) -> tuple[list[int], list[list[str]]]:
    if delimiter == "auto":
        delimiter = separator_of(content)
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise ConfigError(f"--dataset-arg delimiter={delimiter}: give one character")
    return csv_rows(content, delimiter, name, "a csv with one row for each moment")


def _number(text: str) -> float | None:
    """The number in a cell; NaN for an empty one, None for text and for infinity."""
    if text.lower() in _EMPTY:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _time_column(titles: Sequence[str], first: Sequence[str]) -> int | None:
    for column, title in enumerate(titles):
        is_date = _number(first[column]) is None and when(first[column]) is not None
        if is_date or title.lower() in _TIME_TITLES:
            return column
    return None


def _column_of(titles: Sequence[str], asked: Column, argument: str) -> int:
    if isinstance(asked, str) and asked in titles:
        return titles.index(asked)
    if type(asked) is int and -len(titles) <= asked < len(titles):
        return asked % len(titles)
    raise ConfigError(
        f"--dataset-arg {argument}={asked}: {no_such_column(asked, titles)}; the file has "
        f"{shown_columns(titles)}"
    )
