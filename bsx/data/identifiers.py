"""Columns of a table that a model can hardly learn from: row numbers, keys, names, dates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bsx.data.cells import are_dates
from bsx.data.table import Table

_FEWEST_ROWS = 20  # of fewer, whole numbers may all differ by chance
_MOST = 0.5  # of the rows: more different texts than that are hardly categories
_FEWEST_DATES = 20  # of fewer, each occurs in many rows


def identifiers(table: Table, used: Sequence[int], categorical: Sequence[int]) -> tuple[str, ...]:
    """Return those of the columns ``used`` that look like identifiers, as ``drop`` takes them.

    ``categorical``: columns of numbers that are taken as categories. Columns of numbers that
    are measured differ in most rows too, so that of numbers only whole ones count, and only where
    they fill a range without repeats, as row numbers do, shuffled or not.
    """
    if len(table.lines) < _FEWEST_ROWS:
        return ()
    found = []
    for column in used:
        numbers = None if column in categorical else table.numbers(column)
        names = _are_names(table.texts(column)) if numbers is None else _counts(numbers)
        if names:
            found.append(table.as_asked(column))
    return tuple(found)


def _counts(numbers: np.ndarray) -> bool:
    """Say whether numbers are whole, all different, and fill at least half of their range."""
    if np.isnan(numbers).any() or not np.array_equal(numbers, np.round(numbers)):
        return False
    spanned = numbers.max() - numbers.min() + 1
    return len(np.unique(numbers)) == len(numbers) and bool(spanned <= 2 * len(numbers))


def _are_names(texts: Sequence[str | None]) -> bool:
    there = [text for text in texts if text is not None]
    different = set(there)
    many = len(there) >= _FEWEST_ROWS and len(different) > _MOST * len(there)
    return many and not are_dates(different)


def dates(table: Table, used: Sequence[int]) -> tuple[tuple[str, int], ...]:
    """Return those of the columns ``used`` that hold dates, and how many different ones."""
    found = []
    for column in used:
        if isinstance(table.columns[column], np.ndarray):
            continue
        different = {text for text in table.texts(column) if text is not None}
        if len(different) >= _FEWEST_DATES and are_dates(different):
            found.append((table.as_asked(column), len(different)))
    return tuple(found)
