"""What a reader gives (:class:`Dataset`) and what training takes (:class:`Splits`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Dataset:
    """Samples as they come from a reader, in one piece and in their own units.

    Attributes:
        inputs: shape (samples, *input_shape).
        targets: shape (samples,): class labels of any integer or text coding, already as integers.
        task: the registry's name of what is learned.
        parts: official splits: ``train``, ``validation``, ``test`` → row numbers. Those absent
            are drawn from ``train``; None means that there are none at all.
        standardize: whether inputs are shifted and scaled by the training part's statistics.
    """

    inputs: Tensor
    targets: Tensor
    task: str = "classification"
    parts: Mapping[str, Tensor] | None = None
    standardize: bool = True


@dataclass(frozen=True)
class Samples:
    """One part of a dataset, ready to be indexed: inputs (n, *input_shape), targets (n,)."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device | str) -> Samples:
        """Return the samples on ``device``."""
        return Samples(self.inputs.to(device), self.targets.to(device))

    def first(self, limit: int) -> Samples:
        """Return the first ``limit`` samples (the parts are shuffled when they are drawn)."""
        return Samples(self.inputs[:limit], self.targets[:limit])


@dataclass(frozen=True)
class Splits:
    """A dataset divided and standardized, with the identity of its content."""

    train: Samples
    validation: Samples
    test: Samples
    task: str
    classes: int
    fingerprint: str

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.train.inputs.shape[1:])

    @property
    def output_size(self) -> int:
        """How many numbers a model gives for a sample."""
        return self.classes
