"""Dataclasses ↔ the JSON that is kept of them."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from bsx.schema.canonical import canonical_json

T = TypeVar("T")


def to_json(value: Any) -> str:
    """Write a dataclass or plain value as canonical JSON."""
    return canonical_json(value)


def from_json(kind: type[T], text: str) -> T:
    """Read the dataclass ``kind`` back from :func:`to_json`'s text."""
    made: T = _built(kind, json.loads(text))
    return made


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
