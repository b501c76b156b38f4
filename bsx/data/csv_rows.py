"""The cells of a csv file, row by row, each row with its line."""

from __future__ import annotations

import csv
import io

from bsx.data.source import check_cells
from bsx.errors import DataError


def csv_rows(
    content: str, separator: str, name: str, empty: str, *, skip_space: bool = False
) -> tuple[list[int], list[list[str]]]:
    """Return the lines where rows end, and their cells without space around; empty rows are none.

    Args:
        content: of the file.
        separator: of cells.
        name: what messages call the file.
        empty: what a file without any row should hold instead.
        skip_space: whether a quote may follow on a space behind the separator.

    Raises:
        DataError: for no csv, none with rows, or one of more cells than memory holds.
    """
    check_cells(content, separator, name)
    text = io.StringIO(content, newline="")
    reader = csv.reader(text, delimiter=separator, skipinitialspace=skip_space)
    lines, rows = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                lines.append(reader.line_num)
                rows.append([cell.strip() for cell in row])
    except csv.Error as error:
        raise DataError(f"{name}: line {reader.line_num}: {error}; it is no csv file") from None
    if not rows:
        raise DataError(f"{name}: the file is empty; give {empty}")
    return lines, rows
