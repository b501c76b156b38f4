"""Inputs that lie somewhere and are fetched by row number: what is too large for memory."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bsx.data.content import Content

Numbers = npt.NDArray[np.int64]
_KEPT = {np.dtype(np.uint8): torch.uint8, np.dtype(np.int64): torch.int64}


class Rows:
    """Inputs by row number; whoever asks twice for a row gets the same.

    Attributes:
        shape: (samples, *input_shape).
        dtype: of what is fetched: uint8, float32, or int64 for token ids.
        processes: how many of them fetch at once to advantage: none where the rows lie in memory,
            one that waits for the disk, several that decode.
        content: what a pass over all rows has found, if there was one already.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    processes: int = 0
    content: Content | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def fetch(self, numbers: Numbers) -> Tensor:
        """Return a copy of these rows, (numbers, *input_shape).

        Raises:
            DataError: for a row that cannot be read.
        """
        raise NotImplementedError


class Table(Rows):
    """Rows of an array, which may be mapped from a file.

    uint8 stays as it is; so does int64 where these are ``tokens``; all else becomes float32.
    """

    def __init__(self, array: npt.NDArray[Any], *, tokens: bool = False) -> None:
        self._array = array
        self.shape = tuple(array.shape)
        self.dtype = _KEPT.get(array.dtype, torch.float32)
        if self.dtype is torch.int64 and not tokens:
            self.dtype = torch.float32
        self.processes = int(is_mapped(array))

    def fetch(self, numbers: Numbers) -> Tensor:
        """Return these rows."""
        taken = np.ascontiguousarray(self._array[numbers])
        if self.dtype is torch.float32:
            taken = taken.astype(np.float32, copy=False)  # in this machine's order of bytes too
        return torch.from_numpy(taken)


class Joined(Rows):
    """The rows of several, one after the other: official parts that are files of their own."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *map(len, parts)])
        self.shape = (int(self._starts[-1]), *parts[0].shape[1:])
        kinds = {part.dtype for part in parts}
        self.dtype = kinds.pop() if len(kinds) == 1 else torch.float32
        self.processes = max(part.processes for part in parts)

    def fetch(self, numbers: Numbers) -> Tensor:
        """Return these rows, each from its part."""
        found = torch.empty((len(numbers), *self.shape[1:]), dtype=self.dtype)
        owners = np.searchsorted(self._starts, numbers, side="right") - 1
        for owner in np.unique(owners):
            its = np.flatnonzero(owners == owner)
            rows = self._parts[owner].fetch(numbers[its] - self._starts[owner])
            found[torch.from_numpy(its)] = rows.to(self.dtype)
        return found


def is_mapped(array: Any) -> bool:
    """Say whether an array's numbers lie in a file, and come into memory as they are read."""
    while array is not None:
        if isinstance(array, np.memmap | mmap.mmap):
            return True
        array = getattr(array, "base", None)
    return False
