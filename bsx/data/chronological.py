"""Windows over things that follow each other in time, divided without leakage.

A window is a stretch of inputs and, right behind it, the stretch that is to be predicted. The
parts are consecutive stretches of rows, each cut into windows of its own: no row belongs to two
parts, so no window of a later part reaches into what an earlier one was to predict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bsx.errors import DataError

Rows = npt.NDArray[np.int64]
MOST_NUMBERS = 1 << 30  # kept in memory as 4 bytes each


@dataclass(frozen=True)
class Cut:
    """How a sequence is cut: windows of ``length`` rows, one every ``stride``; rows are ``unit``.

    ``advice`` ends the line that refuses a sequence too short for it.
    """

    length: int
    stride: int
    unit: str
    advice: str


def chronological_starts(
    breaks: Sequence[int], rows: int, cut: Cut, fractions: Mapping[str, float], name: str
) -> dict[str, Rows]:
    """Return the first rows of the windows of each part, in order of time.

    Args:
        breaks: rows before which the sequence is interrupted (no window spans such a place).
        rows: how many rows there are.
        fractions: the shares of ``validation`` and ``test``, in windows; the rest trains.

    Raises:
        DataError: where a part stays without a window.
    """
    edges = [0, *sorted(set(breaks) - {0, rows}), rows]
    possible = np.zeros(rows + 1, dtype=np.int64)  # possible[i]: windows that begin before row i
    for start, stop in pairwise(edges):
        possible[start + 1 : max(start, stop - cut.length + 1) + 1] = 1
    possible = np.cumsum(possible)
    total = int(possible[-1])
    usable = total - 2 * (cut.length - 1)  # what remains when two borders are drawn
    if usable < 3:
        longest = max(b - a for a, b in pairwise(edges))
        raise DataError(
            f"{name}: {rows} {cut.unit}{_in_stretches(edges, longest)} hold {total} windows of "
            f"{cut.length}; three parts without overlap need {2 * cut.length + 1}: {cut.advice}"
        )
    counts = {part: max(1, round(fractions[part] * usable)) for part in ("validation", "test")}
    train = max(1, usable - sum(counts.values()))
    first_border = _row_of(possible, train) + cut.length - 1
    second_border = (
        _row_of(possible, int(possible[first_border]) + counts["validation"]) + cut.length - 1
    )
    borders = {
        "train": (0, first_border),
        "validation": (first_border, second_border),
        "test": (second_border, rows),
    }
    starts = {part: _starts(edges, *span, cut) for part, span in borders.items()}
    for part, found in starts.items():
        if not len(found):
            raise DataError(
                f"{name}: the {part} part holds no window of {cut.length} {cut.unit}: {cut.advice}"
            )
    return starts


def check_size(numbers: int, name: str, remedy: str) -> None:
    """Refuse windows that would not fit into memory.

    Raises:
        DataError: with the size they would have.
    """
    if numbers > MOST_NUMBERS:
        raise DataError(
            f"{name}: its windows would take {numbers * 4 / 2**30:.0f} GiB of memory; {remedy}"
        )


def _row_of(possible: npt.NDArray[np.int64], windows: int) -> int:
    """The first row before which ``windows`` windows begin."""
    return int(np.searchsorted(possible, min(windows, int(possible[-1]))))


def _starts(edges: Sequence[int], low: int, high: int, cut: Cut) -> Rows:
    """Starts of the windows within rows low … high-1; each stretch is begun anew."""
    found = [
        np.arange(max(a, low), min(b, high) - cut.length + 1, cut.stride)
        for a, b in pairwise(edges)
        if a < high and b > low
    ]
    return np.concatenate(found).astype(np.int64) if found else np.zeros(0, dtype=np.int64)


def _in_stretches(edges: Sequence[int], longest: int) -> str:
    stretches = len(edges) - 1
    return f" in {stretches} stretches, the longest of {longest}," if stretches > 1 else ""
