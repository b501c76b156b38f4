"""What a figure shows, before it is drawn: axes, points, lines and regions, and its table.

Plain values. Colours and shapes are names here, which the style sheet and :mod:`svg` know. They are
no pictures of :mod:`bsx.pictures`, which leave limits, ticks and colours to who draws: a page is
drawn without a library of drawing, so these stand here, and each point, line and gap comes with the
sentence, and each figure with the table, by which it is read without being seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bsx.render import numbers

LOG, LINEAR = "log", "linear"
_WIDER = 6  # steps between ticks that are tried, where closer ones cannot be written
SHAPES = ("circle", "square", "diamond", "triangle")  # in turn, for those who see few colours


@dataclass(frozen=True)
class Axis:
    """One axis, from ``low`` to ``high``; ``ticks`` are places with what stands there."""

    label: str
    scale: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies: 0 at ``low``, 1 at ``high``.

        Of powers, 0 lies infinitely far below: as far as an axis is long is out of the picture.
        """
        if self.scale == LOG and value <= 0:
            return -1.0
        if self.scale == LOG:
            ends = math.log(self.low), math.log(self.high)
            return (math.log(value) - ends[0]) / (ends[1] - ends[0])
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Point:
    """A measured value with its interval; ``text`` says it, ``beyond`` that it is only a bound."""

    x: float
    y: float
    text: str
    low: float | None = None
    high: float | None = None
    beyond: bool = False
    chosen: bool = False


@dataclass(frozen=True)
class Series:
    """Points of one kind: ``color`` and ``shape`` by name, joined by a line or not."""

    name: str
    color: str
    shape: str
    points: tuple[Point, ...]
    joined: bool = True


@dataclass(frozen=True)
class Trace:
    """A curve with a mark at its end, and a band around it where ``low`` and ``high`` are given."""

    name: str
    color: str
    shape: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    text: str
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True)
class Line:
    """A line that guides the eye: a fit, a bound; ``label`` stands at its end."""

    points: tuple[tuple[float, float], ...]
    kind: str  # fit | guide | bound | mark
    label: str = ""
    text: str = ""


@dataclass(frozen=True)
class Zone:
    """A region between two places of the x axis."""

    low: float
    high: float
    kind: str  # perfect | middle | maximal | interval
    label: str = ""


@dataclass(frozen=True)
class Missing:
    """A place of the x axis where there is no value, and why."""

    x: float
    word: str
    text: str


@dataclass(frozen=True)
class Table:
    """The same as numbers, for who does not see the figure; the first column heads the rows."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Plot:
    """One figure."""

    key: str
    title: str
    description: str
    x: Axis
    y: Axis
    table: Table
    series: tuple[Series, ...] = ()
    traces: tuple[Trace, ...] = ()
    lines: tuple[Line, ...] = ()
    zones: tuple[Zone, ...] = ()
    missing: tuple[Missing, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Cell:
    """One field of a heat map; ``share``: 0 is best, 1 worst, None no number."""

    word: str
    text: str
    share: float | None
    chosen: bool = False


@dataclass(frozen=True)
class HeatMap:
    """Rows and columns with names; a field that was not tried is None."""

    key: str
    title: str
    description: str
    x_label: str
    y_label: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[Cell | None, ...], ...]
    legend: tuple[str, str]  # what the best and the worst colour mean
    note: str = ""


Figure = Plot | HeatMap


# --- axes ---------------------------------------------------------------------------------------


def log_axis(label: str, values: Sequence[float], form: numbers.Form = numbers.significant) -> Axis:
    """Return an axis of powers around ``values``, which are positive."""
    low, high = min(values), max(values)
    room = max(1.15, (high / low) ** 0.06)
    low, high = low / room, high * room
    decades = math.log10(high / low)
    factors: tuple[int, ...] = (1,) if decades > 2.6 else (1, 3) if decades > 1.6 else (1, 2, 5)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    places = [f * 10.0**power for power in range(first, last + 1) for f in factors]
    inside = [p for p in places if low <= p <= high and _says(form(p), p, p)]
    if len(inside) < 2:
        return _even(label, LOG, low, high, form)
    every = math.ceil(len(inside) / 8)
    return Axis(label, LOG, low, high, _ticks(inside[::every], form))


def size_axis(sizes: Sequence[int], label: str = "batch size", most: int = 9) -> Axis:
    """Return an axis of batch sizes, with the sizes themselves as ticks as far as there is room."""
    low, high = min(sizes), max(sizes)
    room = 1.5 if low == high else (high / low) ** 0.05
    low_end, high_end = low / room, high * room
    width = math.log(high_end / low_end) / most
    ticks: list[tuple[float, str]] = []
    for size in sorted(set(sizes)):
        if not ticks or math.log(size / ticks[-1][0]) >= width:
            ticks.append((float(size), numbers.count(size)))
    return Axis(label, LOG, low_end, high_end, tuple(ticks))


def linear_axis(
    label: str, values: Sequence[float], form: numbers.Form = numbers.significant
) -> Axis:
    """Return an even axis around ``values``."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return _even(label, LINEAR, low - room, high + room, form)


def _even(label: str, scale: str, low: float, high: float, form: numbers.Form) -> Axis:
    """Return an axis with even ticks, so far apart that each is written as it is."""
    form = _exact if form is numbers.significant else form
    step = _round_step((high - low) / 5)
    found: list[float] = []
    for _ in range(_WIDER):  # half a count is none
        places = _multiples(step, low, high)
        true = [place for place in places if _says(form(place), place, step)]
        if true == places:
            found = places if len(places) > 1 else found
            break
        found = max(found, true, key=len)
        step = _round_step(1.01 * step)
    return Axis(label, scale, low, high, _ticks(found or places, form))


def _exact(value: float | None) -> str:
    """Write a tick with all its digits: ``17.25``."""
    return numbers.significant(value, 6)


def _multiples(step: float, low: float, high: float) -> list[float]:
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _says(text: str, place: float, step: float) -> bool:
    """Whether a tick reads as the place at which it stands."""
    found = numbers.read(text)
    return found is None or abs(found - place) < 0.01 * step


def _ticks(places: Sequence[float], form: numbers.Form) -> tuple[tuple[float, str], ...]:
    """Return ticks, without those that would say the same as the one before."""
    texts = [form(place) for place in places]
    kept = [n for n, text in enumerate(texts) if n == 0 or text != texts[n - 1]]
    return tuple((places[n], texts[n]) for n in kept)


def _round_step(about: float) -> float:
    power = 10.0 ** math.floor(math.log10(about))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= about * 0.999)
