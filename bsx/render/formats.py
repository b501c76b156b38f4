"""Documents for machines: JSON, JSON lines, CSV, Markdown, and single values for shells.

Shared by all commands. Nothing here passes through Rich, nothing wraps, and every digit is kept.
A document is what ``json`` writes; a row is the part of it that belongs to one batch size.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from bsx.errors import ConfigError, NothingFound

ROWS = ("batch_sizes", "branches")  # lists whose items are addressed by their batch size

# The step is called an iteration where people read; which of the two they mean must be said.
SYNONYMS = {"iterations_per_epoch": "steps_per_epoch", "total_iterations": "total_steps"}
AMBIGUOUS = "iterations"


class Format(StrEnum):
    """The values of ``--format``."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    MARKDOWN = "markdown"


def machine_text(
    document: Any, rows: Sequence[Mapping[str, Any]], form: Format, header: Sequence[str] = ()
) -> str:
    """Write a result in a machine format; a line of jsonl, csv or markdown is a row.

    ``header``: the names of the columns of csv, for where there are no rows.

    Raises:
        ValueError: for NaN and infinities, and for ``Format.TABLE``.
    """
    if form is Format.JSON:
        return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    if form is Format.JSONL:
        lines = (json.dumps(row, allow_nan=False, ensure_ascii=False) for row in rows)
        return "".join(f"{line}\n" for line in lines)
    if form is Format.CSV:
        return _csv(*columns(rows)) if rows else _csv(header, [])
    if form is Format.MARKDOWN:
        return _markdown(*columns(rows))
    raise ValueError("a table is drawn by the command's own renderer")


def columns(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the cells of ``rows``; nested names are joined with dots."""
    flat = [_flattened(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    # A quantity unknown in one row is a plain `name` there and `name.value`, … in the others.
    inner = {name.rpartition(".")[0] for name in names}
    ancestors = {".".join(name.split(".")[:i]) for name in inner for i in range(1, 9)}
    names = [name for name in names if name not in ancestors]
    return names, [[row.get(name, "") for name in names] for row in flat]


def bare(value: Any) -> str:
    """Write one value as shells read it: no quotes; true and false; '' for unknown."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        if _is_span(value):
            return f"{value['low']} to {value['high']}"
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return " ".join(bare(item) for item in value)
    return str(value)


def get_text(document: Any, path: str) -> str:
    """Return what ``--get path`` prints: one bare value, or a list with one item a line.

    Raises:
        NothingFound: where the path leads nowhere or to an unknown value.
        ConfigError: for plain ``iterations``, which is two things.
    """
    value = lookup(document, path)
    if not isinstance(value, list | tuple):
        return f"{bare(value)}\n"
    return "".join(f"{bare(item)}\n" for item in value)


def lookup(document: Any, path: str) -> Any:
    """Return the value at a dotted path; hyphens and underscores are alike.

    Rows are addressed by batch size (``batch_sizes.64.speed``), items of other lists by position
    from 0. A name in place of a batch size collects that name from every row.

    Raises:
        NothingFound: where the path leads nowhere or to an unknown value.
        ConfigError: for plain ``iterations``, which is two things.
    """
    parts = [part.strip().replace("-", "_") for part in path.split(".")]
    if AMBIGUOUS in parts:
        raise ConfigError(
            f"--get {path}: iterations of what? say iterations-per-epoch or total-iterations"
        )
    rows = isinstance(document, list)
    if rows and parts[0] in ROWS:
        parts = parts[1:]
    value = _descend(document, parts, path, rows)
    if value is None or (isinstance(value, list) and not any(v is not None for v in value)):
        raise NothingFound(f"--get {path}: there is no value; it is unknown or was not asked for")
    return value


def _descend(
    value: Any, parts: Sequence[str], path: str, rows: bool = False, above: Sequence[str] = ()
) -> Any:
    """Follow ``parts``; ``above`` are those of the path that led to ``value``."""
    for depth, part in enumerate(parts):
        if isinstance(value, Mapping):
            name = _key(value, part, path, (*above, *parts[:depth]))
            if name == "recommendation" and value[name] is None:
                raise NothingFound(f"--get {path}: {_no_recommendation(value)}")
            value, rows = value[name], name in ROWS
        elif isinstance(value, list | tuple) and not part.isdecimal() and rows:
            led = (*above, *parts[:depth])
            return [_descend(row, parts[depth:], path, above=led) for row in value]
        elif isinstance(value, list | tuple):
            value = _row(value, part, path) if rows else _item(value, part, path)
            rows = False
        elif value is None:
            return None
        else:
            raise NothingFound(f"--get {path}: there is nothing below {parts[depth - 1]}")
    return value


def _no_recommendation(document: Mapping[str, Any]) -> str:
    """Say why there is none, as its caution does."""
    said = (c["message"] for c in document.get("cautions") or ()
            if c.get("code") == "no_recommendation")  # fmt: skip
    return next(said, "there is no recommendation")


def _key(value: Mapping[str, Any], part: str, path: str, above: Sequence[str]) -> str:
    known = {name.replace("-", "_"): name for name in value}
    found = known.get(part) or known.get(SYNONYMS.get(part, ""))
    if found is not None:
        return found
    nested = [".".join((*above, *place)) for place in itertools.islice(_places(value, part), 2)]
    if nested:
        raise NothingFound(
            f"--get {path}: {part} is not there but below; did you mean {' or '.join(nested)}?"
        )
    import difflib

    near = difflib.get_close_matches(part, [*known, *SYNONYMS], n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    raise NothingFound(f"--get {path}: there is no {part}; {hint}")


def _places(value: Any, name: str, rows: bool = False) -> Iterator[tuple[str, ...]]:
    """Yield the paths that lead to keys of that name, as ``--get`` takes them."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            if key.replace("-", "_") == name:
                yield (key,)
            else:
                yield from ((key, *place) for place in _places(child, name, key in ROWS))
    elif isinstance(value, list | tuple):
        for number, child in enumerate(value):
            key = bare(child.get("batch_size")) if rows else str(number)
            yield from ((key, *place) for place in _places(child, name))


def _row(rows: Sequence[Any], part: str, path: str) -> Any:
    for row in rows:
        if row.get("batch_size") == int(part):
            return row
    sizes = ", ".join(bare(row.get("batch_size")) for row in rows)
    raise NothingFound(f"--get {path}: there is no batch size {part}; there are {sizes}")


def _item(items: Sequence[Any], part: str, path: str) -> Any:
    if part.isdecimal() and int(part) < len(items):
        return items[int(part)]
    raise NothingFound(f"--get {path}: the list has {len(items)} items, counted from 0")


def _flattened(value: Any, prefix: str = "") -> dict[str, str]:
    children: Iterable[tuple[str, Any]]
    if isinstance(value, Mapping) and not _is_span(value):
        children = value.items()
    elif isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
        children = ((str(i), item) for i, item in enumerate(value))
    else:
        return {prefix: bare(value)}
    cells: dict[str, str] = {}
    for name, child in children:
        cells.update(_flattened(child, f"{prefix}.{name}" if prefix else name))
    return cells


def _is_span(value: Mapping[str, Any]) -> bool:
    """Tell a range of answers from an estimate, which has a value between its ends."""
    return {"low", "high"} <= value.keys() <= {"low", "high", "multiple_of"}


def _csv(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    import csv  # here, so that the other formats start without it
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()


def _markdown(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(names), ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(_markdown_cell(c) for c in line)} |\n" for line in lines)


def _markdown_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
