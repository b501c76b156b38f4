"""What a reader gives (:class:`Dataset`) and what training takes (:class:`Splits`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bsx.data.rows import Rows
from bsx.data.stream import Stream, evenly_spaced


@dataclass(frozen=True)
class Dataset:
    """Samples as they come from a reader, in one piece and in their own units.

    Attributes:
        inputs: shape (samples, *input_shape). Floating point, or uint8 for images: training gets
            float32. Of type int64 they are token ids, which are never scaled nor cast. Rows, to
            be fetched by number, where they are too large for memory.
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
        naive: for a regression, the name of a rule that needs no training and what it predicts, in
            shape and units of the targets; without one it is the mean of the training targets.
        scaled_by: shift and scale of each number of a target, where the reader standardized them.
        identifiers: columns of a table that look as if they named its rows.
        dates: columns of a table that hold dates as text, and how many different ones.
        filled: columns of a table whose gaps are filled: name, gaps, cells.
        dropped: columns of a table that are left out, as the arguments of the reader name them.
        predicted: the columns of a table that are the target.
    """

    inputs: Tensor | Rows
    targets: Tensor
    task: str = "classification"
    parts: Mapping[str, Tensor] | None = None
    standardize: bool = True
    standardize_targets: bool = False
    classes: int | None = None
    output_size: int | None = None
    impute: Callable[[Tensor, Tensor], Tensor] | None = None
    naive: tuple[str, Tensor] | None = None
    scaled_by: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    identifiers: tuple[str, ...] = ()
    dates: tuple[tuple[str, int], ...] = ()
    filled: tuple[tuple[str, int, int], ...] = ()
    dropped: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Samples:
    """One part of a dataset, ready to be indexed: inputs (n, *input_shape), targets (n, …)."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.inputs.shape[1:])

    @property
    def holds_tokens(self) -> bool:
        """Whether inputs are token ids."""
        return self.inputs.dtype is torch.int64

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Samples:
        """Return the samples on ``device``, inputs as ``dtype`` unless they are token ids."""
        inputs = self.inputs if self.holds_tokens else self.inputs.to(dtype)
        return Samples(inputs.to(device), self.targets.to(device))

    def at_most(self, limit: int) -> Samples:
        """Return ``limit`` samples, evenly spaced."""
        if len(self) <= limit:
            return self
        rows = evenly_spaced(limit, len(self)).to(self.targets.device)
        return Samples(self.inputs[rows], self.targets[rows])

    def first(self, count: int) -> Tensor:
        """Return the first inputs, (count, *input_shape)."""
        return self.inputs[:count]

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of these rows, of any shape; theirs begin with it."""
        flat = rows.reshape(-1)
        inputs, targets = self.inputs.index_select(0, flat), self.targets.index_select(0, flat)
        return (
            inputs.view(*rows.shape, *inputs.shape[1:]),
            targets.view(*rows.shape, *targets.shape[1:]),
        )

    def chunks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all samples in order, ``size`` at a time: inputs and targets."""
        for start in range(0, len(self), size):
            yield self.inputs[start : start + size], self.targets[start : start + size]


Part = Samples | Stream


@dataclass(frozen=True)
class Splits:
    """A dataset divided and standardized, with the identity of its content.

    Attributes:
        classes: None where the task has none.
        output_size: how many numbers a model gives for a sample (and position): classes, labels,
            targets or vocabulary.
        target_shift, target_scale: of standardized targets: in the units of the data a target is
            ``shift + scale * target``; empty where they were left alone.
        naive: the name of the reader's rule, and what it predicts of each part but the training
            one, as training sees targets.
        identifiers: columns of a table that look as if they named its rows.
        dates: columns of a table that hold dates as text, and how many different ones.
        filled: columns of a table whose gaps are filled: name, gaps, cells.
        dropped: columns of a table that are left out, as the arguments of the reader name them.
        predicted: the columns of a table that are the target.
    """

    train: Part
    validation: Part
    test: Part
    task: str
    classes: int | None
    fingerprint: str
    output_size: int
    target_shift: tuple[float, ...] = ()
    target_scale: tuple[float, ...] = ()
    naive: tuple[str, Mapping[str, Tensor]] | None = None
    identifiers: tuple[str, ...] = ()
    dates: tuple[tuple[str, int], ...] = ()
    filled: tuple[tuple[str, int, int], ...] = ()
    dropped: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()

    @property
    def kind(self) -> str | None:
        """The kind of data, where its shape tells: tokens, images or series."""
        if self.train.holds_tokens:
            return "tokens"
        return {3: "images", 2: "series"}.get(len(self.input_shape))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.train.input_shape

    @property
    def streamed(self) -> bool:
        """Whether inputs are fetched as they are needed."""
        return isinstance(self.train, Stream)
