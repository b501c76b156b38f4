"""What a reader gives (:class:`Dataset`) and what training takes (:class:`Splits`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Dataset:
    """Samples as they come from a reader, in one piece and in their own units.

    Attributes:
        inputs: shape (samples, *input_shape). Floating point, or uint8 for images: training gets
            float32. Of type int64 they are token ids, which are never scaled nor cast.
        targets: by task. classification: int64 (samples,). multi-label: 0 or 1, (samples, labels).
            regression: (samples,) or (samples, targets). language-modelling: int64, (samples,
            context).
        task: the registry's name of what is learned.
        parts: official splits: ``train``, ``validation``, ``test`` → row numbers. Those absent
            are drawn from ``train``; None means that there are none at all.
        standardize: whether inputs are shifted and scaled by the training part's statistics.
        standardize_targets: the same for the targets of a regression; losses and metrics are then
            in these units.
        classes: how many classes there are, where labels 0 … classes-1 are fixed by the reader
            (then some may be absent); None counts and numbers those that occur.
        output_size: how many numbers a model gives for a sample, where targets do not tell: the
            vocabulary of language-modelling.
        impute: gives the inputs with their gaps (NaN) filled: (inputs, training rows) → inputs.
    """

    inputs: Tensor
    targets: Tensor
    task: str = "classification"
    parts: Mapping[str, Tensor] | None = None
    standardize: bool = True
    standardize_targets: bool = False
    classes: int | None = None
    output_size: int | None = None
    impute: Callable[[Tensor, Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Samples:
    """One part of a dataset, ready to be indexed: inputs (n, *input_shape), targets (n, …)."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device | str) -> Samples:
        """Return the samples on ``device``."""
        return Samples(self.inputs.to(device), self.targets.to(device))

    def at_most(self, limit: int) -> Samples:
        """Return ``limit`` samples, evenly spaced: a part may be in order of class or time."""
        if len(self) <= limit:
            return self
        rows = torch.arange(limit, device=self.targets.device) * len(self) // limit
        return Samples(self.inputs[rows], self.targets[rows])


@dataclass(frozen=True)
class Splits:
    """A dataset divided and standardized, with the identity of its content.

    Attributes:
        classes: None where the task has none.
        output_size: how many numbers a model gives for a sample (and position): classes, labels,
            targets or vocabulary.
        target_shift, target_scale: of standardized targets: in the units of the data a target is
            ``shift + scale * target``; empty where they were left alone.
    """

    train: Samples
    validation: Samples
    test: Samples
    task: str
    classes: int | None
    fingerprint: str
    output_size: int
    target_shift: tuple[float, ...] = ()
    target_scale: tuple[float, ...] = ()

    @property
    def kind(self) -> str | None:
        """The kind of data, where its shape tells: tokens, images or series."""
        if self.train.inputs.dtype is torch.int64:
            return "tokens"
        return {3: "images", 2: "series"}.get(len(self.input_shape))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.train.inputs.shape[1:])
