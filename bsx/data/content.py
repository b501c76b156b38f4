"""What a pass over all inputs finds: their identity, a sample that is broken, their scale.

A chunk at a time and in numbers that do not depend on where the inputs lie, nor on threads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

CHUNK_NUMBERS = 2**17  # in float64 a megabyte: it stays in the processor's cache
_STD_FLOOR = 1e-6  # a feature that never varies is left as it is

Scale = tuple[Tensor, Tensor]


class Content:
    """The identity of inputs that come a chunk at a time, whatever the chunks.

    Attributes:
        broken: the first sample that has a number which is not finite, or None.
    """

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()
        self._seen = 0
        self.broken: int | None = None

    def add(self, chunk: Tensor) -> None:
        """Take note of the next samples."""
        self._hasher.update(np.ascontiguousarray(chunk.numpy()).data)
        if self.broken is None and chunk.is_floating_point():
            finite = torch.isfinite(chunk).reshape(len(chunk), -1).all(dim=1)
            if not bool(finite.all()):
                self.broken = self._seen + int((~finite).nonzero()[0])
        self._seen += len(chunk)

    @property
    def digest(self) -> str:
        """The hash of all that came."""
        return self._hasher.hexdigest()


def chunk_rows(input_shape: tuple[int, ...]) -> int:
    """Return how many samples make a chunk."""
    return max(1, CHUNK_NUMBERS // max(1, int(np.prod(input_shape))))


def scale_of(chunks: Iterable[Tensor]) -> Scale:
    """Return mean and spread of samples, to be broadcast over them: (1, …), float32.

    By feature for vectors, by channel for anything else. ``chunks`` are of :func:`chunk_rows`
    samples each but the last: the last bits follow where they are cut.
    """
    count = 0
    mean: npt.NDArray[np.float64] = np.zeros(())
    squares: npt.NDArray[np.float64] = np.zeros(())
    for chunk in chunks:
        values = chunk.numpy().astype(np.float32, copy=False).astype(np.float64)
        axes = (0,) if values.ndim == 2 else (0, *range(2, values.ndim))
        here = values.mean(axis=axes, keepdims=True)
        values -= here
        np.square(values, out=values)
        number = values.size // here.size
        gap, total = here - mean, count + number
        squares = squares + values.sum(axis=axes, keepdims=True)
        squares = squares + gap**2 * (count * number / total)
        mean, count = mean + gap * (number / total), total
    spread = np.sqrt(squares / count)
    spread = np.where(spread > _STD_FLOOR, spread, 1.0)
    return torch.from_numpy(mean).to(torch.float32), torch.from_numpy(spread).to(torch.float32)


def scaled(inputs: Tensor, scale: Scale | None) -> Tensor:
    """Return inputs as training takes them: float32, in place where they are; token ids stay."""
    if inputs.dtype == torch.int64:
        return inputs
    floats = inputs.to(torch.float32)
    return floats if scale is None else floats.sub_(scale[0]).div_(scale[1])
