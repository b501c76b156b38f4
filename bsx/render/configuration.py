"""The settings of a sweep, each with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bsx.render import phrases
from bsx.render.markdown import escaped
from bsx.render.tables import Plain
from bsx.schema import plain


class Given(Protocol):
    """What :class:`bsx.config.Given` has."""

    @property
    def setting(self) -> Any:
        """The setting."""

    @property
    def value(self) -> Any:
        """Its value as it was read."""

    @property
    def raw(self) -> Any:
        """Its value as it was typed; None where it was not."""

    @property
    def source(self) -> str:
        """Flag, environment, file or default."""

    @property
    def origin(self) -> str:
        """The flag, the variable or the file."""


def rows(given: Sequence[Given]) -> list[dict[str, Any]]:
    """Return a row a setting: value as it was read and as it was typed, and where from."""
    return [
        {
            "key": one.setting.key,
            "value": plain(one.value),
            "given": plain(one.raw),
            "default": one.setting.default,
            "source": one.source,
            "origin": one.origin,
            "panel": one.setting.panel,
        }
        for one in given
    ]


def print_settings(console: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """Print the settings panel by panel, those that were given in bold."""
    width = max(len(row["key"]) for row in found)
    for panel in dict.fromkeys(row["panel"] for row in found):
        console.print(Plain(Text(panel, style="bold")), end="")
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, min_width=width + 2)
        table.add_column(overflow="fold")
        table.add_column(overflow="fold", style="cyan")
        for row in found:
            if row["panel"] == panel:
                is_given = row["source"] != "default"
                style = "bold" if is_given else "dim"
                origin = phrases.clean(row["origin"]) if is_given else ""
                table.add_row(Text(f"  {row['key']}", style), Text(_shown(row), style), origin)
        console.print(Plain(table))


def markdown(found: Sequence[Mapping[str, Any]]) -> str:
    """Write the settings as a table of Markdown."""
    lines = ["| Setting | Value | From |", "| :-- | :-- | :-- |"]
    for row in found:
        cells = (row["key"], _shown(row), row["origin"])
        lines.append(f"| {' | '.join(escaped(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _shown(row: Mapping[str, Any]) -> str:
    value = row["given"] if row["given"] is not None else row["default"]
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return phrases.clean(", ".join(v if isinstance(v, str) else _toml(v) for v in value))
    return phrases.clean(_toml(value) if isinstance(value, Mapping) else value)


def _toml(value: Any) -> str:
    """Write a value as it stands in a file of settings."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {_toml(part)}' for key, part in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False, default=str)
