"""Training samples drawn for a measurement, by a generator of its own: the run's draws stay."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from bsx.data import Samples
from bsx.train.batches import passes
from bsx.train.session import Session

Batch = tuple[Tensor, Tensor]  # inputs (samples, *input_shape) and targets (samples, …)


class Draws:
    """Batches for one measurement of one run at one step: equal ones, equal draws.

    They are on the device, and varied as the run's are where augmentation was asked for.
    """

    def __init__(self, session: Session, seed: int, step: int, measure: str) -> None:
        mixed = hashlib.blake2b(f"{measure} {seed} {step}".encode(), digest_size=4)
        self._generator = torch.Generator().manual_seed(int.from_bytes(mixed.digest(), "big"))
        self._augmentation = session.augmentation([seed])
        self._part = session.train
        self._device = session.device
        # No step of a run: what is varied here is varied otherwise than there.
        self._number = -1 - step * 2**20

    def batches(self, sizes: Sequence[int]) -> Iterator[Batch]:
        """Yield batches of these sizes, drawn with replacement: samples are independent.

        Their gradients have then exactly the mean and the covariance of those of the training set.
        """
        count = len(self._part)
        return self._taken(
            torch.randint(count, (size,), generator=self._generator) for size in sizes
        )

    def everything(self, size: int) -> Iterator[Batch]:
        """Yield every training sample once, in random order, about ``size`` at a time."""
        rows = torch.randperm(len(self._part), generator=self._generator)
        return self._taken(rows[part] for part in passes(len(rows), size))

    def _taken(self, wanted: Iterable[Tensor]) -> Iterator[Batch]:
        part = self._part
        if isinstance(part, Samples):
            found: Iterable[Batch] = (part.take(rows.to(self._device)) for rows in wanted)
        else:
            found = part.batches(wanted)
        for inputs, targets in found:
            self._number -= 1
            yield self._augmentation.one(inputs, self._number), targets
