"""Pictures on a terminal: dots of braille, or plain characters where it knows no others.

Of a panel the first series, its fits and its marks are drawn; ordered series would be a tangle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rich.console import Console
from rich.text import Text

from bsx.pictures import BATCH_SIZE, Axis, Panel, Picture, Spot
from bsx.render import numbers, phrases
from bsx.render.ascii_only import as_ascii

_HEIGHT = 14  # rows of the field
_MOST_WIDTH = 100
_MARGIN = 2
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille cell, by row
_BRAILLE = 0x2800


@dataclass(frozen=True)
class Signs:
    """The characters that a terminal knows."""

    measured: str
    missed: str
    mark: str
    up: str
    corner: str
    along: str
    tick: str
    dots: bool  # of braille; otherwise a character a point


UNICODE = Signs("●", "△", "┊", "│", "└", "─", "┴", True)
ASCII = Signs("o", "^", ":", "|", "+", "-", "+", False)
_STYLES = {"fit": "dim", "interval": "cyan", "measured": "bold cyan", "missed": "yellow",
           "mark": "magenta", "axis": "dim"}  # fmt: skip


@dataclass
class Field:
    """The field between the axes: dots, and characters above them; row 0 is the top one."""

    width: int
    height: int
    signs: Signs
    _dots: dict[tuple[int, int], int] = field(default_factory=dict)
    _signs: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)
    _styles: dict[tuple[int, int], str] = field(default_factory=dict)

    def dot(self, across: float, up: float, style: str, sign: str = ".") -> None:
        """Set a dot; ``across`` and ``up`` are shares of the field, and beyond it nothing is set.

        ``sign`` stands for it where there are no dots.
        """
        if not (0 <= across <= 1 and 0 <= up <= 1):
            return
        x = round(across * (2 * self.width - 1))
        y = round((1 - up) * (4 * self.height - 1))
        place = (x // 2, y // 4)
        if self.signs.dots:
            self._dots[place] = self._dots.get(place, 0) | _DOTS[y % 4][x % 2]
        else:
            self._signs.setdefault(place, (sign, style))
        if self._styles.get(place) != "interval":
            self._styles[place] = style

    def sign(self, across: float, up: float, sign: str, style: str) -> None:
        """Set a character over whatever is there."""
        if 0 <= across <= 1 and 0 <= up <= 1:
            x = round(across * (2 * self.width - 1)) // 2
            y = round((1 - up) * (4 * self.height - 1)) // 4
            self._signs[x, y] = (sign, style)

    def row(self, y: int) -> Text:
        """Return a row as it is drawn."""
        line = Text()
        for x in range(self.width):
            if (x, y) in self._signs:
                sign, style = self._signs[x, y]
                line.append(sign, _STYLES[style])
            elif (x, y) in self._dots:
                line.append(chr(_BRAILLE | self._dots[x, y]), _STYLES[self._styles[x, y]])
            else:
                line.append(" ")
        return line


@dataclass(frozen=True)
class Scale:
    """From values to shares of an axis."""

    low: float
    high: float
    log: bool

    def share(self, value: float) -> float:
        """Return how far along a value lies: 0 at the low end, 1 at the high one."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return -1.0
        return math.log(value / self.low) / math.log(self.high / self.low)


def print_pictures(console: Console, pictures: Iterable[Picture]) -> None:
    """Draw the first panel of each, as wide as the terminal, up to a width that reads well."""
    plain = console.options.ascii_only or console.is_dumb_terminal
    signs = ASCII if plain else UNICODE
    for picture in pictures:
        console.print()
        *lines, legend = drawn(picture, min(console.width, _MOST_WIDTH), signs)
        for line in lines:
            line.rstrip()
            console.print(line, no_wrap=True, overflow="ellipsis" if line is lines[0] else "crop")
        console.print(legend)


def drawn(picture: Picture, width: int, signs: Signs = UNICODE) -> list[Text]:
    """Return the lines of a picture's first panel, at most ``width`` wide."""
    panel = picture.panels[0]
    margin = _MARGIN if width >= 60 else 0
    x, y = _scale(panel, panel.x, "x"), _scale(panel, panel.y, "y")
    labels = _labels(y, panel.y, _HEIGHT)
    left = max(len(text) for _, text in labels)
    area = Field(max(10, width - margin - left - 3), _HEIGHT, signs)
    _draw(area, panel, x, y)
    by_row = {_row_of(y.share(value)): text for value, text in reversed(labels)}
    title = picture.title if len(picture.panels) == 1 else panel.y.label
    lines = [Text(_plain(title[:1].upper() + title[1:], signs), style="bold")]
    for row in range(_HEIGHT):
        label = by_row.get(row, "").rjust(left)
        lines.append(Text(" " * margin + label + " ") + Text(signs.up, _STYLES["axis"]))
        lines[-1].append_text(area.row(row))
    lines += _below(panel, x, area, margin + left + 1)
    lines.append(Text(" " * margin) + _legend(panel, signs))
    return lines


def _draw(area: Field, panel: Panel, x: Scale, y: Scale) -> None:
    signs = area.signs
    for mark in panel.marks:
        for row in range(area.height):
            area.sign(x.share(mark.x), 1 - (row + 0.5) / area.height, signs.mark, "mark")
    for fit in panel.fits:
        step = 1 if fit.good else 3  # a guide is dotted
        for place in range(0, 2 * area.width, step):
            value = _at(fit.spots, x, place / (2 * area.width - 1))
            if value is not None:
                area.dot(place / (2 * area.width - 1), y.share(value), "fit")
    spots = panel.series[0].spots
    for place in range(2 * area.width if panel.series[0].joined else 0):
        value = _at(spots, x, place / (2 * area.width - 1))
        if value is not None:
            area.dot(place / (2 * area.width - 1), y.share(value), "fit")
    for spot in spots:
        if spot.low is not None and spot.high is not None:
            most = 4 * area.height - 1
            ends = (max(0.0, min(1.0, y.share(bound))) for bound in (spot.low, spot.high))
            low, high = (round(end * most) for end in ends)
            for place in range(low, high + 1):
                area.dot(x.share(spot.x), place / most, "interval", signs.up)
    for spot in spots:
        sign, style = (signs.missed, "missed") if spot.censored else (signs.measured, "measured")
        area.sign(x.share(spot.x), y.share(spot.y), sign, style)


def _at(spots: Sequence[Spot], x: Scale, share: float) -> float | None:
    """Return a curve's value at a share of the axis, along straight lines of the logarithms."""
    placed = [(x.share(spot.x), spot.y) for spot in spots]
    for (x0, y0), (x1, y1) in pairwise(placed):
        if x0 - 1e-9 <= share <= x1 + 1e-9 and y0 > 0 and y1 > 0:
            part = 0.0 if x1 == x0 else (share - x0) / (x1 - x0)
            return math.exp((1 - part) * math.log(y0) + part * math.log(y1))
    return None


def _scale(panel: Panel, axis: Axis, which: str) -> Scale:
    spots = panel.series[0].spots
    values = [spot.x if which == "x" else spot.y for spot in spots]
    low, high = min(values), max(values)
    if which == "y":  # an interval may lead out of the field, if it is a wide one
        told = [b for s in spots for b in (s.low, s.high) if b is not None]
        bounds = [b for b in told if b > 0 or not axis.log]
        low, high = max(min([low, *bounds]), low / 3), min(max([high, *bounds]), high * 3)
    if axis.log:
        room = 1.15 if which == "y" else 1.02
        return Scale(low / room, high * room, True)
    low = 0.0 if axis.from_zero else low
    room = 0.05 * (high - low) or abs(high) or 1.0
    return Scale(low - (0.0 if axis.from_zero else room), high + room, False)


def _row_of(share: float) -> int:
    return min(_HEIGHT - 1, max(0, round((1 - share) * (4 * _HEIGHT - 1)) // 4))


def _labels(scale: Scale, axis: Axis, rows: int) -> list[tuple[float, str]]:
    """Return the ticks of the vertical axis, far enough apart."""
    found: list[tuple[float, str]] = []
    for value in _ticks(scale):
        row = _row_of(scale.share(value))
        if all(abs(row - _row_of(scale.share(other))) > 1 for other, _ in found):
            found.append((value, _short(value)))
    return found or [(scale.high, _short(scale.high))]


def _ticks(scale: Scale) -> list[float]:
    """Return round values within a scale: powers of ten first, then their double and half."""
    if not scale.log:
        step = 10.0 ** math.floor(math.log10(scale.high - scale.low))
        step = step / 2 if (scale.high - scale.low) / step < 3 else step
        first = math.ceil(scale.low / step)
        return [n * step for n in range(first, math.floor(scale.high / step) + 1)]
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    values = [lead * 10.0**p for lead in (1, 5, 2) for p in powers]
    return [v for v in values if scale.low <= v <= scale.high]


def _short(value: float) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):g}{unit}"
    return f"{value:g}"


def _below(panel: Panel, x: Scale, area: Field, left: int) -> list[Text]:
    """Return the horizontal axis with its ticks and its name."""
    signs = area.signs
    marks = [signs.along] * area.width
    texts = [" "] * (area.width + 8)
    after = -1
    for value in sorted({spot.x for spot in panel.series[0].spots}):
        column = round(x.share(value) * (2 * area.width - 1)) // 2
        text = f"{value:,.0f}" if panel.x.label == BATCH_SIZE.label else _short(value)
        start = max(0, min(column - len(text) // 2, area.width - len(text)))
        marks[column] = signs.tick
        if start > after:
            texts[start : start + len(text)] = list(text)
            after = start + len(text)
    name = phrases.clean(panel.x.label)
    return [
        Text(" " * left) + Text(signs.corner + "".join(marks), _STYLES["axis"]),
        Text(" " * (left + 1) + "".join(texts).rstrip()),
        Text(" " * (left + 1) + name.center(area.width).rstrip()),
    ]


def _legend(panel: Panel, signs: Signs) -> Text:
    """Say what is what, in a line."""
    parts = [(signs.measured, "measured", phrases.clean(panel.y.label))]
    if any(spot.censored for spot in panel.series[0].spots):
        to_target = panel.y.label.endswith("to the target")
        said = "not reached (at least)" if to_target else "at least"
        parts.append((signs.missed, "missed", said))
    if panel.fits:
        sign = "⠤" if signs.dots else "."
        parts.append((sign, "fit", "fit" if panel.fits[0].good else "fit (poor)"))
    for mark in panel.marks:
        name = f"{phrases.clean(mark.label)} {numbers.whole(mark.x)}"
        parts.append((signs.mark, "mark", name))
    line = Text()
    for sign, style, name in parts:
        line.append(f"{'   ' if line else ''}")
        line.append(sign, _STYLES[style])
        line.append(f" {name}")
    return line


def _plain(text: str, signs: Signs) -> str:
    clean = phrases.clean(text)
    if signs.dots:
        return clean
    return as_ascii(clean)
