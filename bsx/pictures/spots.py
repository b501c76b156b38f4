"""Estimates → spots."""

from __future__ import annotations

from bsx.pictures.shapes import Axis, Spot
from bsx.schema import Estimate

BATCH_SIZE = Axis("batch size", log=True)


def spot(x: float, found: Estimate | None, factor: float = 1.0) -> Spot | None:
    """Return where an estimate stands; None where nothing is known."""
    if found is None:
        return None
    if found.value is None:
        least = found.low if found.censored_at is None else found.censored_at
        if least is None or (found.censored_at is None and found.high is not None):
            return None
        return Spot(x, least * factor, censored=True)
    low, high = (None if b is None else b * factor for b in (found.low, found.high))
    return Spot(x, found.value * factor, low, high)


def known(spots: list[Spot | None]) -> tuple[Spot, ...]:
    """Leave out what is not known."""
    return tuple(s for s in spots if s is not None)


def ranks(count: int) -> list[float]:
    """Return the places of so many ordered series, from 0 to 1."""
    return [n / max(1, count - 1) for n in range(count)]
