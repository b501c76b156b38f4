"""Streamed data as other processes are told of them: tensors, numbers and texts, never code."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bsx.data.dataset import Splits
from bsx.data.divide import PARTS
from bsx.data.rows import Rows
from bsx.data.scratch import Spooled
from bsx.data.stream import Stream

_OF_STREAM = ("rows", "targets", "scale")


def as_kept(splits: Splits, source: Rows) -> dict[str, Any]:
    """Return what a process needs that has the source of the inputs, or can make it."""
    kept = {
        field.name: getattr(splits, field.name)
        for field in dataclasses.fields(Splits)
        if field.name not in PARTS
    }
    for part in PARTS:
        stream = getattr(splits, part)
        kept[part] = {name: getattr(stream, name) for name in _OF_STREAM}
    kept["spooled"] = source.written if isinstance(source, Spooled) else None
    return kept


def spooled(kept: Mapping[str, Any]) -> Spooled | None:
    """Return the inputs where they were written to a file, None where they are to be made."""
    if kept["spooled"] is None:
        return None
    path, shape, dtype = kept["spooled"]
    return Spooled(Path(path), shape, dtype)


def from_kept(kept: Mapping[str, Any], source: Rows) -> Splits:
    """Return the data, their inputs fetched from ``source``."""
    values = {name: value for name, value in kept.items() if name != "spooled"}
    values |= {part: Stream(source, **kept[part]) for part in PARTS}
    return Splits(**values)
