"""Inputs gone through a chunk at a time, whether they lie in memory or elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from bsx.data.content import Content, chunk_rows
from bsx.data.fetch import PIECE_BYTES, consecutive, fetched
from bsx.data.rows import Numbers, Rows, Table


def content_of(inputs: Tensor | Rows) -> Content:
    """Return what a pass over all samples finds."""
    if isinstance(inputs, Rows) and inputs.content is not None:
        return inputs.content
    content = Content()
    if isinstance(inputs, Tensor):
        chunks: Iterable[Tensor] = torch.split(inputs, _chunk_rows(inputs))
    else:
        chunks = _chunks(inputs, np.arange(len(inputs)))
    for chunk in chunks:
        content.add(chunk)
    return content


def chunks_of(inputs: Tensor | Rows, rows: Tensor) -> Iterator[Tensor]:
    """Yield these samples as they lie, in chunks of one size whatever they are taken from."""
    return _chunks(inputs, rows.numpy())


def picked(inputs: Tensor | Rows, rows: Tensor) -> Tensor:
    """Return a copy of these samples in memory, as they lie."""
    if isinstance(inputs, Tensor):
        return inputs[rows]
    found = torch.empty((len(rows), *inputs.shape[1:]), dtype=inputs.dtype)
    done = 0
    for chunk in chunks_of(inputs, rows):
        found[done : done + len(chunk)] = chunk
        done += len(chunk)
    return found


def as_rows(inputs: Tensor | Rows) -> Rows:
    """Return inputs to be fetched by number, those in memory too."""
    return Table(inputs.numpy(), tokens=True) if isinstance(inputs, Tensor) else inputs


def _chunks(inputs: Tensor | Rows, numbers: Numbers) -> Iterator[Tensor]:
    size = _chunk_rows(inputs)
    if isinstance(inputs, Tensor):
        # NumPy takes one thread for it: torch's would wait for each other at every chunk, for ten
        # times as long as it takes where the machine has anything else to do.
        held = inputs.numpy()
        for places in consecutive(len(numbers), size):
            yield torch.from_numpy(held[numbers[places]])
        return
    row_bytes = math.prod(inputs.shape[1:]) * inputs.dtype.itemsize
    several = size * max(1, PIECE_BYTES // (size * row_bytes))
    pieces = (numbers[places] for places in consecutive(len(numbers), several))
    for piece in fetched(inputs.fetch, pieces, inputs.processes):
        for start in range(0, len(piece), size):
            yield piece[start : start + size]


def _chunk_rows(inputs: Tensor | Rows) -> int:
    return chunk_rows(tuple(inputs.shape[1:]))
