"""An evaluation that was written in several rows becomes one, as loggers write its parts apart."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.exchange.reading import Row
from bsx.exchange.values import is_empty


def joined(rows: Sequence[Row], step: str) -> list[Row]:
    """Join each row to the one before it that has the same step and no other value in any column.

    Such are the rows of training and of validation of one iteration. ``step`` is its column.
    """
    found: list[Row] = []
    for row in rows:
        if found and not is_empty(row.cells.get(step)) and _agree(found[-1], row, step):
            told = {name: cell for name, cell in row.cells.items() if not is_empty(cell)}
            found[-1] = Row(found[-1].place, {**found[-1].cells, **told})
        else:
            found.append(row)
    return found


def _agree(one: Row, other: Row, step: str) -> bool:
    """Say whether two rows are parts of one: each tells something that the other leaves empty."""
    if one.cells.get(step) != other.cells.get(step):
        return False
    told, there = ({n for n, c in row.cells.items() if not is_empty(c)} for row in (one, other))
    both = told & there
    return bool(told - both and there - both) and all(one.cells[n] == other.cells[n] for n in both)
