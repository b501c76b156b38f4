"""Plain listings: a title and a row for each thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bsx.render import phrases

_WHOLE = ("sweep_id", "status", "created", "runs")  # never broken: they are copied
_SHORT = 16  # characters of a name for which there is room


def listing(title: str, rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return a table of ``rows``, which share their keys; columns that are empty are left out."""
    heading = Text(title, style="bold")
    if not rows:
        return Group(heading, Text("  none yet"))
    names = [name for name in rows[0] if any(row[name] not in (None, "") for row in rows)]
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        numeric = all(isinstance(row[name], int) for row in rows)
        table.add_column(
            name.replace("_", " "),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=name in _WHOLE or _is_short_name(name, rows),
            min_width=len(name),
        )
    for row in rows:
        cells = ["" if row[name] is None else str(row[name]) for name in names]
        table.add_row(*(Text(phrases.clean(cell)) for cell in cells))
    return Group(heading, table)


def _is_short_name(column: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    return column == "name" and all(len(str(row[column] or "")) <= _SHORT for row in rows)
