"""Data of the benchmarks: random, of the sizes that matter, the same for bsx and its peers."""

from __future__ import annotations

import torch

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
