"""Data made on the spot, with as many classes, features and samples as one likes."""

from __future__ import annotations

import math

import numpy as np
import torch

from bsx.data.dataset import Dataset
from bsx.data.given import real, whole
from bsx.data.series import Layout, windowed
from bsx.errors import ConfigError


def blobs(
    samples: int = 2000,
    classes: int = 10,
    features: int = 16,
    spread: float = 1.0,
    seed: int = 0,
) -> Dataset:
    """Gaussian blobs around random centres: any number of classes, overlap set by `spread`."""
    whole("samples", samples, 3)
    whole("classes", classes, 2)
    whole("features", features)
    _above_zero("spread", spread)
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, features, generator=generator)
    targets = torch.arange(samples) % classes
    noise = torch.randn(samples, features, generator=generator)
    return Dataset(centres[targets] + spread * noise, targets)


def spirals(
    samples: int = 2000,
    classes: int = 2,
    turns: float = 1.0,
    noise: float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Spiral arms in the plane, one a class: what no straight line can part."""
    whole("samples", samples, 3)
    whole("classes", classes, 2)
    real("turns", turns, 0)
    real("noise", noise, 0)
    generator = torch.Generator().manual_seed(seed)
    targets = torch.arange(samples) % classes
    along = torch.rand(samples, generator=generator).sqrt()  # even in area, not in length
    angle = 2 * math.pi * (turns * along + targets / classes)
    points = torch.stack([along * angle.cos(), along * angle.sin()], dim=1)
    return Dataset(points + noise * torch.randn(samples, 2, generator=generator) / 2, targets)


def sine_mixture(
    length: int = 2000,
    window: int = 24,
    horizon: int = 1,
    stride: int = 1,
    components: int = 3,
    noise: float = 0.1,
    data_seed: int = 0,
    validation: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """A series of summed sines and noise: length=2000 window=24 horizon=1 components=3 noise=0.1.

    Periods lie between 4 and 100 steps; the noise is in units of the clean series' own spread.
    """
    layout = Layout(whole("window", window), whole("horizon", horizon), whole("stride", stride))
    whole("length", length, 3)
    whole("components", components)
    real("noise", noise, 0)
    generator = np.random.default_rng(data_seed)
    periods = np.exp(generator.uniform(math.log(4), math.log(100), components))
    phases = generator.uniform(0, 2 * math.pi, components)
    heights = generator.uniform(0.5, 1.5, components)
    time = np.arange(length)[:, None]
    clean = (heights * np.sin(2 * math.pi * time / periods + phases)).sum(axis=1)
    spread = math.sqrt(float((heights**2).sum()) / 2)
    values = clean / spread + noise * generator.standard_normal(length)
    return windowed(
        values[:, None],
        (),
        layout,
        inputs=[0],
        targets=[0],
        fractions={"validation": validation, "test": test},
        name="--dataset sine-mixture",
    )


def quadratic(
    samples: int = 20_000,
    dimensions: int = 16,
    condition: float = 10.0,
    noise: float = 1.0,
    data_seed: int = 0,
    validation: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """A noisy quadratic bowl of known curvature and noise, for --model quadratic.

    Sample i is a point x_i, and its loss at the parameters θ is ½ Σ_j h_j (θ_j − x_ij)². The
    curvatures h fall geometrically from 1 to 1/condition. In every part, every coordinate of x
    has mean 0 and standard deviation ``noise`` exactly, so that the part's mean loss is
    ½ Σ_j h_j (θ_j² + noise²): the mean over the samples has no noise of its own, only batches do.

    As a regression: inputs a_j = √(h_j d/2), the same for every sample, targets a_j x_ij, outputs
    a_j θ_j; the squared error, averaged over the d outputs, is that loss.

    References:
        Zhang et al. 2019, Which algorithmic choices matter at which batch sizes? Insights from a
        noisy quadratic model (arXiv 1907.04164).
    """
    whole("samples", samples, 6)
    whole("dimensions", dimensions)
    real("condition", condition, 1)
    _above_zero("noise", noise)
    held_out = {
        "validation": max(2, round(validation * samples)),
        "test": max(2, round(test * samples)),
    }
    sizes = {"train": samples - sum(held_out.values()), **held_out}
    if sizes["train"] < 2:
        raise ConfigError(f"--dataset-arg samples={samples}: too few for three parts; give more")
    generator = np.random.default_rng(data_seed)
    points = noise * np.concatenate(
        [_standard(generator.standard_normal((size, dimensions))) for size in sizes.values()]
    )
    scale = np.sqrt(curvatures(dimensions, condition) * dimensions / 2)
    borders = np.cumsum([0, *sizes.values()])
    return Dataset(
        torch.from_numpy(np.tile(scale, (samples, 1)).astype(np.float32)),
        torch.from_numpy((scale * points).astype(np.float32)),
        task="regression",
        parts={
            part: torch.arange(int(low), int(high))
            for part, low, high in zip(sizes, borders[:-1], borders[1:], strict=True)
        },
        standardize=False,
    )


def curvatures(dimensions: int, condition: float) -> np.ndarray:
    """Return the curvatures of :func:`quadratic`, from 1 down to 1/condition."""
    return condition ** -np.linspace(0.0, 1.0, dimensions) if dimensions > 1 else np.ones(1)


def _standard(values: np.ndarray) -> np.ndarray:
    """Shift and scale each column to mean 0 and standard deviation 1."""
    centred = values - values.mean(axis=0)
    standard: np.ndarray = centred / centred.std(axis=0)
    return standard


def _above_zero(name: str, value: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise ConfigError(f"--dataset-arg {name}={value}: give a number above 0")
