"""A JSON object of columns → its rows, as data frames are written: a list or a table a column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bsx.errors import DataError


def json_columns(text: str, name: str) -> Iterator[Mapping[str, Any]] | None:
    """Return the rows of one object whose values are columns; None where it is none.

    A column is a list, or an object by the rows' index, as pandas writes it.

    Raises:
        DataError: for columns of different lengths, and for rows that lie deeper.
    """
    first = text.strip().partition("\n")
    found = _parsed(first[0])
    if found is not None and first[2].strip():
        return None  # an object a line
    if found is None:
        found = _parsed(text)
    if not isinstance(found, dict) or not found:
        return None
    rows = next((key for key, value in found.items() if _are_rows(value)), None)
    if rows is not None:
        raise DataError(
            f"{name} is one JSON object with rows in its {rows}: write these one a line, each with "
            "its batch_size"
        )
    columns = {key: _values(column) for key, column in found.items()}
    if any(values is None for values in columns.values()):
        return None
    told = {key: values for key, values in columns.items() if values is not None}
    lengths = {key: len(values) for key, values in told.items()}
    (shorter, least), (longer, most) = (f(lengths.items(), key=_length) for f in (min, max))
    if least < most:
        raise DataError(
            f"{name}: its columns are of different lengths: {shorter} has {least} values, "
            f"{longer} {most}"
        )
    return (dict(zip(told, row, strict=True)) for row in zip(*told.values(), strict=True))


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _length(item: tuple[str, int]) -> int:
    return item[1]


def _values(column: Any) -> list[Any] | None:
    if isinstance(column, dict):
        return list(column.values())
    return column if isinstance(column, list) else None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
