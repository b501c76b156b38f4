"""What ``bsx doctor`` found, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bsx.render import phrases
from bsx.render.markdown import escaped
from bsx.render.tables import Plain

_MARKS = {
    "ok": ("ok", "green"),
    "missing": ("-", "dim"),
    "doubtful": ("?", "yellow"),
    "broken": ("broken", "bold red"),
}


def print_checks(console: Console, checks: Sequence[Mapping[str, Any]], everything: bool) -> None:
    """Print the checks, libraries that are in order on one line unless ``everything`` is asked."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks if everything else _gathered(checks):
        mark, style = _MARKS[check["status"]]
        said = Text(phrases.clean(check["found"]))
        if check["remedy"]:
            said.append(f"\n→ {phrases.clean(check['remedy'])}", style="cyan")
        table.add_row(Text(mark, style=style), Text(phrases.clean(check["about"])), said)
    console.print(Plain(table), end="")
    console.print(Plain(Text(f"\n{verdict(checks)}", style="bold")), end="")


def verdict(checks: Sequence[Mapping[str, Any]]) -> str:
    """Say in a sentence whether bsx can do its work."""
    broken = [check["about"] for check in checks if check["status"] == "broken"]
    if broken:
        return f"bsx cannot do its work: {', '.join(broken)}."
    doubtful = [check["about"] for check in checks if check["status"] == "doubtful"]
    if doubtful:
        return f"bsx can do its work; look at {', '.join(doubtful)}."
    return "bsx can do its work."


def markdown(checks: Sequence[Mapping[str, Any]]) -> str:
    """Write the checks as a table of Markdown."""
    lines = ["| What | Status | Found | Remedy |", "| :-- | :-- | :-- | :-- |"]
    for check in checks:
        cells = (check["about"], check["status"], check["found"], check["remedy"] or "")
        lines.append(f"| {' | '.join(escaped(cell) for cell in cells)} |")
    return "\n".join([*lines, "", escaped(verdict(checks))]) + "\n"


def _gathered(checks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Put libraries that are in order on one line, and optional ones on another."""
    lines: list[Mapping[str, Any]] = []
    places: dict[str, int] = {}
    for check in checks:
        kind = check["kind"]
        if kind == "check" or check["status"] != "ok":
            lines.append(check)
            continue
        said = f"{check['about']} {check['found']}"
        if kind not in places:
            places[kind] = len(lines)
            about = "libraries" if kind == "library" else "optional"
            lines.append({"about": about, "status": "ok", "found": said, "remedy": None})
        else:
            line = lines[places[kind]]
            lines[places[kind]] = {**line, "found": f"{line['found']}, {said}"}
    return lines
