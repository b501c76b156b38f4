"""Data made on the spot, with as many classes, features and samples as one likes."""

from __future__ import annotations

import torch

from bsx.data.dataset import Dataset
from bsx.errors import ConfigError


def blobs(
    samples: int = 2000,
    classes: int = 10,
    features: int = 16,
    spread: float = 1.0,
    seed: int = 0,
) -> Dataset:
    """Gaussian blobs around random centres: any number of classes, overlap set by `spread`."""
    for name, value, least in (("samples", samples, 3), ("classes", classes, 2), ("features", features, 1)):
        if not isinstance(value, int) or value < least:
            raise ConfigError(f"--dataset-arg {name}={value}: give a whole number of at least {least}")
    if not spread > 0:
        raise ConfigError(f"--dataset-arg spread={spread}: give a number above 0")
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, features, generator=generator)
    targets = torch.arange(samples) % classes
    noise = torch.randn(samples, features, generator=generator)
    return Dataset(centres[targets] + spread * noise, targets)
