"""Dataclasses ↔ what SQLite keeps; doubles stay as they are, so that curves come back exactly."""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
import zlib
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin

from bsx.schema import CurvePoint, canonical_json

T = TypeVar("T")

_COLUMNS = ("step", "epoch", "samples_seen", "train_seconds", "train_loss", "validation_loss")


def to_json(value: Any) -> str:
    """Write a dataclass or plain value as canonical JSON."""
    return canonical_json(value)


def from_json(kind: type[T], text: str) -> T:
    """Read the dataclass ``kind`` back from :func:`to_json`'s text."""
    made: T = _built(kind, json.loads(text))
    return made


def encode_curve(curve: Sequence[CurvePoint]) -> tuple[str, bytes]:
    """Return the metric names as JSON, and the columns as one blob."""
    names = sorted(curve[0].metrics) if curve else []
    columns = array("d")
    for name in _COLUMNS:
        columns.extend(float(getattr(point, name)) for point in curve)
    for name in names:
        columns.extend(point.metrics[name] for point in curve)
    if sys.byteorder == "big":
        columns.byteswap()
    return json.dumps(names), zlib.compress(columns.tobytes(), level=1)


def decode_curve(metric_names: str, blob: bytes) -> tuple[CurvePoint, ...]:
    """Return the curve that :func:`encode_curve` wrote."""
    names = json.loads(metric_names)
    numbers = array("d")
    numbers.frombytes(zlib.decompress(blob))
    if sys.byteorder == "big":
        numbers.byteswap()
    width = len(_COLUMNS) + len(names)
    length = len(numbers) // width
    columns = [numbers[i * length : (i + 1) * length] for i in range(width)]
    points = []
    for step, epoch, seen, seconds, train_loss, loss, *values in zip(*columns, strict=True):
        metrics = dict(zip(names, values, strict=True))
        points.append(CurvePoint(int(step), epoch, int(seen), seconds, train_loss, loss, metrics))
    return tuple(points)


def _built(kind: Any, value: Any) -> Any:
    """Make ``value``, as JSON gave it, into what the annotation ``kind`` says."""
    origin = get_origin(kind)
    if value is None or kind is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        return _built(next(k for k in get_args(kind) if k is not types.NoneType), value)
    if origin is tuple:
        of = get_args(kind)
        if len(of) == 2 and of[1] is Ellipsis:
            return tuple(_built(of[0], item) for item in value)
        return tuple(_built(k, item) for k, item in zip(of, value, strict=True))
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return {key: _built(get_args(kind)[1], item) for key, item in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        known = {f.name for f in dataclasses.fields(kind)}
        return kind(**{k: _built(hints[k], v) for k, v in value.items() if k in known})
    if isinstance(kind, type) and kind is not float and not isinstance(value, kind):
        return kind(value)  # enums
    return float(value) if kind is float else value
