"""A figure as HTML: its picture, its caption, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.render.report import heat, svg, tables
from bsx.render.report.markup import Markup, tag
from bsx.render.report.plots import Cell, Figure, HeatMap, Plot, Table


def figure(found: Figure) -> Markup:
    """Return a ``figure`` element."""
    legend: Markup | None
    if isinstance(found, HeatMap):
        picture, table, legend = heat.draw(found), _table_of(found), _scale(found)
    else:
        picture, table, legend = svg.draw(found), found.table, _legend(found)
    return tag(
        "figure",
        tag("figcaption", tag("span", found.title, class_="title"), id=f"{found.key}-caption"),
        picture,
        legend,
        tag("p", found.note, class_="note") if found.note else None,
        tables.of_figure(table, found.title),
    )


def _legend(plot: Plot) -> Markup | None:
    """Name the series where there are several; traces have one legend for all their figures."""
    if len(plot.series) < 2:
        return None
    return tag(
        "ul",
        [
            tag("li", swatch(series.shape), series.name, style=f"--c:var(--{series.color})")
            for series in plot.series
        ],
        class_="legend",
    )


def swatch(shape: str) -> Markup:
    """Return a mark as it stands in a picture, for a legend."""
    path = svg.SHAPES[shape]
    return tag("svg", tag("path", d=path), viewBox="-7 -7 14 14", class_="swatch",
               aria_hidden="true")  # fmt: skip


def names(traces: Sequence[tuple[str, str, str]]) -> Markup:
    """Return a legend of lines: their names, colours and shapes."""
    return tag(
        "ul",
        [
            tag("li", swatch(shape), name, style=f"--c:var(--{color})", data_name=name)
            for name, color, shape in traces
        ],
        class_="legend lines",
    )  # fmt: skip


def _scale(found: HeatMap) -> Markup:
    best, worst = found.legend
    return tag(
        "p",
        best,
        tag("span", class_="scale", aria_hidden="true"),
        worst,
        class_="legend",
    )


def _table_of(found: HeatMap) -> Table:
    rows = [
        (name, *(_word(cell) for cell in cells))
        for name, cells in zip(found.rows, found.cells, strict=True)
    ]
    return Table((f"{found.y_label} / {found.x_label}", *found.columns), tuple(rows))


def _word(cell: Cell | None) -> str:
    return "" if cell is None else cell.word
