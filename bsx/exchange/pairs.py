"""Rows → pairs of a batch size and its steps to a target."""

from __future__ import annotations

from bsx.exchange import layout as columns
from bsx.exchange.layout import Layout
from bsx.exchange.reading import Row, Table, writable
from bsx.exchange.values import above_zero, counted, is_empty, number, whole
from bsx.schema import Pair

_BEYOND = (">", "≥", ">=")


def pairs_of(table: Table, layout: Layout) -> tuple[Pair, ...]:
    """Read every row.

    ``>2000`` in place of steps says that the target was not reached within so many.

    Raises:
        DataError: for the first row that cannot be meant.
    """
    seen: dict[tuple[object, ...], str] = {}
    pairs = []
    for row in table.rows:
        pair = _pair(table, layout, row)
        key = (pair.batch_size, pair.learning_rate, pair.seed, pair.target)
        if key in seen:
            raise table.refuse(
                row,
                layout.roles[columns.BATCH_SIZE],
                f"stands already in {seen[key]}; number repeated runs in a column seed, and tell "
                "others apart by a column learning_rate or target. If these are curves, they lack "
                "a column of the metric",
            )
        seen[key] = row.place
        pairs.append(pair)
    return tuple(pairs)


def _pair(table: Table, layout: Layout, row: Row) -> Pair:
    roles = layout.roles
    target = row.cells.get(roles[columns.TARGET]) if columns.TARGET in roles else None
    size = whole(table, row, roles[columns.BATCH_SIZE], "a batch size of at least 1", 1)
    steps, reached = _steps(table, row, roles[columns.STEP])
    return Pair(
        size,
        steps,
        reached,
        above_zero(table, row, roles[columns.RATE], "a learning rate")
        if columns.RATE in roles
        else None,
        whole(table, row, roles[columns.SEED], "a seed", 0) if columns.SEED in roles else 0,
        None if is_empty(target) else writable(str(target)),
    )


def _steps(table: Table, row: Row, column: str) -> tuple[float, bool]:
    value = row.cells.get(column)
    said = "the iterations to the target, or >2000 where it was not reached within 2,000"
    if isinstance(value, str):
        bound = value.lstrip(">=≥ ")
        if value.startswith(_BEYOND):
            inner = counted(table, Row(row.place, {column: bound}), column)
            if number(table, inner.cells[column]) is None:
                inner = row  # as it is written, for the message
            return above_zero(table, inner, column, said), False
    if is_empty(value):
        raise table.refuse(row, column, f"is empty; give {said}")
    return above_zero(table, counted(table, row, column), column, said), True
