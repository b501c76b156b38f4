"""What a picture is made of, before anybody draws it: plain numbers, in the units of its axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """What is counted along one side."""

    label: str
    log: bool = False
    from_zero: bool = False  # of one that is not logarithmic: it begins there


@dataclass(frozen=True)
class Spot:
    """One measured value; a bound is None where that side is not known.

    ``censored``: the true value lies above ``y``, up to which was looked. ``chosen``: the one that
    was taken among those of its series.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    censored: bool = False
    chosen: bool = False


@dataclass(frozen=True)
class Series:
    """Measured values that belong together; ``rank``: its place, 0 to 1, among ordered series."""

    label: str
    spots: tuple[Spot, ...]
    joined: bool = False  # by a line
    dense: bool = False  # a curve: its spots are not marked one by one
    rank: float | None = None


@dataclass(frozen=True)
class Fit:
    """A curve that was computed, with its band; ``good``: it describes what was measured."""

    label: str
    spots: tuple[Spot, ...]
    good: bool = True


@dataclass(frozen=True)
class Mark:
    """A place on the horizontal axis, with its interval."""

    label: str
    x: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Panel:
    """One pair of axes and what stands in them."""

    x: Axis
    y: Axis
    series: tuple[Series, ...]
    fits: tuple[Fit, ...] = ()
    marks: tuple[Mark, ...] = ()

    def spots(self) -> Iterator[Spot]:
        """Yield every value, fits included."""
        for series in self.series:
            yield from series.spots
        for fit in self.fits:
            yield from fit.spots


@dataclass(frozen=True)
class Picture:
    """Panels one below another; ``name`` is that of its file."""

    name: str
    title: str
    panels: tuple[Panel, ...]
