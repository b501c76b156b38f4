"""Data and models of every task, as a user would write them in a file of their own."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor, nn

from bsx.data import Dataset


def _drawn(samples: int, columns: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(samples, 6, generator=generator)
    weights = torch.randn(6, columns, generator=generator)
    noise = 0.3 * torch.randn(samples, columns, generator=generator)
    return inputs, inputs @ weights + noise


def line(samples: int = 240, columns: int = 1) -> Dataset:
    """Numbers that depend linearly on the inputs, with noise of variance 0.09."""
    inputs, targets = _drawn(samples, columns)
    return Dataset(inputs, targets[:, 0] if columns == 1 else targets, task="regression")


def guessed(samples: int = 240, columns: int = 1, scaled: bool = False) -> Dataset:
    """The same numbers, with a rule that is wrong by 1 in each, up or down."""
    made = line(samples, columns)
    wrong = 1 - 2.0 * (torch.arange(samples) % 2)
    naive = made.targets + (wrong if columns == 1 else wrong.unsqueeze(1))
    return dataclasses.replace(made, standardize_targets=scaled, naive=("a guess", naive))


def tags(samples: int = 240) -> Dataset:
    """Four labels, each of which is there or not."""
    inputs, scores = _drawn(samples, 4)
    return Dataset(inputs, (scores > 1).long(), task="multi-label")


def flat(samples: int = 60) -> Dataset:
    """Numbers of which nothing can be explained: in the validation part they are all the same."""
    inputs, targets = _drawn(samples, 1)
    rows = torch.arange(samples)
    targets = torch.where(rows % 3 == 1, torch.zeros(samples), targets[:, 0])
    parts = {"train": rows[::3], "validation": rows[1::3], "test": rows[2::3]}
    return Dataset(inputs, targets, task="regression", parts=parts)


def counting(samples: int = 160, context: int = 8, vocabulary: int = 6) -> Dataset:
    """Tokens of which each is one more than the last, around and around."""
    starts = torch.arange(samples) % vocabulary
    tokens = (starts.unsqueeze(1) + torch.arange(context + 1)) % vocabulary
    return Dataset(tokens[:, :-1], tokens[:, 1:], task="language-modelling", output_size=vocabulary)


class Bigram(nn.Module):
    """The next token from the last one: a table."""

    def __init__(self, output_size: int) -> None:
        super().__init__()
        self.table = nn.Embedding(output_size, output_size)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (batch, context) to (batch, context, vocabulary)."""
        logits: Tensor = self.table(tokens)
        return logits


class Single(nn.Module):
    """A regression that gives (batch,), as some write it."""

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.inner = nn.Linear(math.prod(input_shape), 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, features) to (batch,)."""
        out: Tensor = self.inner(inputs)[:, 0]
        return out


class LastToken(Bigram):
    """A language model that forgets all positions but the last."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (batch, context) to (batch, vocabulary)."""
        return super().forward(tokens)[:, -1]
