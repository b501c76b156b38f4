"""Plain listings: a title and a row for each thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
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
    cells = {name: [_cell(row[name]) for row in rows] for name in names}
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
        table.add_row(
            *(
                _Arm(cell) if name == "arm" else Text(cell)
                for name, cell in zip(names, row, strict=True)
            )
        )
    return Group(heading, table)


class _Arm:
    """The label of an arm: each varied thing on a line, or on two where there is no room."""

    def __init__(self, label: str) -> None:
        self._lines = label.replace(", ", ",\n").split("\n")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width
        for line in self._lines:
            yield Text(line if cell_len(line) <= room else line.replace("=", "=\n  ", 1))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        pieces = [piece for line in self._lines for piece in line.replace("=", "=\n  ").split("\n")]
        return Measurement(max(map(cell_len, pieces)), max(map(cell_len, self._lines)))


def _cell(value: Any) -> str:
    return "" if value is None else phrases.clean(str(value))
