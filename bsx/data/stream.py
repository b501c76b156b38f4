"""A part of a dataset whose inputs stay where they lie; what is needed of them is fetched."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bsx.data.content import Scale, scaled
from bsx.data.fetch import fetched, pieces_of
from bsx.data.inputs import as_rows, picked
from bsx.data.room import available, gigabytes, room_for_inputs
from bsx.data.rows import Numbers, Rows

_LARGE_BYTES = 2**28  # of a batch: for one that is smaller it is not worth a look at what is free


@dataclass(frozen=True)
class Stream:
    """One part of a dataset, to be fetched: the face of Samples, and the same numbers to the bit.

    Attributes:
        source: the inputs of the whole dataset.
        rows: of this part, on the CPU.
        targets: (n, …), in memory.
        scale: by which inputs are standardized when they have come; None leaves them alone.
    """

    source: Rows
    rows: Tensor
    targets: Tensor
    scale: Scale | None = None
    device: str | torch.device = "cpu"
    dtype: torch.dtype = torch.float32

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.source.shape[1:])

    @property
    def holds_tokens(self) -> bool:
        """Whether inputs are token ids."""
        return self.source.dtype is torch.int64

    @property
    def _row_bytes(self) -> int:
        return math.prod(self.input_shape) * self.source.dtype.itemsize

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Stream:
        """Return the part as it is to come: on ``device``, inputs as ``dtype``."""
        scale = self.scale and (self.scale[0].to(device), self.scale[1].to(device))
        return replace(
            self, targets=self.targets.to(device), scale=scale, device=device, dtype=dtype
        )

    def at_most(self, limit: int) -> Stream:
        """Return ``limit`` samples, evenly spaced."""
        if len(self) <= limit:
            return self
        chosen = evenly_spaced(limit, len(self))
        targets = self.targets.index_select(0, chosen.to(self.targets.device))
        return replace(self, rows=self.rows[chosen], targets=targets)

    def first(self, count: int) -> Tensor:
        """Return the first inputs, (count, *input_shape)."""
        return self._ready(self.source.fetch(self.rows[:count].numpy()))

    def chunks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all samples in order, ``size`` at a time: inputs and targets."""
        starts = range(0, len(self), size)
        return self.batches(torch.arange(s, min(s + size, len(self))) for s in starts)

    def batches(self, wanted: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and targets of these samples, numbered within the part.

        ``wanted`` (each on the CPU) is asked for ahead of its use: it may go on for ever.
        """
        waiting: deque[Tensor] = deque()

        def pieces() -> Iterator[Numbers]:
            for chosen in wanted:
                waiting.append(chosen)
                yield from pieces_of(self.rows[chosen].numpy(), self._row_bytes)

        pin = torch.device(self.device).type == "cuda"
        coming = fetched(self.source.fetch, pieces(), self.source.processes, pin=pin)
        for piece in coming:
            chosen = waiting.popleft()
            inputs = self._ready(piece)
            if len(inputs) < len(chosen):
                inputs = self._filled(len(chosen), inputs, coming)
            yield inputs, self.targets.index_select(0, chosen.to(self.device))

    def _filled(self, count: int, first: Tensor, coming: Iterator[Tensor]) -> Tensor:
        """Put the pieces of a batch of ``count`` together.

        Raises:
            MemoryError: where it does not fit, before the system ends the process for it.
        """
        needed = count * first[0].numel() * first.element_size()
        large = needed > _LARGE_BYTES and first.device.type == "cpu"
        if large and needed > (available() or needed):
            raise MemoryError(f"a batch of {count:,} samples takes {gigabytes(needed)}")
        batch = torch.empty((count, *self.input_shape), dtype=first.dtype, device=first.device)
        batch[: len(first)] = first
        done = len(first)
        while done < count:
            piece = self._ready(next(coming))
            batch[done : done + len(piece)] = piece
            done += len(piece)
        return batch

    def in_memory(self) -> Stream:
        """Return the part with its inputs held in memory as they lie, if they fit there."""
        if not room_for_inputs(None).holds((len(self), *self.input_shape), "this part"):
            return self
        held = as_rows(picked(self.source, self.rows))
        return replace(self, source=held, rows=torch.arange(len(self)))

    def _ready(self, piece: Tensor) -> Tensor:
        """Return inputs as training takes them, on the device."""
        moved = piece.to(self.device, non_blocking=True)
        inputs = scaled(moved, self.scale)
        return inputs if self.holds_tokens else inputs.to(self.dtype)


def evenly_spaced(count: int, total: int) -> Tensor:
    """Return ``count`` of so many numbers: a part may be in order of class or time."""
    return torch.arange(count) * total // count
