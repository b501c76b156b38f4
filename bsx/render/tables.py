"""Draw a sweep for people: what was trained, four tables, the trade-off, the recommendation.

Names given by a user go through ``Text``, never through markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from bsx.render import advice, branched, compared, phrases, targets, trained, wording
from bsx.render.ascii_only import as_ascii, line_in_ascii
from bsx.render.grid import Column, Grid
from bsx.render.grids import grids
from bsx.schema import Analysis, Branched, Caution, Metric, Sweep, TargetSummary

MARGIN = 2
_GLUE = "\ue000"  # stands for a space that no line breaks at
_TOGETHER = re.compile(r"(?<=[≥≤×±<>]) (?=\d)|(?<=\d) (?=(?:%|h|min|s|ms|µs|[KMGT]iB)(?!\w))")
MAX_PROSE = 96  # longer lines are hard to read


class Plain:
    """Draw what it holds in ASCII where the terminal knows no more; widths stay as they are."""

    def __init__(self, renderable: RenderableType) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the segments of what it holds."""
        for line in console.render_lines(self.renderable, options, pad=False):
            shown = line_in_ascii(line, options.max_width) if options.ascii_only else line
            yield from _without_trailing_space(shown)
            yield Segment.line()


def _without_trailing_space(line: list[Segment]) -> list[Segment]:
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style, kept[-1].control)
    return kept


def print_sweep(console: Console, sweep: Sweep, analysis: Analysis) -> None:
    """Print everything that a sweep says, as wide as ``console``, on which cautions do not go."""
    console.print(Plain(Group(*_parts(sweep, analysis, console.width))), end="")


def print_header(console: Console, sweep: Sweep) -> None:
    """Print what is to be trained, as it stands above the tables afterwards."""
    console.print(Plain(_header(sweep, None)), end="")


def print_grid(console: Console, grid: Grid) -> None:
    """Print one table, as wide as ``console``."""
    console.print(Plain(Group(*draw(grid, console.width))), end="")


def print_cautions(
    console: Console,
    cautions: Iterable[Caution],
    metric: Metric | None = None,
    *,
    of: str = "",
    as_items: bool = False,
) -> None:
    """Print cautions, one an item; without a terminal, one a line that never wraps.

    ``metric`` is the one that quality is judged by, ``of`` the arm that they are of, if there are
    several. ``as_items``: without a terminal too.
    """
    which = f"{phrases.clean(of)}: " if of else ""
    for said in wording.grouped(cautions, metric):
        line = which + said
        if console.is_terminal or as_items:
            item = Table.grid(padding=(0, 2))
            item.add_row(Text("caution", style="yellow"), Text(line))
            console.print(Plain(item), end="")
        else:
            text = as_ascii(line) if console.options.ascii_only else line
            console.print(Text(f"caution: {text}"), soft_wrap=True)


def _parts(sweep: Sweep, analysis: Analysis, width: int) -> list[RenderableType]:
    parts: list[RenderableType] = [_header(sweep, analysis.branched), ""]
    found = analysis.branched
    for grid in grids(sweep, analysis) if found is None else branched.grids(found):
        parts += [*draw(grid, width), ""]
    if found is not None:
        margin = MARGIN if width >= 60 else 0
        return [*parts, prose(branched.warmup_sentence(found), margin, width)]
    for target in analysis.targets[: targets.in_full(analysis)]:
        parts += [*trade_off(target, width), ""]
    parts.append(_recommendation(sweep, analysis, width))
    return parts


def _header(sweep: Sweep, found: Branched | None) -> RenderableType:
    title = trained.title(sweep)
    if sweep.config.name and not trained.says_name(sweep):
        title += f", {phrases.clean(sweep.config.name)}"
    lines = Table.grid(padding=(0, 2))
    lines.add_column(no_wrap=True, style="dim")
    lines.add_column()
    for name, text in trained.described(sweep, found):
        lines.add_row(Text(" " * MARGIN + name), Text(text))
    return Group(Text(title, style="bold"), lines)


# --- tables -----------------------------------------------------------------------------------


def draw(grid: Grid, width: int) -> list[RenderableType]:
    """Draw a grid at most ``width`` wide: its title, its table and its notes."""
    margin = MARGIN if width >= 60 else 0
    parts: list[RenderableType] = []
    for fitted in grid.shown(width - margin):
        parts += [""] if parts else []
        parts += [Text(fitted.title, style="bold"), _table(fitted, margin)]
        if fitted.notes_and_hints:
            parts.append(prose("; ".join(fitted.notes_and_hints), margin, width, style="dim"))
    return parts


def _table(grid: Grid, margin: int) -> RenderableType:
    # one space of padding and one of the box stand between columns
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="",
        border_style="dim",
    )
    for column in grid.columns:
        table.add_column(_header_cell(column), vertical="bottom", no_wrap=True)
    for number, cells in enumerate(zip(*(_padded(c) for c in grid.columns), strict=True)):
        table.add_row(*map(_cell, cells), style="bold" if number == grid.marked else "")
    return _indented(table, margin)


def _beside(column: Column) -> bool:
    """Say whether values with intervals stand here: then all begins at the left."""
    return any(opening in cell for cell in column.cells for opening in ("(", "±"))


def _padded(column: Column) -> list[str]:
    # padded here: rich would strip the spaces that keep values under one another
    if not column.right or _beside(column):
        return list(column.cells)
    return [cell.rjust(column.width) for cell in column.cells]


def _header_cell(column: Column) -> Text:
    if not column.right or _beside(column):
        return Text(column.header)
    return Text("\n".join(line.rjust(column.width) for line in column.header.split("\n")))


def _cell(text: str) -> Text:
    cell = Text(text)
    for opening in ("(", "±"):
        start = text.find(opening)
        if start >= 0:
            cell.stylize("dim", start)
    return cell


def _indented(renderable: RenderableType, margin: int) -> RenderableType:
    return Padding(renderable, (0, 0, 0, margin), expand=False)


def prose(text: str, margin: int, width: int, style: str = "") -> RenderableType:
    """Return text that breaks before lines are too long to read."""
    return Padding(_Prose(text, style), (0, max(0, width - MAX_PROSE), 0, margin))


class _Prose:
    """Text whose lines do not break between a number and its unit or sign."""

    def __init__(self, text: str, style: str) -> None:
        self.text = Text(_TOGETHER.sub(_GLUE, text), style=style)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, the spaces as they were."""
        for line in console.render_lines(self.text, options, pad=False):
            yield from (Segment(s.text.replace(_GLUE, " "), s.style, s.control) for s in line)
            yield Segment.line()


# --- advice -----------------------------------------------------------------------------------


def trade_off(target: TargetSummary, width: int) -> list[RenderableType]:
    """Draw the trade-off that was fitted to a target, at most ``width`` wide."""
    margin = MARGIN if width >= 60 else 0
    goal = phrases.goal(vars(target))
    named = goal if target.threshold is None else f"{target.split} {goal}"
    parts: list[RenderableType] = [
        Text(f"Trade-off: iterations against samples, to {named}", style="bold")
    ]
    known = targets.trade_off(target)
    if known:
        pairs = Table.grid(padding=(0, 2))
        for name, value in known:
            pairs.add_row(Text(name), _cell(value))
        parts.append(_indented(pairs, margin))
    said = (targets.trade_off_sentence(target), targets.regimes_sentence(target))
    parts += [prose(text, margin, width) for text in said if text]
    return parts


def _recommendation(sweep: Sweep, analysis: Analysis, width: int) -> RenderableType:
    recommendation = analysis.recommendation
    frame = min(width, MAX_PROSE + 4)
    if recommendation is None:
        content: RenderableType = Text(advice.no_recommendation(sweep, analysis))
        return Panel(content, title="No recommendation", title_align="left", width=frame)
    headline = advice.headline(analysis, recommendation)
    lines: list[RenderableType] = [Text(headline, style="bold"), ""]
    lines += [Text(line) for line in advice.explanation(sweep, analysis, recommendation)]
    costs = compared.costs(sweep, analysis)
    if costs is not None:
        fitted = costs.fitted(frame - 4)
        lines += ["", Text(fitted.title), _table(fitted, 0)]
        lines += [Text(note) for note in fitted.notes]
    return Panel(
        Group(*lines),
        title="Recommendation",
        title_align="left",
        border_style="green",
        width=frame,
    )
