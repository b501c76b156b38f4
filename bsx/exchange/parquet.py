"""A parquet file → the cells of its rows, by pyarrow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

from bsx.errors import DataError

MAGIC = b"PAR1"
_MOST_CELLS = 50_000_000  # few bytes may hold many rows
_AT_ONCE = 20_000  # rows


def parquet_rows(content: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    """Yield the cells of each row; a text, a number, a truth or None each.

    Raises:
        DataError: for a file that is damaged, too large or of lists, and without pyarrow.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise DataError(f"{name}: parquet needs pyarrow: pip install 'bsx[parquet]'") from None
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        cells = file.metadata.num_rows * file.metadata.num_columns
        titles = file.schema_arrow.names
    except Exception as error:
        raise _damaged(name, error) from None
    if cells > _MOST_CELLS:
        raise DataError(
            f"{name} holds {cells:,} cells, above the {_MOST_CELLS:,} that are read; keep fewer "
            "evaluations of each run, or fewer columns"
        )
    if len(set(titles)) < len(titles):
        raise DataError(f"{name}: several columns have one name; rename them")
    try:
        for some in file.iter_batches(_AT_ONCE):
            columns = [column.to_pylist() for column in some.columns]
            for row in zip(*columns, strict=True):
                yield dict(zip(titles, row, strict=True))
    except Exception as error:
        raise _damaged(name, error) from None


def _damaged(name: str, error: Exception) -> DataError:
    first = str(error).partition("\n")[0]
    return DataError(f"{name} is no whole parquet file: {first}")
