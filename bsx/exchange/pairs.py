"""Rows → pairs of a batch size and its steps to a target."""

from __future__ import annotations

from bsx.command import names
from bsx.exchange import roles as columns
from bsx.exchange.layout import Layout
from bsx.exchange.reading import Row, Table, shortened, writable
from bsx.exchange.values import above_zero, counted, is_empty, number, whole
from bsx.schema import Pair

_BEYOND = (">", "≥", ">=")
_APART = (
    "number repeated runs in a column seed, and tell others apart by a column learning_rate or "
    "target. If these are curves, they lack a column of the metric"
)
_WORDS = {
    **dict.fromkeys(("true", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "n", "0", "0.0"), False),
}


def pairs_of(table: Table, layout: Layout) -> tuple[Pair, ...]:
    """Read every row.

    ``>2000`` in place of steps says that the target was not reached within so many.

    Raises:
        DataError: for the first row that cannot be meant.
    """
    seen: dict[tuple[object, ...], Row] = {}
    pairs = []
    for row in table.rows:
        pair = _pair(table, layout, row)
        key = (pair.batch_size, pair.learning_rate, pair.seed, pair.target)
        if key in seen:
            raise table.refuse(
                row,
                layout.roles[columns.BATCH_SIZE],
                f"stands already in {seen[key].place}; "
                f"{_mixed(table, layout, seen[key], row) or _APART}",
            )
        seen[key] = row
        pairs.append(pair)
    return tuple(pairs)


def _pair(table: Table, layout: Layout, row: Row) -> Pair:
    roles = layout.roles
    target = row.cells.get(roles[columns.TARGET]) if columns.TARGET in roles else None
    size = whole(table, row, roles[columns.BATCH_SIZE], "a batch size of at least 1", 1)
    steps, reached = _steps(table, row, roles[columns.STEP], layout)
    if layout.progress.is_computed:
        steps = float(max(1, round(layout.progress.iterations(steps, size))))
    return Pair(
        size,
        steps,
        reached and _reached(table, row, layout),
        above_zero(table, row, roles[columns.RATE], "a learning rate")
        if columns.RATE in roles
        else None,
        whole(table, row, roles[columns.SEED], "a seed", 0) if columns.SEED in roles else 0,
        None if is_empty(target) else writable(str(target)),
    )


def _mixed(table: Table, layout: Layout, before: Row, row: Row) -> str:
    """Say what the file seems to be: curves without their metric, or several ones mixed.

    Then a column without a meaning tells all rows apart that otherwise say the same.
    """
    for column in layout.left_out:
        part, name = names.place(column)
        if part in (names.TRAIN, names.TEST) and names.known_metric(name) is not None:
            return (
                f"if these are curves, they lack a metric on validation: {shortened(column)} is "
                f"of the {part} part. Call it val_{name} where it is what you judge by"
            )
    told = (columns.BATCH_SIZE, columns.RATE, columns.SEED, columns.TARGET)
    told_by = [layout.roles[role] for role in told if role in layout.roles]
    for column in layout.left_out:
        keys = [tuple(str(one.cells.get(c)) for c in (column, *told_by)) for one in table.rows]
        values = len({key[0] for key in keys})
        if len(set(keys)) == len(keys) and values < len(keys):
            there, here = (shortened(one.cells.get(column)) for one in (before, row))
            return (
                f"the file mixes {values} curves, by its column {column} ({there} there, {here} "
                f"here): call that column {columns.TARGET} to have a trade-off for each of its "
                f"values, or number repeated runs in a column {columns.SEED}"
            )
    return ""


def _reached(table: Table, row: Row, layout: Layout) -> bool:
    """Read whether the target was reached, where a column says so."""
    column = layout.roles.get(columns.REACHED)
    value = None if column is None else row.cells.get(column)
    if column is None or is_empty(value):
        return True
    found = _WORDS.get(str(value).strip().lower())
    if found is None:
        raise table.refuse(row, column, "is neither true nor false; say whether it was reached")
    return found


def _steps(table: Table, row: Row, column: str, layout: Layout) -> tuple[float, bool]:
    value = row.cells.get(column)
    unit = layout.progress.unit
    said = f"the {unit} to the target, or >2000 where it was not reached within 2,000"
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
