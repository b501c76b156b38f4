"""A table of a file, by column: which hold numbers, which categories, and what they are called."""

from __future__ import annotations

import difflib
import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bsx.data.cells import COMMA, POINT, codes_for_missing, is_number, number_format, parsed
from bsx.errors import ConfigError, DataError
from bsx.literals import as_typed

_FORMATS = {  # of numbers that are not read as such: what they have, and what helps
    COMMA: ("a decimal comma", "give --dataset-arg decimal=comma"),
    POINT: ("a decimal point", "which is none with decimal=comma; write them all alike"),
    "thousands": ("commas between thousands", "take these out of the file"),
    "either": (
        "a comma",
        "if it is a decimal comma, give --dataset-arg decimal=comma; if it parts thousands, take "
        "it out of the file",
    ),
}


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
        decimal: the mark of decimals, a point or a comma; None where the reader has no such
            option, and numbers have a point.
        codes: the texts that are taken as missing because they were asked to be.
    """

    name: str
    titles: tuple[str, ...]
    columns: tuple[Sequence[str | None] | np.ndarray, ...]
    lines: Sequence[int]
    decimal: str | None = None
    codes: tuple[str, ...] = ()

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
        named = title.isprintable() and (_is_name(title) or "," in title)
        return as_typed(title) if named and self.titles.count(title) == 1 else str(column)

    def title(self, column: int) -> str:
        """Name a column for a person, in quotes where it has a comma."""
        return shown_title(self.titles[column])

    def place(self, row: int, column: int) -> str:
        """Name a cell for a person."""
        return f"{self.name}: line {self.lines[row]}, column {self.title(column)}"

    def numbers(self, column: int, categorical: Sequence[int] = ()) -> np.ndarray | None:
        """Return a column as numbers, NaN where one is missing; None for a column of categories.

        ``categorical``: the columns that were asked to be such, for the remedy.

        Raises:
            DataError: for a column of both, for numbers with another decimal mark, and for one
                that is not finite.
        """
        cells = self.columns[column]
        mark = self.decimal or POINT
        found = cells if isinstance(cells, np.ndarray) else parsed(cells, mark)
        if found is None or isinstance(found, tuple):
            self._check_mark(column, categorical)
        if found is None:
            return None
        if isinstance(found, tuple):
            raise DataError(self._mixed(column, categorical, *found))
        infinite = np.flatnonzero(np.isinf(found))
        if infinite.size:
            raise DataError(f"{self.place(int(infinite[0]), column)}: the number is not finite")
        return found

    def _mixed(
        self, column: int, categorical: Sequence[int], text_row: int, number_row: int
    ) -> str:
        """Say of a column of numbers and texts which is which, and what can be done."""
        cells = self.texts(column)
        columns = ",".join(self.as_asked(c) for c in (*categorical, column))
        as_categories = "--dataset-arg " + shlex.quote(f"categorical={columns}")
        codes = codes_for_missing(cells, self.decimal or POINT)
        if codes and all(_is_name(code) for code in codes):
            count = sum(cell in codes for cell in cells)
            all_codes = ",".join(dict.fromkeys((*self.codes, *codes)))
            these = "that means" if len(codes) == 1 else "these mean"
            return (
                f"{self.name}: column {self.title(column)} holds numbers, and {count:,} times "
                f"{' or '.join(map(repr, codes))}; if {these} a missing value, give "
                "--dataset-arg " + shlex.quote(f"missing_texts={all_codes}") + "; else take all "
                f"as categories: {as_categories}"
            )
        hint = "; is it the header? then --dataset-arg header=true" if text_row == 0 else ""
        return (
            f"{self.place(text_row, column)}: {cells[text_row]!r} is no number, but "
            f"{cells[number_row]!r} in line {self.lines[number_row]} is{hint}; mend it, or "
            f"take all as categories: {as_categories}"
        )

    def _check_mark(self, column: int, categorical: Sequence[int]) -> None:
        """Refuse texts that are numbers with another mark: taken as categories they mean little."""
        found = self._format(column)
        if found is None:
            return
        alike = [c for c in range(len(self.titles)) if self._format(c) == found]
        named = shown_columns([self.titles[c] for c in alike])
        example = next(c for c in self.columns[column] if c is not None and ("," in c or "." in c))
        how, remedy = _FORMATS[found]
        if self.decimal is None:
            remedy = "write them as numbers"
        columns = ",".join(self.as_asked(c) for c in (*categorical, column))
        several = len(alike) > 1
        raise DataError(
            f"{self.name}: column{'s' if several else ''} {named} hold{'' if several else 's'} "
            f"numbers with {how}, such as {example!r}; {remedy}, or take them as categories: "
            "--dataset-arg " + shlex.quote(f"categorical={columns}")
        )

    def _format(self, column: int) -> str | None:
        cells = self.columns[column]
        return (
            None if isinstance(cells, np.ndarray) else number_format(cells, self.decimal or POINT)
        )

    def is_number(self, cell: str) -> bool:
        """Say whether a cell is a number, with the decimal mark of this table."""
        return is_number(cell, self.decimal or POINT)

    def with_rows(self, rows: Sequence[int]) -> Table:
        """Return these rows alone."""
        columns = tuple(
            column[list(rows)] if isinstance(column, np.ndarray) else [column[r] for r in rows]
            for column in self.columns
        )
        return replace(self, columns=columns, lines=[self.lines[row] for row in rows])

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
            + ("several columns are called so" if twice else no_such_column(asked, self.titles))
            + f"; the file has {shown_columns(self.titles)}; numbers count from 0"
        )


def shown_columns(titles: Sequence[str]) -> str:
    """Name the columns of a file, or the first of many."""
    return ", ".join(map(shown_title, titles[:12])) + (", …" if len(titles) > 12 else "")


def shown_title(title: str) -> str:
    """Name a column for a person, in quotes where it has a comma, as an option takes it."""
    return as_typed(title) if "," in title else title


def no_such_column(asked: Any, titles: Sequence[str]) -> str:
    """Say that no column is called so, and which one may be meant."""
    text = "there is no such column"
    parted = [title for title in titles if "," in title and title.split(",")[0].strip() == asked]
    if parted:
        return f"{text}; a name with a comma is given in quotes: {as_typed(parted[0])}"
    plain = {re.sub(r"\W+", " ", title.lower()).strip(): title for title in titles}
    wanted = re.sub(r"\W+", " ", str(asked).lower()).strip()
    near = difflib.get_close_matches(wanted, plain, n=1, cutoff=0.75)
    return f"{text} (did you mean {as_typed(plain[near[0]])!r}?)" if near else text
