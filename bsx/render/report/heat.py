"""Draws a heat map as SVG."""

from __future__ import annotations

from bsx.render.report.markup import Markup, tag
from bsx.render.report.plots import Cell, HeatMap
from bsx.render.report.svg import LETTER, picture

WIDTH = 480
LEFT, TOP, ROW, BOTTOM = 78, 8, 25, 44
_STRONG = 70  # per cent of the colour from which on letters are light


def draw(figure: HeatMap) -> Markup:
    """Return the figure as an ``svg`` element."""
    height = TOP + ROW * len(figure.rows) + BOTTOM
    width = (WIDTH - LEFT - 4) / max(1, len(figure.columns))
    bottom = TOP + ROW * len(figure.rows)
    names = [
        tag("text", name, x=LEFT - 8, y=TOP + ROW * n + 17, class_="end")
        for n, name in enumerate(figure.rows)
    ]
    names += [
        tag("text", name, x=round(LEFT + width * (n + 0.5), 1), y=bottom + 16, class_="mid")
        for n, name in enumerate(figure.columns)
    ]
    at = max((TOP + bottom) / 2, LETTER * len(figure.y_label) / 2 + 2)  # of few rows it hangs over
    middle = f"translate(13 {at:.0f}) rotate(-90)"
    names += [
        tag("text", figure.x_label, x=(LEFT + WIDTH) / 2, y=height - 8, class_="mid name"),
        tag("text", figure.y_label, transform=middle, class_="mid name y"),
    ]
    return picture(
        figure.key,
        figure.title,
        figure.description,
        (WIDTH, height),
        tag("g", names, aria_hidden="true", class_="axes"),
        [
            _cell(cell, LEFT + width * across, TOP + ROW * down, width)
            for down, row in enumerate(figure.cells)
            for across, cell in enumerate(row)
            if cell is not None
        ],
        class_="heat",
    )


def _cell(cell: Cell, x: float, y: float, width: float) -> Markup:
    strength = 0 if cell.share is None else strength_of(cell.share)
    classes = ["p", "cell"]
    classes += ["strong"] if strength >= _STRONG else []
    classes += ["chosen"] if cell.chosen else []
    classes += ["none"] if cell.share is None else []
    return tag(
        "g",
        tag("title", cell.text),
        tag(
            "rect", x=round(x + 1, 1), y=y + 1, width=round(width - 2, 1), height=ROW - 2,
            rx=3, style=f"--p:{strength}%",
        ),
        tag("text", cell.word, x=round(x + width / 2, 1), y=y + 17, class_="mid"),
        role="img",
        class_=" ".join(classes),
        data_at=f"{x + width / 2:.1f} {y + ROW / 2:.1f}",
    )  # fmt: skip


def strength_of(share: float) -> int:
    """Return how much of the colour a field has, in per cent: 95 for the best, 5 for the worst.

    Letters could not be read on what lies between dark and light, so that it is left out.
    """
    share = min(1.0, max(0.0, share))
    return round(95 - 22 * share / 0.3) if share < 0.3 else round(56 - 51 * (share - 0.3) / 0.7)
