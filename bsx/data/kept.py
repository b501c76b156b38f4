"""Opened data as other processes are told of them: tensors, numbers and texts, never code."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bsx.data.dataset import Part, Samples, Splits
from bsx.data.divide import PARTS
from bsx.data.rows import Rows
from bsx.data.scratch import Spooled
from bsx.data.stream import Stream

_OF_STREAM = ("rows", "targets", "scale")
_OF_SAMPLES = ("inputs", "targets")


def as_kept(splits: Splits, source: Rows | None = None) -> dict[str, Any]:
    """Return what a process needs; where inputs are fetched, one that can make their source."""
    kept = {
        field.name: getattr(splits, field.name)
        for field in dataclasses.fields(Splits)
        if field.name not in PARTS
    }
    names = _OF_STREAM if splits.streamed else _OF_SAMPLES
    for part in PARTS:
        kept[part] = {name: getattr(getattr(splits, part), name) for name in names}
    kept["spooled"] = source.written if isinstance(source, Spooled) else None
    return kept


def spooled(kept: Mapping[str, Any]) -> Spooled | None:
    """Return the inputs where they were written to a file, None where they are to be made."""
    if kept["spooled"] is None:
        return None
    path, shape, dtype = kept["spooled"]
    return Spooled(Path(path), shape, dtype)


def from_kept(kept: Mapping[str, Any], source: Rows | None = None) -> Splits:
    """Return the data, in memory or their inputs fetched from ``source``."""
    values = {name: value for name, value in kept.items() if name != "spooled"}
    for part in PARTS:
        made: Part = Samples(**kept[part]) if source is None else Stream(source, **kept[part])
        values[part] = made
    return Splits(**values)
