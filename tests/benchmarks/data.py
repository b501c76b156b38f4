"""Data of the benchmarks: random, of the sizes that matter, the same for bsx and its peers."""

from __future__ import annotations

import torch

from bsx.data import Dataset

SAMPLES = 20_000


def flat_images() -> tuple[torch.Tensor, torch.Tensor]:
    """As many numbers a sample as Fashion-MNIST, of 10 classes."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(SAMPLES, 784, generator=generator)
    return inputs, torch.randint(0, 10, (SAMPLES,), generator=generator)


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """The same as images of 28 × 28."""
    inputs, targets = flat_images()
    return inputs.view(-1, 1, 28, 28), targets


def windows() -> Dataset:
    """Windows of 24 steps of 7 channels and one number to predict, as ETTh1 gives them."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(SAMPLES, 24, 7, generator=generator)
    return Dataset(inputs, inputs[:, -1, :1].clone(), task="regression")


def text() -> Dataset:
    """Contexts of 64 characters out of 65, and the characters that follow."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 65, (SAMPLES // 4, 65), generator=generator)
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    return Dataset(inputs, targets, task="language-modelling", output_size=65)
