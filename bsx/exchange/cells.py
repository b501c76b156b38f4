"""What the cells of a row of curves say."""

from __future__ import annotations

import math

from bsx.exchange import roles as columns
from bsx.exchange.layout import Layout
from bsx.exchange.progress import EPOCHS
from bsx.exchange.reading import Row, Table
from bsx.exchange.values import counted, is_empty, not_negative, number, whole
from bsx.schema import Metric

NAN = float("nan")  # in a curve: not measured there
_MOST_EPOCHS = 1e6


def step_of(table: Table, layout: Layout, row: Row, batch_size: int, from_zero: bool) -> int:
    """Return the iteration of the evaluation; ``from_zero``: the run calls its first epoch 0."""
    column, progress = layout.roles[columns.STEP], layout.progress
    if not progress.is_computed:
        return whole(table, row, column, "the iteration of the evaluation", 0)
    said = f"the {progress.unit} {'done' if progress.unit == EPOCHS else 'seen'} at the evaluation"
    if progress.unit != EPOCHS:
        return round(progress.iterations(whole(table, row, column, said, 0, power=15), batch_size))
    epochs = not_negative(table, counted(table, row, column), column, said)
    if epochs > _MOST_EPOCHS:
        raise table.refuse(row, column, f"is more than anybody trains; give {said}")
    return round(progress.iterations(epochs + from_zero, batch_size))


def told_number(table: Table, layout: Layout, row: Row, role: str, otherwise: float) -> float:
    """Return a number that need not be told; ``otherwise`` where it is not."""
    value = row.cells.get(layout.roles.get(role, ""))
    found = None if is_empty(value) else number(table, value)
    return found if found is not None and math.isfinite(found) else otherwise


def judged_value(table: Table, layout: Layout, row: Row, judged: Metric) -> float:
    """Return the metric that quality is judged by; NaN where it diverged or was not measured."""
    column = layout.validation[judged.name]
    value = row.cells.get(column)
    if is_empty(value):
        if len(layout.validation) + len(layout.train) + len(layout.test) > 1:
            return NAN
        raise table.refuse(
            row, column, "is empty; write nan where the run diverged, else leave the row out"
        )
    found = number(table, value)
    if found is None:
        raise table.refuse(row, column, f"is no number; give the {judged.name}, or nan")
    check_share(table, row, column, judged)
    return found


def check_share(table: Table, row: Row, column: str | None, metric: Metric) -> None:
    """Refuse a cell beyond 0 to 1, of a metric that lies there; of ``column`` None there is none.

    Raises:
        DataError: with the remedy.
    """
    value = None if column is None else number(table, row.cells.get(column))
    if column is None or value is None or not metric.bounded or not math.isfinite(value):
        return
    if not 0 <= value <= 1:
        raise table.refuse(
            row,
            column,
            f"does not lie between 0 and 1; give a fraction, or --metric {metric.name}:max",
        )


def is_lost(table: Table, row: Row, column: str | None) -> bool:
    """Say whether a cell is written, and not finite."""
    value = None if column is None else row.cells.get(column)
    found = None if is_empty(value) else number(table, value)
    return found is not None and not math.isfinite(found)


def values_of(table: Table, row: Row, of: dict[str, str]) -> dict[str, float]:
    """Return the metrics of a part by name; NaN where they were not measured."""
    found = {name: number(table, row.cells.get(column)) for name, column in of.items()}
    return {name: NAN if value is None else value for name, value in found.items()}
