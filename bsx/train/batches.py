"""Which samples make up each batch: the same order for a seed at every batch size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from bsx.arithmetic import EVERY_BATCH, steps_per_epoch
from bsx.data import check_order
from bsx.schema import Sampling

SHUFFLED = Sampling()


class SampleOrder:
    """The rows of every batch of every step, drawn without replacement in each epoch.

    The permutation of an epoch depends on the seed and the epoch alone, never on the batch size,
    so that runs of one seed see the samples in one order whatever the size of their batches.

    Of ``sampling`` two fields are meant here. ``order``: *shuffled*; *sequential*, as the data
    lie, in every epoch; *by-class*, one class after another, each shuffled. ``class_skew`` s fills
    a share s of each batch from one class and the rest from all: what a batch holds then follows
    its size, but which sample stands before which in its class does not.

    Args:
        labels: the class of each sample, where ``sampling`` asks for classes.
        before: how many batches of ``batch_size`` lie before each step; by default a step takes one
            after another. Where it takes several they are of one epoch, and stand side by side.

    Raises:
        ConfigError: for an order that needs classes, where there are none.
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        tail: str,
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
        *,
        sampling: Sampling = SHUFFLED,
        labels: Tensor | None = None,
        before: Sequence[int] = EVERY_BATCH,
    ) -> None:
        self.samples = samples
        self.batch_size = batch_size
        self.merges = tail == "merge"
        self.seeds = tuple(seeds)
        self.device = device
        self.steps_per_epoch = steps_per_epoch(samples, batch_size, tail)
        check_order(sampling, labels)
        self._sampling = sampling
        self._labels = labels.cpu() if labels is not None else torch.zeros(0)
        self._before = before
        self._epoch = -1
        self._rows = torch.empty(0)

    def rows(self, step: int) -> Tensor:
        """Return the rows of batch number ``step`` (from 0), shape (seeds, batch)."""
        epoch, first = divmod(self._before[step], self.steps_per_epoch)
        if epoch != self._epoch:
            self._rows, self._epoch = self._permutations(epoch), epoch
        end = self._before[step + 1] - epoch * self.steps_per_epoch
        last = self.merges and end == self.steps_per_epoch
        stop = self.samples if last else end * self.batch_size
        return self._rows[:, first * self.batch_size : stop]

    def samples_seen(self, steps: int) -> int:
        """Return how many samples the first ``steps`` batches hold."""
        epochs, rest = divmod(self._before[steps], self.steps_per_epoch)
        full = self.steps_per_epoch * self.batch_size
        an_epoch = self.samples if self.merges else min(self.samples, full)
        return epochs * an_epoch + rest * self.batch_size

    def _permutations(self, epoch: int) -> Tensor:
        return torch.stack([self._order(seed, epoch) for seed in self.seeds]).to(self.device)

    def _order(self, seed: int, epoch: int) -> Tensor:
        if self._sampling.order == "sequential":
            return torch.arange(self.samples)
        generator = torch.Generator().manual_seed(_seed_of(seed, epoch))
        shuffled = torch.randperm(self.samples, generator=generator)
        if self._sampling.order == "by-class":
            return shuffled[torch.argsort(self._labels[shuffled], stable=True)]
        if self._sampling.class_skew:
            share = self._sampling.class_skew
            return _skewed(shuffled, self._labels, self.batch_size, share, generator)
        return shuffled


def passes(samples: int, size: int | None) -> list[slice]:
    """Cut a batch into micro-batches of ``size``; None leaves it whole.

    A last one of a single sample, on which BatchNorm cannot train, joins the one before it.
    """
    step = samples if size is None else min(size, samples)
    starts = list(range(0, samples, step))
    if len(starts) > 1 and samples - starts[-1] == 1:
        starts.pop()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], samples], strict=True)]


def _skewed(
    shuffled: Tensor, labels: Tensor, batch_size: int, share: float, generator: torch.Generator
) -> Tensor:
    """Reorder an epoch so that each batch takes ``share`` of its samples from one class.

    The first samples of each class are cut into pieces, each of which goes into one batch; the
    batch is filled up with the others as they come. What is left, too little of any class to make
    a piece, comes last.
    """
    piece = int(share * batch_size + 0.5)
    if piece == 0:
        return shuffled
    classes = [shuffled[labels[shuffled] == label] for label in sorted(set(labels.tolist()))]
    counts = _pieces([len(rows) for rows in classes], batch_size, piece, generator)
    cut = torch.cat(
        [
            rows[: count * piece].view(count, piece)
            for rows, count in zip(classes, counts, strict=True)
        ]
    )
    cut = cut[torch.randperm(len(cut), generator=generator)]
    count = len(cut)
    is_cut = torch.zeros(len(shuffled), dtype=torch.bool)
    is_cut[cut.flatten()] = True
    others = shuffled[~is_cut[shuffled]]
    filling = count * (batch_size - piece)
    batches = torch.cat([cut, others[:filling].view(count, batch_size - piece)], dim=1)
    return torch.cat([batches.flatten(), others[filling:]])


def _pieces(
    sizes: Sequence[int], batch_size: int, piece: int, generator: torch.Generator
) -> list[int]:
    """Return how many batches each class dominates: in proportion, as far as its samples go."""
    counts = [min(size // batch_size, size // piece) for size in sizes]
    open_batches = sum(sizes) // batch_size - sum(counts)
    chances = torch.rand(len(sizes), generator=generator).tolist()
    by_remainder = sorted(
        range(len(sizes)), key=lambda c: (sizes[c] % batch_size, chances[c]), reverse=True
    )
    for c in by_remainder[:open_batches]:
        counts[c] += int(sizes[c] // piece > counts[c])
    return counts


def _seed_of(seed: int, epoch: int) -> int:
    """Mix seed and epoch into 32 bits: torch's generator on the CPU ignores all above them."""
    mixed = hashlib.blake2b(f"{seed} {epoch}".encode(), digest_size=4)
    return int.from_bytes(mixed.digest(), "big")
