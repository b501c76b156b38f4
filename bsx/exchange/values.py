"""Cells → numbers, each refused with its place and the remedy."""

from __future__ import annotations

import math
import re
from typing import Any

from bsx.exchange.reading import EITHER, Row, Table

_POWER = 9  # a batch size or a step of more digits is none; their product is still a count
_LARGEST = 1e15  # of what need not be whole
_FARTHEST = 1e100  # a number beyond is as good as infinite: its square must be one, too
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_SHORT = re.compile(r"[>≥= ]*(?P<number>\d{1,9}(?:\.\d{1,9})?) ?(?P<unit>[kKmMgGbB])")
_FACTORS = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
# 12 800, 12'800 or 12,800.5: digits in threes
_GROUPED = re.compile(
    r"(?P<whole>[+-]?[1-9]\d{0,2}(?P<mark>[ \u00a0\u2009\u202f'’_,.])\d{3}"
    r"(?:(?P=mark)\d{3})*)(?:(?P<point>[.,])(?P<rest>\d+))?"
)


def is_empty(value: Any) -> bool:
    """Say whether a cell holds nothing."""
    return value is None or (isinstance(value, str) and not value.strip())


def number(table: Table, value: Any) -> float | None:
    """Return a number, NaN and infinities among them; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and table.decimal_comma and _COMMA.fullmatch(value):
        value = value.replace(",", ".")
    try:
        found = float(value)
        return (
            found
            if abs(found) <= _FARTHEST or math.isnan(found)
            else math.copysign(math.inf, found)
        )
    except OverflowError:
        return math.inf
    except ValueError:
        plain = _ungrouped(str(value))
        return None if plain is None else float(plain)


def _ungrouped(text: str) -> str | None:
    """Return a number without the marks between its thousands; None where it may be another."""
    found = _GROUPED.fullmatch(text)
    if found is None or EITHER.fullmatch(text) or found["mark"] == found["point"]:
        return None
    return found["whole"].replace(found["mark"], "") + f".{found['rest'] or 0}"


def counted(table: Table, row: Row, column: str) -> Row:
    """Return a row whose cell, a count, can be read: 12,800 is 12800 where no comma is decimal.

    Where one may be, other numbers of the file tell which of the two marks is the decimal one.

    Raises:
        DataError: where they do not, and the count may be 12800 or 12.8.
    """
    value = row.cells.get(column)
    if not isinstance(value, str) or not EITHER.fullmatch(value):
        return row
    point = table.decimal_mark
    if point is None:
        plain, fraction = value.replace(",", "").replace(".", ""), value.replace(",", ".")
        short = f"{float(fraction):g}"
        clear = f"{fraction}0" if EITHER.fullmatch(short) else short
        raise table.refuse(row, column, f"may be {plain} or {short}; write {plain} or {clear}")
    read = value.replace("," if point == "." else ".", "").replace(point, ".")
    return Row(row.place, {**row.cells, column: read})


def whole(table: Table, row: Row, column: str, what: str, least: int, power: int = _POWER) -> int:
    """Read a whole number of at least ``least``, up to 10 to the ``power``.

    Raises:
        DataError: for anything else.
    """
    found = number(table, counted(table, row, column).cells.get(column))
    if found is None or not math.isfinite(found) or found != int(found):
        raise table.refuse(row, column, f"is no whole number; {_instead(row, column, what)}")
    if found < least:
        raise table.refuse(row, column, f"is below {least}; give {what}")
    if found > 10**power:
        raise table.refuse(row, column, f"is above 10^{power}; give {what}")
    return int(found)


def _instead(row: Row, column: str, what: str) -> str:
    """Say what to write instead of a cell: of 46k that it is 46000."""
    found = _SHORT.fullmatch(str(row.cells.get(column)))
    if found is None:
        return f"give {what}"
    return f"write {float(found['number']) * _FACTORS[found['unit'].lower()]:.0f}"


def above_zero(table: Table, row: Row, column: str, what: str) -> float:
    """Read a finite number above 0.

    Raises:
        DataError: for anything else.
    """
    found = number(table, row.cells.get(column))
    if found is None or math.isnan(found):
        raise table.refuse(row, column, f"is no number; {_instead(row, column, what)}")
    if found <= 0:
        raise table.refuse(row, column, f"is not above 0; give {what}")
    if found > _LARGEST:
        raise table.refuse(row, column, f"is above 10^15; give {what}")
    return found


def not_negative(table: Table, row: Row, column: str, what: str) -> float:
    """Read a finite number of at least 0.

    Raises:
        DataError: for anything else.
    """
    found = number(table, row.cells.get(column))
    if found is None or not math.isfinite(found) or found < 0:
        raise table.refuse(row, column, f"is no number of at least 0; give {what}")
    return found
