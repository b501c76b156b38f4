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
    cells = {name: [_cell(name, row[name]) for row in rows] for name in names}
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        numeric = all(isinstance(row[name], int) for row in rows)
        table.add_column(
            name.replace("_", " "),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=name in _WHOLE or (name == "name" and max(map(len, cells[name])) <= _SHORT),
            min_width=len(name),
        )
    for row in zip(*cells.values(), strict=True):
        table.add_row(*(Text(cell) for cell in row))
    return Group(heading, table)


def _cell(column: str, value: Any) -> str:
    text = "" if value is None else phrases.clean(str(value))
    return text.replace(", ", ",\n") if column == "arm" else text  # each varied thing on a line
