"""Multi-layer perceptrons."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import nn

from bsx.errors import ConfigError

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
_NORMS: dict[str, Callable[[int], nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


def mlp(
    input_shape: tuple[int, ...],
    output_size: int,
    hidden: int | Sequence[int] = (128,),
    activation: str = "relu",
    norm: str = "none",
    dropout: float = 0.0,
) -> nn.Module:
    """Multi-layer perceptron: hidden=128,128 activation=relu norm=none|batch|layer dropout=0."""
    widths = (hidden,) if isinstance(hidden, int) else tuple(hidden)
    if not all(isinstance(width, int) and width > 0 for width in widths):
        raise ConfigError(f"--model-arg hidden={hidden}: give widths such as 128 or 256,128")
    if activation not in _ACTIVATIONS:
        raise ConfigError(
            f"--model-arg activation={activation}: give one of {', '.join(_ACTIVATIONS)}"
        )
    if norm != "none" and norm not in _NORMS:
        raise ConfigError(f"--model-arg norm={norm}: give one of none, {', '.join(_NORMS)}")
    if not 0 <= dropout < 1:
        raise ConfigError(f"--model-arg dropout={dropout}: give a fraction from 0 up to below 1")
    layers: list[nn.Module] = [nn.Flatten()]
    size = math.prod(input_shape)
    for width in widths:
        layers.append(nn.Linear(size, width))
        if norm != "none":
            layers.append(_NORMS[norm](width))
        layers.append(_ACTIVATIONS[activation]())
        if dropout:
            layers.append(nn.Dropout(dropout))
        size = width
    layers.append(nn.Linear(size, output_size))
    return nn.Sequential(*layers)
