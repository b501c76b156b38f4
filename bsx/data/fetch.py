"""Rows fetched ahead of their use, by torch's DataLoader with processes of its own."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from bsx.data.rows import Numbers
from bsx.errors import BsxError, DataError

T = TypeVar("T")

# Pieces travel through shared memory, of which a container may have no more than 64 MB.
PIECE_BYTES = 2**22
_AHEAD = 2  # pieces that each process has ready
_PARENT_DEATH_SIGNAL = 1  # prctl(2)
_MMAP_THRESHOLD = -3  # mallopt(3)


def fetched(
    fetch: Callable[[Numbers], T], pieces: Iterable[Numbers], processes: int, *, pin: bool = False
) -> Iterator[T]:
    """Yield what ``fetch`` gives for each piece, in their order; several are fetched at once.

    ``pieces`` are asked for ahead of their use. ``pin``: in memory that CUDA copies from by itself.

    Raises:
        DataError: where ``fetch`` raised one.
    """
    processes = min(processes, _usable())
    loader: Any = DataLoader(
        _Fetching(fetch),
        sampler=pieces,
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=processes,
        prefetch_factor=_AHEAD if processes else None,
        pin_memory=pin,
        generator=torch.Generator(),  # or it would draw from the one that training draws from
        multiprocessing_context="fork" if processes else None,
        worker_init_fn=_begin,
    )
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside threads; these children touch nothing of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        coming = iter(loader)
    try:
        for found in coming:
            if isinstance(found, _Failure):
                raise DataError(found.reason)
            yield found
    finally:
        del coming  # ends its processes: now, not when a traceback is forgotten


def pieces_of(numbers: Numbers, row_bytes: int) -> Iterator[Numbers]:
    """Cut row numbers into pieces of a few megabytes each."""
    size = max(1, PIECE_BYTES // max(1, row_bytes))
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def consecutive(total: int, size: int) -> Iterator[Numbers]:
    """Yield the numbers of all rows, so many at a time."""
    for start in range(0, total, size):
        yield np.arange(start, min(total, start + size))


class _Failure:
    """A failure on its way home: an exception would arrive as a page of text."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class _Fetching(Dataset[Any]):
    def __init__(self, fetch: Callable[[Numbers], Any]) -> None:
        self._fetch = fetch

    def __getitem__(self, numbers: Numbers) -> Any:
        try:
            return self._fetch(numbers)
        except BsxError as error:
            if torch.utils.data.get_worker_info() is None:
                raise
            return _Failure(str(error))


def _as_it_is(found: Any) -> Any:
    return found


def _begin(_number: int) -> None:
    """Begin a process that fetches: it ends with the one that asks, and when that one says so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    system = ctypes.CDLL(None)
    system.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)  # torch would look after seconds
    with contextlib.suppress(AttributeError):  # not every C library has it
        system.mallopt(_MMAP_THRESHOLD, 2**20)  # or pieces that are gone stay, 400 MB of them


def _usable() -> int:
    """Return how many processes may fetch: only a fork takes along whatever the user made."""
    if not sys.platform.startswith("linux") or multiprocessing.current_process().daemon:
        return 0
    return max(1, len(os.sched_getaffinity(0)) - 1)
