"""Tiny data of every kind, each with a pattern that a model can learn, as a user would give it."""

from __future__ import annotations

import torch
from torch import Tensor

from bsx.data import Dataset

SAMPLES = 64
CLASSES = 3
VOCABULARY = 7
CONTEXT = 8


def _labelled(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return noise about a mean of its own for each class."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(SAMPLES) % CLASSES
    means = torch.randn(CLASSES, *shape, generator=generator)
    noise = torch.randn(SAMPLES, *shape, generator=generator)
    return means[labels] + 0.3 * noise, labels


def vectors() -> tuple[Tensor, Tensor]:
    """Return (samples, 5) and labels."""
    return _labelled((5,))


def images(side: int = 16, channels: int = 2) -> tuple[Tensor, Tensor]:
    """Return (samples, channels, side, side) and labels."""
    return _labelled((channels, side, side))


def series(channels: int = 2) -> tuple[Tensor, Tensor]:
    """Return (samples, 6, channels) and labels; without the last axis where channels is 0."""
    return _labelled((6, channels) if channels else (6,))


def tokens() -> Dataset:
    """Return token ids that count upwards from a random one, and the next at each position."""
    generator = torch.Generator().manual_seed(0)
    starts = torch.randint(0, VOCABULARY, (SAMPLES, 1), generator=generator)
    ids = (starts + torch.arange(CONTEXT + 1)) % VOCABULARY
    return Dataset(
        ids[:, :-1],
        ids[:, 1:],
        task="language-modelling",
        standardize=False,
        output_size=VOCABULARY,
    )
