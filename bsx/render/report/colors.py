"""Colours of the batch sizes: an even walk from dark to light, told apart by who sees few colours.

Batch sizes have an order, and so have their colours: lightness rises all along, so that the order
remains in print and for every kind of colour vision. Anchors are those of plasma (matplotlib), cut
where they would be too faint: on white above 3 : 1, on the dark ground likewise.
"""

from __future__ import annotations

from collections.abc import Sequence

_ON_LIGHT = ("#0d0887", "#5b02a3", "#9a179b", "#c73e74", "#d8582e", "#b9770a")
_STEPS = 24
_ON_DARK = ("#7b8cff", "#a97bff", "#e070d8", "#ff7f8f", "#ffab5c", "#f5e663")


def ramp() -> str:
    """Return style rules that define the colours for both grounds."""
    light, dark = _walk(_ON_LIGHT, _STEPS), _walk(_ON_DARK, _STEPS)
    rules = [
        f"--r{n}:light-dark({a},{b})" for n, (a, b) in enumerate(zip(light, dark, strict=True))
    ]
    return f":root{{{';'.join(rules)}}}\n"


def of(number: int, count: int) -> str:
    """Return the name of the colour of one of ``count``, which are spread over the whole walk."""
    return f"r{round((_STEPS - 1) * number / max(1, count - 1))}"


def _walk(anchors: Sequence[str], count: int) -> list[str]:
    last = len(anchors) - 1
    places = [last * n / max(1, count - 1) for n in range(count)]
    return [_between(anchors, place) for place in places]


def _between(anchors: Sequence[str], place: float) -> str:
    low = min(int(place), len(anchors) - 2)
    share = place - low
    ends = [_channels(anchors[low]), _channels(anchors[low + 1])]
    mixed = [round(a + (b - a) * share) for a, b in zip(*ends, strict=True)]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _channels(color: str) -> tuple[int, ...]:
    return tuple(int(color[n : n + 2], 16) for n in (1, 3, 5))
