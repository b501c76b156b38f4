"""Tables as HTML: those of a sweep, which can be sorted, and those beside a figure."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.render import numbers
from bsx.render.grid import Column, Grid
from bsx.render.report.markup import Markup, prose, tag
from bsx.render.report.plots import Table


def of_grid(grid: Grid, key: str) -> Markup:
    """Return a table of a sweep, with its title as caption and its notes below."""
    headers = [column.heading for column in grid.columns]
    rows = list(zip(*(column.cells for column in grid.columns), strict=True))
    notes = grid.notes_and_hints
    return tag(
        "div",
        tag("p", grid.title, class_="title", aria_hidden="true"),
        tag(
            "div",
            tag(
                "table",
                tag("caption", grid.title, id=f"{key}-caption", class_="hidden"),
                tag("thead", tag("tr", [_head(h, c) for h, c in zip(headers, grid.columns,
                                                                    strict=True)])),
                tag("tbody", [_row(cells, grid.columns, n == grid.marked)
                              for n, cells in enumerate(rows)]),
                class_="sortable",
            ),
            class_="scroll",
            role="group",
            tabindex=0,
            aria_labelledby=f"{key}-caption",
        ),
        tag("p", prose("; ".join(notes)), class_="note") if notes else None,
        class_="table",
    )  # fmt: skip


def _head(header: str, column: Column) -> Markup:
    return tag("th", header, scope="col", class_="num" if column.right else None)


def _row(cells: Sequence[str], columns: Sequence[Column], marked: bool) -> Markup:
    found = []
    for number, (text, column) in enumerate(zip(cells, columns, strict=True)):
        value = numbers.read(text)
        more = {} if value is None else {"data_v": f"{value:.8g}"}
        found.append(
            tag("td", _parts(" ".join(text.split())), class_="num" if column.right else None,
                **more)
            if number
            else tag("th", " ".join(text.split()), scope="row",
                     class_="num" if column.right else None, **more)
        )  # fmt: skip
    return tag("tr", found, class_="marked" if marked else None)


def _parts(text: str) -> Markup:
    """Let an interval stand back behind its value."""
    for opening in (" (", " ±"):
        value, found, rest = text.partition(opening)
        if found:
            return tag("span", value, " ", tag("span", found.strip() + rest, class_="interval"))
    return tag("span", text)


def of_figure(table: Table, title: str) -> Markup:
    """Return the numbers of a figure, folded away."""
    return tag(
        "details",
        tag("summary", "Numbers of this figure"),
        tag(
            "div",
            tag(
                "table",
                tag("caption", title, class_="hidden"),
                tag("thead", tag("tr", [tag("th", h, scope="col") for h in table.headers])),
                tag("tbody", [_plain_row(cells) for cells in table.rows]),
            ),
            class_="scroll",
            role="group",
            tabindex=0,
            aria_label=f"Numbers: {title}",
        ),
        class_="data",
    )


def _plain_row(cells: Sequence[str]) -> Markup:
    first, *others = cells
    return tag("tr", tag("th", first, scope="row"), [tag("td", cell) for cell in others])
