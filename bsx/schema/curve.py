"""The curve of a run: its evaluations, packed so that those of thousands of runs fit in memory."""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

_FIELDS = ("step", "epoch", "samples_seen", "train_seconds", "train_loss", "validation_loss")


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One evaluation during training; evaluation time is kept out of ``train_seconds``.

    ``train_loss`` is the mean over the batches since the point before. NaN in the curve of a user's
    own program: it did not report that number there.
    """

    step: int
    epoch: float
    samples_seen: int
    train_seconds: float
    train_loss: float
    validation_loss: float
    metrics: Mapping[str, float]  # on validation


class Curve(Sequence[CurvePoint]):
    """Points of a run as columns; a point is made when it is looked at.

    Args:
        metric_names: those of the metrics.
        packed: the columns of the fields and then of the metrics, one after another, as
            little-endian doubles, compressed by zlib: numbers come back to the bit.

    Raises:
        ValueError: for what no columns of one length come out of.
    """

    __slots__ = ("_length", "metric_names", "packed")

    def __init__(self, metric_names: Sequence[str], packed: bytes) -> None:
        self.metric_names = tuple(metric_names)
        self.packed = packed
        self._length: int | None = None
        self._unpacked()

    @classmethod
    def of(cls, points: Sequence[CurvePoint]) -> Curve:
        """Pack points; a metric that one of them lacks is no number there."""
        if isinstance(points, Curve):
            return points
        names = sorted({name for point in points for name in point.metrics})
        columns = array("d")
        for field in _FIELDS:
            columns.extend(float(getattr(point, field)) for point in points)
        for name in names:
            columns.extend(point.metrics.get(name, float("nan")) for point in points)
        if sys.byteorder == "big":
            columns.byteswap()
        return cls(names, zlib.compress(columns.tobytes(), level=1))

    @property
    def steps(self) -> list[int]:
        """The steps of the points."""
        return list(_whole(self._column(self._unpacked(), 0).tobytes()))

    def metric(self, name: str) -> array[float] | None:
        """Return a metric's values, one a point; None for one that was not measured."""
        found = self.against_steps(name)
        return None if found is None else found[1]

    def against_steps(self, name: str) -> tuple[Sequence[int], array[float]] | None:
        """Return the steps, and a metric's values there; None for one that was not measured.

        ``validation_loss`` and the other numbers of a point are found too, by their names. Curves
        that were looked at after the same steps share these.
        """
        if name in self.metric_names:
            column = len(_FIELDS) + self.metric_names.index(name)
        elif name in _FIELDS:
            column = _FIELDS.index(name)
        else:
            return None
        unpacked = self._unpacked()
        return _whole(self._column(unpacked, 0).tobytes()), self._column(unpacked, column)

    def __len__(self) -> int:
        if self._length is None:
            self._unpacked()
        return self._length or 0

    def __iter__(self) -> Iterator[CurvePoint]:
        columns = self._columns()
        return (self._point(columns, place) for place in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> CurvePoint: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[CurvePoint, ...]: ...
    def __getitem__(self, index: int | slice) -> CurvePoint | tuple[CurvePoint, ...]:
        columns, places = self._columns(), range(len(self))[index]
        if isinstance(places, int):
            return self._point(columns, places)
        return tuple(self._point(columns, place) for place in places)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Curve):
            return (self.metric_names, self.packed) == (other.metric_names, other.packed)
        return tuple(self) == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Curve({list(self)!r})"

    def _point(self, columns: Sequence[array[float]], place: int) -> CurvePoint:
        step, epoch, seen, seconds, train_loss, loss, *values = (c[place] for c in columns)
        metrics = dict(zip(self.metric_names, values, strict=True))
        return CurvePoint(int(step), epoch, int(seen), seconds, train_loss, loss, metrics)

    def _columns(self) -> list[array[float]]:
        unpacked = self._unpacked()
        return [self._column(unpacked, n) for n in range(len(_FIELDS) + len(self.metric_names))]

    def _column(self, unpacked: bytes, number: int) -> array[float]:
        column, size = array("d"), 8 * len(self)
        column.frombytes(unpacked[number * size : (number + 1) * size])
        if sys.byteorder == "big":
            column.byteswap()
        return column

    def _unpacked(self) -> bytes:
        try:
            unpacked = _inflated(self.packed)
        except zlib.error as error:
            raise ValueError(f"a curve is damaged: {error}") from None
        names = len(self.metric_names)
        self._length, rest = divmod(len(unpacked), 8 * (len(_FIELDS) + names))
        if rest:
            raise ValueError(f"{len(unpacked) / 8:g} numbers do not make {names} metrics")
        return unpacked


def _inflated(packed: bytes) -> bytes:
    return (_short if len(packed) <= _SHORT else _long)(packed)


_SHORT = 8192  # bytes: of some hundred evaluations
# Of a sweep of ordinary length all are kept from one look at it for the next
_short = lru_cache(maxsize=640)(zlib.decompress)
_long = lru_cache(maxsize=64)(zlib.decompress)  # as are looked at for one number, and then another


@lru_cache(maxsize=64)
def _whole(numbers: bytes) -> tuple[int, ...]:
    """Return doubles, as they lie in memory, as the whole numbers that they are."""
    column = array("d")
    column.frombytes(numbers)
    return tuple(map(int, column))
