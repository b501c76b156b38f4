"""A file → its rows, each with its place in the file. What the columns mean is not asked here.

csv with commas, semicolons, tabs or bars; one JSON object a line; a JSON list of objects, or an
object of columns; or parquet.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bsx import files
from bsx.errors import DataError
from bsx.exchange.json_columns import json_columns
from bsx.exchange.parquet import MAGIC, parquet_rows
from bsx.separators import MARKS, separator_of

_DEEPEST = 8  # objects within objects, as the settings of a run may lie in a log
LARGEST = 256 * 2**20  # bytes; some ten million rows
EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[,.]\d{3}")  # thousands, or three decimals
# The last mark is the decimal one: 0.5, 12,25, 1,234.5
_DECIMAL = re.compile(r"[+-]?(?:\d*|\d{1,3}(?:([,.])\d{3})+)(?!\1)([,.])\d+(?:[eE][+-]?\d+)?")
_KINDS = (
    "give csv, JSON lines or parquet, with batch_size, step and a metric, or batch_size and steps"
)


@dataclass(frozen=True)
class Row:
    """One row: where it stands, as messages name it, and its cells by the names of their columns.

    A cell is text from csv; from JSON and parquet it is what these say.
    """

    place: str
    cells: Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """All rows of a file; ``columns`` in the order of their first appearance.

    ``has_header``: whether a line of its own names them, as in csv. ``nested``: those that lie in
    an object within the row, by dotted names.
    """

    file: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    fingerprint: str
    decimal_comma: bool = False
    has_header: bool = False
    nested: frozenset[str] = frozenset()

    @cached_property
    def decimal_mark(self) -> str | None:
        """The decimal mark, by those numbers that can be read one way only; None where unknown."""
        if not self.decimal_comma:
            return "."
        found: set[str] = set()
        for row in self.rows:
            for cell in row.cells.values():
                number = _DECIMAL.fullmatch(cell)
                if number is not None and not EITHER.fullmatch(cell):
                    found.add(number[2])
            if len(found) > 1:
                return None  # one file of two habits
        return next(iter(found), None)

    def refuse(self, row: Row, column: str, problem: str) -> DataError:
        """Return the error that names file, line, column and value."""
        value = shortened(row.cells.get(column))
        return DataError(f"{self.file}, {row.place}, column {column}: {value} {problem}")


def read_table(path: Path) -> Table:
    """Read a file.

    Raises:
        DataError: for one that cannot be read, is empty, too large or no table.
    """
    name = writable(path.name)
    content = _content(path)
    nested: set[str] = set()
    rows, separator = _rows(content, name, nested)
    if not rows:
        raise DataError(f"{name} has no rows below its header; {_KINDS}")
    columns = tuple(dict.fromkeys(column for row in rows for column in row.cells))
    fingerprint = hashlib.sha256(content).hexdigest()[:20]
    return Table(
        name,
        columns,
        tuple(rows),
        fingerprint,
        separator == ";",
        separator is not None,
        frozenset(nested),
    )


def _rows(content: bytes, name: str, nested: set[str]) -> tuple[list[Row], str | None]:
    """Return the rows, and what parts the cells of a csv file; None of any other.

    Columns within objects are added to ``nested``.
    """
    if content.startswith(MAGIC):
        cells = enumerate(parquet_rows(content, name), start=1)
        return [_row(found, name, f"row {number}", nested) for number, found in cells], None
    text = _text(content, name)
    opening = text.lstrip()[:1]
    if opening == "[":
        return list(_json_list(text, name, nested)), None
    if opening == "{":
        by_columns = json_columns(text, name)
        if by_columns is not None:
            items = enumerate(by_columns, start=1)
            return [_row(found, name, f"item {number}", nested) for number, found in items], None
        return list(_json_lines(text, name, nested)), None
    text = _without_comments(text)
    delimiter = separator_of(text)
    return list(_csv_rows(text, name, delimiter)), delimiter


def shortened(value: Any) -> str:
    """Write a value for a message, at most some forty characters of it."""
    text = "".join(c if c.isprintable() else "?" for c in writable(str(value)))
    return f"'{text if len(text) <= 40 else text[:37] + '…'}'"


def writable(text: str) -> str:
    """Return a text that can be printed: JSON and file systems know halves of characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


# --- from bytes to text -----------------------------------------------------------------------


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder; name a file in it")
        with files.opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST:
                raise _too_large(path, size)
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise _too_large(path, len(content))
    return content


def _too_large(path: Path, size: int) -> DataError:
    return DataError(
        f"{path.name} holds {size / 2**20:,.0f} MiB or more, above the {LARGEST >> 20} MiB that "
        "are read; keep fewer evaluations of each run, or fewer columns"
    )


def _text(content: bytes, name: str) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):  # as some spreadsheets write it
        encoding = "utf-16"
    elif b"\0" in content:
        raise DataError(f"{name} is no text; {_KINDS}")
    else:
        encoding = "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}, line {line}: this is no UTF-8 text; save the file as UTF-8"
        ) from None
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise DataError(f"{name} is empty; {_KINDS}")
    return text


# --- csv --------------------------------------------------------------------------------------


def _without_comments(text: str) -> str:
    """Empty the lines above the header that begin with #: the others keep their numbers.

    A header may itself begin with one, as numpy writes it: the last of them is it where it names as
    many columns as the line below has cells, of which the first is a number.
    """
    if not text.lstrip().startswith("#"):
        return text
    lines = text.splitlines(keepends=True)
    filled = [n for n, line in enumerate(lines) if line.strip()]
    notes = list(itertools.takewhile(lambda n: lines[n].lstrip().startswith("#"), filled))
    if len(notes) == len(filled):
        return text
    last, below = lines[notes[-1]], lines[filled[len(notes)]]
    mark = max(MARKS, key=below.count)
    is_header = last.count(mark) == below.count(mark) > 0 and below.lstrip(' "')[:1].isdigit()
    for number in notes:
        lines[number] = "\n"
    if is_header:
        lines[notes[-1]] = last.lstrip().lstrip("#")
    return "".join(lines)


def _csv_rows(text: str, name: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    header: list[str] | None = None
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in cells) or _is_rule(cells):
                continue
            if header is None:
                header = _header([cell.strip() for cell in cells], name, line)
                continue
            if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
                raise DataError(
                    f"{name}, line {line} has {len(cells)} cells, but the header names "
                    f"{len(header)} columns; quote cells that hold {_named(delimiter)}"
                )
            if len(cells) < len(header):
                if cells[0].lstrip().startswith("#"):  # a comment between rows
                    continue
                raise DataError(
                    f"{name}, line {line} has {len(cells)} cells, but the header names "
                    f"{len(header)} columns; was it cut off?"
                )
            pairs = zip(header, cells, strict=False)
            yield Row(f"line {line}", {column: cell.strip() for column, cell in pairs if column})
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: {error}; {_KINDS}") from None


def _is_rule(cells: list[str]) -> bool:
    """Say whether this is the line below the header of a Markdown table."""
    return all(re.fullmatch(r"\s*(:?-{2,}:?)?\s*", cell) for cell in cells)


def _header(cells: list[str], name: str, line: int) -> list[str]:
    named = [cell for cell in cells if cell]
    twice = [cell for cell in named if named.count(cell) > 1]
    if twice:
        raise DataError(
            f"{name}, line {line}: two columns are called {shortened(twice[0])}; rename one"
        )
    return cells


def _named(delimiter: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}[delimiter]


# --- JSON -------------------------------------------------------------------------------------


def _json_lines(text: str, name: str, nested: set[str]) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _row(_parsed(line, f"{name}, line {number}"), name, f"line {number}", nested)


def _json_list(text: str, name: str, nested: set[str]) -> Iterator[Row]:
    found = _parsed(text, name)
    for number, item in enumerate(found if isinstance(found, list) else [], start=1):
        yield _row(item, name, f"item {number}", nested)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        why = getattr(error, "msg", "it cannot be read")
        raise DataError(f"{where} is no JSON: {why}; give one object a line") from None


def _row(found: Any, name: str, place: str, nested: set[str]) -> Row:
    if not isinstance(found, dict):
        raise DataError(f"{name}, {place} is no JSON object; give one object a line")
    cells = {}
    for column, value, depth in _flat(found):
        cells[writable(column)] = value
        if depth:
            nested.add(writable(column))
    return Row(place, cells)


def _flat(
    found: Mapping[str, Any], above: str = "", depth: int = 0
) -> Iterator[tuple[str, Any, int]]:
    """Yield the cells of an object, those of objects within it by dotted names, and how deep."""
    for key, value in found.items():
        if not key.strip():
            continue
        name = above + key.strip()
        if isinstance(value, dict) and value and depth < _DEEPEST:
            yield from _flat(value, f"{name}.", depth + 1)
        else:
            yield name, value, depth
