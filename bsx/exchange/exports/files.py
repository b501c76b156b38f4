"""Rows → a file of csv, JSON lines, JSON or parquet, as they come and without holding them all."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from bsx.errors import ConfigError
from bsx.exchange.exports.curves import as_text

_AT_ONCE = 20_000  # rows that are turned into columns together

Rows = Iterable[Mapping[str, Any]]


def write_rows(form: str, file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """Write rows that all have ``columns``, in one of :data:`TABLES`.

    Raises:
        ConfigError: where the library of that format is missing.
    """
    TABLES[form](file, columns, rows)


def _csv(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([as_text(row[column]) for column in columns] for row in rows)
    text.detach()


def _json_lines(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    for row in rows:
        file.write(_json_text(row, columns).encode())
        file.write(b"\n")


def _json(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    opening = "[\n"
    for row in rows:
        file.write((opening + _json_text(row, columns)).encode())
        opening = ",\n"
    file.write(b"\n]\n" if opening.startswith(",") else b"[]\n")


def _json_text(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    cells = {column: _in_json(row[column]) for column in columns}
    return json.dumps(cells, allow_nan=False, ensure_ascii=False)


def _in_json(value: Any) -> Any:
    """Return a value that JSON knows: it has no word for what is no number."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _parquet(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ConfigError("--to parquet needs pyarrow: pip install 'bsx[parquet]'") from None
    writer: Any = None
    schema: Any = None
    try:
        for some in _batches(rows):
            if schema is None:  # rows of one file are alike, but for what is not known of some
                schema = pa.schema([(name, _type(pa, [r[name] for r in some])) for name in columns])
                writer = pq.ParquetWriter(file, schema)
            writer.write_table(_table(pa, schema, some))
        if writer is None:
            writer = pq.ParquetWriter(file, pa.schema([(name, pa.float64()) for name in columns]))
    finally:
        if writer is not None:
            writer.close()


def _table(pa: Any, schema: Any, rows: Sequence[Mapping[str, Any]]) -> Any:
    arrays = []
    for field in schema:
        cells: list[Any] = [row[field.name] for row in rows]
        if pa.types.is_string(field.type):
            cells = [None if cell is None else str(cell) for cell in cells]
        elif pa.types.is_floating(field.type):
            cells = [None if cell is None else float(cell) for cell in cells]
        arrays.append(pa.array(cells, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _type(pa: Any, cells: Iterable[Any]) -> Any:
    """Return the type of a column: of one in which nothing is known, that of a number."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if not kinds <= {bool, int, float}:
        return pa.string()
    if kinds == {bool}:
        return pa.bool_()
    return pa.int64() if kinds == {int} else pa.float64()


def _batches(rows: Rows) -> Iterator[list[Mapping[str, Any]]]:
    left = iter(rows)
    while some := list(itertools.islice(left, _AT_ONCE)):
        yield some


TABLES: Mapping[str, Callable[[BinaryIO, Sequence[str], Rows], None]] = {
    "csv": _csv,
    "json": _json,
    "jsonl": _json_lines,
    "parquet": _parquet,
}
