"""The columns of a table that are predicted: as numbers or classes, and which others could be."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from bsx.data.table import Table, shown_columns
from bsx.errors import ConfigError, DataError

_MOST_CLASSES = 100  # of a target of whole numbers, for it to count as classes


def targets_of(
    tables: Sequence[Table], columns: Sequence[int], task: str, *, told: bool
) -> tuple[Tensor, str]:
    """Return the targets and the task: one column, or several of numbers.

    ``told``: both the columns and the task were named, so that neither is doubted.
    """
    found = [[table.numbers(column) for table in tables] for column in columns]
    texts = any(part is None for parts in found for part in parts)
    numbers = np.zeros((0, 0))
    if not texts:
        numbers = np.stack([np.concatenate(parts) for parts in found], axis=1)  # type: ignore[arg-type]
    for index, column in enumerate(columns):
        cells = [cell for table in tables for cell in table.texts(column)] if texts else []
        gap = [c is None for c in cells] if texts else np.isnan(numbers[:, index])
        if np.any(gap):
            row = int(np.flatnonzero(gap)[0])
            missing = int(np.count_nonzero(gap))
            count = f" ({missing:,} in this column)" if missing > 1 else ""
            raise DataError(
                f"{place(tables, row, column)}: the target is missing{count}; leave such rows out "
                "with --dataset-arg missing_target=drop"
            )
    task = _judged(numbers, texts) if task == "auto" else task
    if task == "classification":
        return _classes(tables, columns, None if texts else numbers[:, 0], told=told), task
    if texts:
        text = next(
            c for c, parts in zip(columns, found, strict=True) if any(p is None for p in parts)
        )
        raise DataError(
            f"{tables[0].name}: the target of a {task} must be numbers, but column "
            f"{tables[0].title(text)} is text; {_which(tables[0], columns, _of_numbers)}"
        )
    if task == "multi-label" and not np.isin(numbers, (0, 1)).all():
        raise DataError(f"{tables[0].name}: targets of a multi-label task must be 0 or 1")
    if numbers.shape[1] == 1 and task == "regression":
        numbers = numbers[:, 0]
    return torch.from_numpy(numbers.astype(np.float32)), task


def _classes(
    tables: Sequence[Table], columns: Sequence[int], numbers: np.ndarray | None, *, told: bool
) -> Tensor:
    if len(columns) > 1:
        raise ConfigError(
            f"{tables[0].name}: a classification has one target column, not "
            f"{', '.join(tables[0].title(column) for column in columns)}; give one of them"
        )
    if numbers is None:
        values = np.array([str(text) for table in tables for text in table.texts(columns[0])])
        _check_known(tables, columns[0])
    else:
        values = numbers
    different, codes = np.unique(values, return_inverse=True)
    if len(different) > max(2, len(values) // 2) and not told:
        these = shlex.quote(f"target={tables[0].as_asked(columns[0])}")
        raise DataError(
            f"{tables[0].name}: column {tables[0].title(columns[0])}, the target, has "
            f"{len(different):,} different {'texts' if numbers is None else 'numbers'} in "
            f"{len(values):,} rows, so that these are hardly classes; "
            f"{_which(tables[0], columns, _of_classes)}; if these are classes, give "
            f"--dataset-arg {these} --dataset-arg task=classification"
        )
    return torch.from_numpy(codes.astype(np.int64))


def _which(table: Table, taken: Sequence[int], fits: Callable[[Table, int], bool]) -> str:
    """Say how to name the target, with those columns that would fit, if any, and all there are."""
    fitting = [c for c in range(len(table.titles)) if c not in taken and fits(table, c)]
    asked = [shlex.quote(f"target={table.as_asked(c)}") for c in fitting[:3]]
    told = " or ".join(asked) or "target=NAME"
    return (
        f"say which column is to be predicted with --dataset-arg {told}; the file has "
        f"{shown_columns(table.titles)}"
    )


def _of_classes(table: Table, column: int) -> bool:
    """Say whether a column holds a few different texts."""
    cells = table.columns[column]
    if isinstance(cells, np.ndarray) or any(
        cell is None or table.is_number(cell) for cell in cells
    ):
        return False
    return 2 <= len(set(cells)) <= min(_MOST_CLASSES, len(cells) // 2)


def _of_numbers(table: Table, column: int) -> bool:
    cells = table.columns[column]
    return isinstance(cells, np.ndarray) or all(c is not None and table.is_number(c) for c in cells)


def _check_known(tables: Sequence[Table], column: int) -> None:
    """Refuse a class of the test file that the training file does not have."""
    known = set(tables[0].texts(column))
    for table in tables[1:]:
        for row, text in enumerate(table.texts(column)):
            if text not in known:
                shown = ", ".join(sorted(repr(one) for one in known)[:5])
                raise DataError(
                    f"{table.place(row, column)}: the training file has no class {text!r}, but "
                    f"{shown}; write both alike"
                )


def _judged(numbers: np.ndarray, texts: bool) -> str:
    if texts:
        return "classification"
    if numbers.shape[1] > 1:
        return "multi-label" if np.isin(numbers, (0, 1)).all() else "regression"
    different = len(np.unique(numbers))
    few = different <= _MOST_CLASSES and 2 * different <= len(numbers)
    whole = bool(np.array_equal(numbers, np.round(numbers)))
    return "classification" if whole and few else "regression"


def place(tables: Sequence[Table], row: int, column: int) -> str:
    """Name a cell for a person; rows are counted through all tables."""
    for table in tables:
        if row < len(table.lines):
            return table.place(row, column)
        row -= len(table.lines)
    raise IndexError(row)
