"""Single cells of a table, as text: which are missing, which are numbers, which are dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

EMPTY = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
POINT, COMMA = ".", ","

_WITH_COMMA = re.compile(r"[+-]?(\d{1,3}([.\s]\d{3})+|\d+)(,\d+)?([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([T ].*)?"
)
_NEARLY_ALL = 0.9  # of the cells of a column that decide what it holds
_MOST_CODES = 3  # different texts that may stand for a missing number in one column
_PART = re.compile(r"[.\s]")


def missing_texts(asked: Any) -> frozenset[str]:
    """Return the texts that mean a missing value, in lower case: the usual and those asked for."""
    more = asked if isinstance(asked, tuple | list) else [asked]
    return EMPTY | {str(text).strip().lower() for text in more}


def as_numpy_reads(text: str, decimal: str) -> str:
    """Return a number as NumPy reads it, and of what is none a text that is none for NumPy either.

    With a decimal comma, points and spaces part the thousands, and mean nothing else.
    """
    if decimal == POINT:
        return text
    if _WITH_COMMA.fullmatch(text):
        return _PART.sub("", text).replace(",", ".")
    return "" if "." in text else text


def is_number(text: str, decimal: str = POINT) -> bool:
    """Say whether a cell is a number."""
    try:
        np.array([as_numpy_reads(text, decimal)], dtype=np.float64)
    except ValueError:
        return False
    return True


def parsed(cells: Sequence[str | None], decimal: str) -> np.ndarray | tuple[int, int] | None:
    """Return numbers, or None where none is one, or the first rows of a text and of a number."""
    filled = ["nan" if cell is None else as_numpy_reads(cell, decimal) for cell in cells]
    try:
        return np.array(filled, dtype=np.float64)
    except ValueError:
        pass
    text = next(row for row, cell in enumerate(filled) if not is_number(cell))
    number = next((r for r, c in enumerate(filled) if cells[r] is not None and is_number(c)), None)
    return None if number is None else (text, number)


def number_format(cells: Sequence[str | None], decimal: str) -> str | None:
    """Say how nearly all cells are written as numbers that are not read as such with ``decimal``.

    Returns:
        ``,`` or ``.``, the decimal mark that they have; ``thousands`` for those that have commas
        between thousands, as far as they can have another meaning ``either``; None where they
        are none.
    """
    there = [cell for cell in cells if cell is not None]
    if decimal == COMMA:
        found = [cell for cell in there if is_number(cell)]
        pointed = any(not is_number(cell, COMMA) for cell in found)
        return POINT if pointed and len(found) >= _NEARLY_ALL * len(there) else None
    commas = sum(bool(_WITH_COMMA.fullmatch(cell)) for cell in there)
    parted = [cell for cell in there if "," in cell]
    if not parted:
        return None
    if all(_THOUSANDS.fullmatch(cell) for cell in parted):
        others = sum(is_number(cell) for cell in there if "," not in cell)
        if len(parted) + others >= _NEARLY_ALL * len(there):
            return "either" if commas == len(there) else "thousands"
    return COMMA if commas >= _NEARLY_ALL * len(there) else None


def codes_for_missing(cells: Sequence[str | None], decimal: str) -> list[str]:
    """Return the few repeated texts of a column that holds numbers apart from them."""
    there = [cell for cell in cells if cell is not None]
    others = Counter(cell for cell in there if not is_number(cell, decimal))
    few = 0 < len(others) <= _MOST_CODES and min(others.values()) > 1
    return sorted(others) if few and 2 * others.total() < len(there) else []


def are_dates(cells: Collection[str]) -> bool:
    """Say whether nearly all texts are dates, with the time of day or without."""
    found = sum(bool(_DATE.fullmatch(cell)) for cell in cells)
    return bool(cells) and found >= _NEARLY_ALL * len(cells)
