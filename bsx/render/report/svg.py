"""Draws a figure as SVG. Nothing here knows what it means.

Colours stand in the style sheet, under the names that a plot uses. Every mark carries its words,
for a pointer, a keyboard and a screen reader; scales are written on the picture, so that the script
can say values along a curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bsx.render.report.markup import Markup, join, tag
from bsx.render.report.plots import (
    Axis,
    Line,
    Missing,
    Plot,
    Point,
    Series,
    Trace,
    Zone,
)

WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 74, 14, 24, 46
_MOST_LETTERS = 42  # of the name of an axis
LETTER = 5.6  # about the width of one in a label, in units of the picture

# shape → path around (0, 0)
SHAPES = {
    "circle": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",
    "square": "M-4-4h8v8h-8z",
    "diamond": "M0-5.6L5.6 0L0 5.6L-5.6 0z",
    "triangle": "M0-5.4L5.2 4.2H-5.2z",
    "beyond": "M0-6.5L5.8 4H-5.8z",
}


@dataclass(frozen=True)
class Frame:
    """Where the axes lie in the picture."""

    x: Axis
    y: Axis

    def across(self, value: float) -> float:
        """Return the place of an x value, in units of the picture."""
        return LEFT + self.x.share(value) * (WIDTH - LEFT - RIGHT)

    def up(self, value: float) -> float:
        """Return the place of a y value, in units of the picture."""
        return HEIGHT - BOTTOM - self.y.share(value) * (HEIGHT - TOP - BOTTOM)

    def within(self, value: float) -> float:
        """Return the place of a y value, at the edge of the picture where it lies beyond."""
        low, high = self.y.low, self.y.high
        return self.up(min(high, max(low, value)))


def draw(plot: Plot) -> Markup:
    """Return the figure as an ``svg`` element."""
    frame = Frame(plot.x, plot.y)
    clip = f"{plot.key}-clip"
    inside = f"url(#{clip})"
    return picture(
        plot.key,
        plot.title,
        plot.description,
        (WIDTH, HEIGHT),
        tag(
            "defs",
            tag("clipPath", _box(LEFT, TOP - 2, WIDTH - RIGHT, HEIGHT - BOTTOM + 2), id=clip),
        ),
        tag("g", [_zone(zone, frame) for zone in plot.zones], clip_path=inside, class_="zones"),
        _axes(plot, frame),
        tag("g", [_line(line, frame) for line in plot.lines], clip_path=inside, class_="lines"),
        tag("g", [_trace(trace, frame) for trace in plot.traces], clip_path=inside),
        tag("g", _labels(plot.zones, plot.lines, frame), class_="labels", aria_hidden="true"),
        [_series(series, frame) for series in plot.series],
        [_missing(one, frame) for one in plot.missing],
        data_x=_written(plot.x, LEFT, WIDTH - RIGHT),
        data_y=_written(plot.y, HEIGHT - BOTTOM, TOP),
    )


def picture(
    key: str, title: str, description: str, size: tuple[int, int], *inside: object, **more: str
) -> Markup:
    """Return an ``svg`` element with its title and description."""
    return tag(
        "svg",
        tag("title", title, id=f"{key}-title"),
        tag("desc", description, id=f"{key}-desc"),
        *inside,  # type: ignore[arg-type]
        viewBox=f"0 0 {size[0]} {size[1]}",
        role="group",
        aria_labelledby=f"{key}-title",
        aria_describedby=f"{key}-desc",
        **more,
    )


def mark(shape: str, x: float, y: float, text: str, inside: object, *, classes: str) -> Markup:
    """Return one mark with its words."""
    return tag(
        "g",
        tag("title", text),
        inside,  # type: ignore[arg-type]
        tag("path", d=SHAPES[shape], transform=f"translate({x:.1f} {y:.1f})", class_="m"),
        role="img",
        class_=classes,
        data_at=f"{x:.1f} {y:.1f}",
    )


# --- axes ---------------------------------------------------------------------------------------


def _written(axis: Axis, start: float, end: float) -> str:
    return f"{axis.scale} {axis.low:.8g} {axis.high:.8g} {start} {end}"


def _axes(plot: Plot, frame: Frame) -> Markup:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    lines, texts = [], []
    for value, text in plot.x.ticks:
        x = frame.across(value)
        lines.append(f"M{x:.1f} {TOP}V{bottom + 4}")
        texts.append(tag("text", text, x=round(x, 1), y=bottom + 17, class_="mid"))
    for value, text in plot.y.ticks:
        y = frame.up(value)
        lines.append(f"M{LEFT - 4} {y:.1f}H{right}")
        texts.append(tag("text", text, x=LEFT - 8, y=round(y + 4, 1), class_="end"))
    middle = (TOP + bottom) / 2
    return tag(
        "g",
        tag("path", d="".join(lines), class_="grid"),
        tag("path", d=f"M{LEFT} {TOP}V{bottom}H{right}", class_="axis"),
        texts,
        tag("text", plot.x.label, x=(LEFT + right) / 2, y=HEIGHT - 8, class_="mid name"),
        tag(
            "text",
            shortened(plot.y.label),
            transform=f"translate(12 {middle:.0f}) rotate(-90)",
            class_="mid name y",
        ),
        aria_hidden="true",
        class_="axes",
    )


def shortened(label: str) -> str:
    """Return a label that has room along an axis."""
    return label if len(label) <= _MOST_LETTERS else f"{label[: _MOST_LETTERS - 1]}…"


def _box(left: float, top: float, right: float, bottom: float, **more: str) -> Markup:
    width, height = right - left, bottom - top
    return tag(
        "rect", x=round(left, 1), y=round(top, 1), width=round(width, 1), height=round(height, 1),
        **more,
    )  # fmt: skip


# --- what lies behind ---------------------------------------------------------------------------


def _zone(zone: Zone, frame: Frame) -> Markup:
    ends = frame.across(zone.low), frame.across(zone.high)
    return _box(ends[0], TOP, ends[1], HEIGHT - BOTTOM, class_=f"zone {zone.kind}")


def _line(line: Line, frame: Frame) -> Markup:
    if line.kind == "mark":
        x = frame.across(line.points[0][0])
        path = f"M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"
    else:
        path = _path([(frame.across(x), frame.up(y)) for x, y in line.points])
    return tag("path", tag("title", line.text) if line.text else None, d=path, class_=line.kind)


def _labels(zones: Sequence[Zone], lines: Sequence[Line], frame: Frame) -> list[Markup]:
    """Write the names of regions above them, where they fit, and of lines beside them."""
    found = []
    for zone in zones:
        low, high = frame.across(zone.low), frame.across(zone.high)
        if zone.label and high - low > LETTER * len(zone.label):
            found.append(tag("text", zone.label, x=round((low + high) / 2, 1), y=TOP - 8,
                             class_="mid"))  # fmt: skip
    for line in lines:
        if line.kind == "mark" and line.label:
            x = frame.across(line.points[0][0])
            left = x > (LEFT + WIDTH - RIGHT) / 2
            found.append(tag("text", line.label, x=round(x - 5 if left else x + 5, 1),
                             y=TOP + 14, class_="end mark" if left else "mark"))  # fmt: skip
        elif line.kind == "bound" and line.label:
            y = frame.within(line.points[-1][1])
            found.append(tag("text", line.label, x=LEFT + 5, y=round(max(TOP + 12, y - 5), 1)))
    return found


# --- what was measured --------------------------------------------------------------------------


def _series(series: Series, frame: Frame) -> Markup:
    color = f"--c:var(--{series.color})"
    places = [(frame.across(p.x), frame.within(p.y)) for p in series.points]
    line = tag("path", d=_path(places), class_="join") if series.joined else None
    marks = [
        _mark(series, point, x, y, frame)
        for point, (x, y) in zip(series.points, places, strict=True)
    ]
    return tag("g", line, marks, style=color, class_="series", data_name=series.name)


def _mark(series: Series, point: Point, x: float, y: float, frame: Frame) -> Markup:
    bar = None
    if point.low is not None or point.high is not None:
        ends = (point.low, point.high)
        low, high = (frame.within(point.y if end is None else end) for end in ends)
        caps = [  # an end beyond the picture has none
            f"M{x - 3:.1f} {frame.up(end):.1f}h6"
            for end in ends
            if end is not None and frame.y.low <= end <= frame.y.high
        ]
        bar = tag("path", d=f"M{x:.1f} {low:.1f}V{high:.1f}" + "".join(caps), class_="bar")
    ring = tag("circle", cx=round(x, 1), cy=round(y, 1), r=9, class_="ring")
    return mark(
        "beyond" if point.beyond else series.shape,
        x,
        y,
        point.text + (" (recommended)" if point.chosen else ""),
        join(bar, ring if point.chosen else None),
        classes="p beyond" if point.beyond else "p",
    )


def _missing(one: Missing, frame: Frame) -> Markup:
    x, y = frame.across(one.x), HEIGHT - BOTTOM - 9
    return tag(
        "g",
        tag("title", one.text),
        tag("path", d=f"M{x - 4:.1f} {y - 4}l8 8m0-8l-8 8", class_="m"),
        tag("text", one.word, transform=f"translate({x + 4:.1f} {y - 9}) rotate(-90)"),
        role="img",
        class_="p missing",
        data_at=f"{x:.1f} {y}",
    )


def _trace(trace: Trace, frame: Frame) -> Markup:
    places = [(frame.across(x), frame.up(y)) for x, y in zip(trace.xs, trace.ys, strict=True)]
    band = None
    if trace.low:
        back = [(x, frame.up(v)) for (x, _), v in zip(places, trace.low, strict=True)][::-1]
        forth = [(x, frame.up(v)) for (x, _), v in zip(places, trace.high, strict=True)]
        band = tag("path", d=_path([*forth, *back]) + "z", class_="band")
    line = tag("path", d=_path(places), class_="trace")
    x, y = places[-1]
    end = tag("path", d=SHAPES[trace.shape], transform=f"translate({x:.1f} {y:.1f})", class_="m")
    return tag(
        "g",
        tag("title", trace.text),
        band,
        line,
        end,
        style=f"--c:var(--{trace.color})",
        role="img",
        class_="p t",
        data_name=trace.name,
    )


def _path(places: Sequence[tuple[float, float]]) -> str:
    """Return a path through places, without those that are no number."""
    known = [(x, y) for x, y in places if math.isfinite(x) and math.isfinite(y)]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in known) if known else "M0 0"
