"""Which samples make up each batch: the same order for a seed at every batch size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bsx.arithmetic import steps_per_epoch


class SampleOrder:
    """The rows of every batch of every step, drawn without replacement in each epoch.

    The permutation of an epoch depends on the seed and the epoch alone, never on the batch size,
    so that runs of one seed see the samples in one order whatever the size of their batches.
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        tail: str,
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
    ) -> None:
        self.samples = samples
        self.batch_size = batch_size
        self.merges = tail == "merge"
        self.seeds = tuple(seeds)
        self.device = device
        self.steps_per_epoch = steps_per_epoch(samples, batch_size, tail)
        self._epoch = -1
        self._rows = torch.empty(0)

    def rows(self, step: int) -> Tensor:
        """Return the rows of batch number ``step`` (from 0), shape (seeds, batch)."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._rows, self._epoch = self._permutations(epoch), epoch
        start = position * self.batch_size
        last = self.merges and position == self.steps_per_epoch - 1
        return self._rows[:, start : self.samples if last else start + self.batch_size]

    def samples_seen(self, steps: int) -> int:
        """Return how many samples the first ``steps`` batches hold."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        full = self.steps_per_epoch * self.batch_size
        an_epoch = self.samples if self.merges else min(self.samples, full)
        return epochs * an_epoch + rest * self.batch_size

    def _permutations(self, epoch: int) -> Tensor:
        orders = [
            torch.randperm(
                self.samples, generator=torch.Generator().manual_seed((seed << 32) + epoch)
            )
            for seed in self.seeds
        ]
        return torch.stack(orders).to(self.device)
