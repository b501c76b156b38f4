"""What a program reports on its way, as JSON lines or in a csv file.

Each report is a set of named numbers and the time at which it came. Whatever is no report is
passed over: programs print much else.
"""

from __future__ import annotations

import ast
import csv
import io
import itertools
import json
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bsx import files
from bsx.command import names

_LARGEST = 2**28  # bytes of a csv file
_LONGEST_LINE = 1_000_000  # bytes; what is longer is no report
_DEEPEST = 5  # levels of nested objects
_LONGEST_LITERAL = 20_000  # characters
_MOST_BRACES = 20  # places in a line where an object might begin


@dataclass(frozen=True)
class Report:
    """Numbers by the names the program gave them, and the seconds after its start; None unknown."""

    values: Mapping[str, float]
    seconds: float | None


class Source(Protocol):
    """A place where reports are found."""

    def output(self, chunk: bytes, seconds: float) -> None:
        """Take in what the program wrote to standard output."""

    def look(self, seconds: float) -> None:
        """Look for what is new, while the program runs."""

    def finish(self) -> None:
        """Take in the rest, when the program has ended."""

    def found(self) -> list[Report]:
        """Return the reports so far, in their order."""


# --- JSON lines -------------------------------------------------------------------------------


class JsonLines:
    """Objects among the lines of standard output, one a line."""

    def __init__(self) -> None:
        self._rest = b""
        self._reports: list[Report] = []

    def output(self, chunk: bytes, seconds: float) -> None:
        """Take in the lines that are complete; a carriage return ends one too."""
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + chunk)
        self._rest = self._rest[: _LONGEST_LINE + 1]
        for line in lines:
            values = parse_line(line)
            if values:
                self._reports.append(Report(values, seconds))

    def look(self, seconds: float) -> None:
        """Do nothing: lines come by themselves."""

    def finish(self) -> None:
        """Take in a last line without an end."""
        last = self._reports[-1].seconds if self._reports else None
        values = parse_line(self._rest)
        if values:
            self._reports.append(Report(values, last))
        self._rest = b""

    def found(self) -> list[Report]:
        """Return the reports so far."""
        return self._reports


def parse_line(line: bytes) -> dict[str, float]:
    """Return the numbers of the object in a line, {} where there is none.

    The object may stand behind other text, as loggers write it, and may be written as Python
    prints a dict. Objects within give names joined by ``/``.
    """
    if len(line) > _LONGEST_LINE:
        return {}
    text = line.decode("utf-8", "replace")
    for brace in itertools.islice(re.finditer(r"\{", text), _MOST_BRACES):
        start = brace.start()
        found = _json(text[start:])
        if found is None:
            found = _literal(text[start : text.rfind("}") + 1])
        if isinstance(found, dict):
            return _numbers(found)
    return {}


def _json(text: str) -> Any:
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def _literal(text: str) -> Any:
    if "'" not in text or len(text) > _LONGEST_LITERAL:
        return None
    quoted = re.sub(r"(?<=[:\s])(-?)(nan|inf)\b", r"'\1\2'", text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what looks like Python and is not
            return ast.literal_eval(quoted)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _numbers(found: Mapping[Any, Any], prefix: str = "", depth: int = 0) -> dict[str, float]:
    values: dict[str, float] = {}
    for key, value in found.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and depth < _DEEPEST:
            values |= _numbers(value, f"{name}/", depth + 1)
        else:
            number = _number(value)
            if number is not None:
                values[name] = number
    return values


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]
    except ValueError:
        return None


# --- a csv file -------------------------------------------------------------------------------


class CsvFile:
    """The rows that the program adds to a csv file; what was in it before does not count."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before, self._written_before = self._content(), self._written()
        self._seen = self._before
        self._reports: list[Report] = []

    def output(self, chunk: bytes, seconds: float) -> None:
        """Do nothing: what is printed is for people."""

    def look(self, seconds: float) -> None:
        """Read the file again where it has changed, and date the rows that are new."""
        content = self._content()
        if content != self._seen:
            self._seen = content
            self._take(content[: content.rfind(b"\n") + 1], seconds)

    def finish(self) -> None:
        """Read it a last time, a last line without an end included."""
        if self._written() != self._written_before:
            self._take(self._content(), self._reports[-1].seconds if self._reports else None)

    def found(self) -> list[Report]:
        """Return the reports so far."""
        return self._reports

    def _content(self) -> bytes:
        try:
            return files.content(self._path, _LARGEST)
        except OSError:
            return b""

    def _written(self) -> int:
        """When the file was written last, in nanoseconds; 0 for none."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

    def _take(self, content: bytes, seconds: float | None) -> None:
        rows = parse_csv(content)
        if self._before and content.startswith(self._before):
            rows = _added(rows, parse_csv(self._before))
        known = self._reports
        dated = [known[i].seconds if i < len(known) else seconds for i in range(len(rows))]
        self._reports = [Report(row, when) for row, when in zip(rows, dated, strict=True)]


def parse_csv(content: bytes) -> list[dict[str, float]]:
    """Return the numbers of each row by the names in the first line; empty cells are left out."""
    text = content.decode("utf-8-sig", "replace").replace("\0", "")
    rows = []
    try:
        for row in csv.DictReader(io.StringIO(text, newline="")):
            numbers = {name: _number(cell) for name, cell in row.items() if name is not None}
            rows.append({name: number for name, number in numbers.items() if number is not None})
    except csv.Error:
        pass  # the rows before stand
    return rows


def _added(rows: list[dict[str, float]], before: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return the rows of the new run in a file that begins as it was before.

    Rows that go on where the old ones ended were written anew with them: the same run, for longer.
    """
    new = rows[len(before) :]
    if not new or (before and _position(new[0]) > _position(before[-1])):
        return rows
    return new


def _position(row: Mapping[str, float]) -> tuple[float, ...]:
    placed = {names.place(name): value for name, value in row.items()}
    known = (placed.get((names.POSITION, key)) for key in ("step", "samples", "epoch"))
    return tuple(value for value in known if value is not None)
