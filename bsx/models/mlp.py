"""Multi-layer perceptrons."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import nn

from bsx.errors import ConfigError
from bsx.models import options
from bsx.models.kinds import check_shape
from bsx.models.norms import GhostBatchNorm


def mlp(
    input_shape: tuple[int, ...],
    output_size: int,
    hidden: int | Sequence[int] = (128,),
    activation: str = "relu",
    norm: str = "none",
    dropout: float = 0.0,
    depth: int | None = None,
    ghost_size: int = 32,
) -> nn.Module:
    """MLP: hidden=128 depth=1 activation=relu norm=none|batch|layer|ghost ghost_size=32 dropout=0.

    Any input is flattened. ``hidden`` is a width, or several: 256,128. ``depth`` repeats a single
    width; 0 gives a linear model. ``activation``: relu, sigmoid, tanh, gelu or silu.
    """
    check_shape("mlp", input_shape)
    activate = options.activation(activation)
    normalize = _norm(norm, options.whole("ghost_size", ghost_size, least=2))
    rate = options.fraction("dropout", dropout)
    layers: list[nn.Module] = [nn.Flatten()]
    size = math.prod(input_shape)
    for width in _widths(hidden, depth):
        layers.append(nn.Linear(size, width))
        if norm != "none":
            layers.append(normalize(width))
        layers.append(activate())
        if rate:
            layers.append(nn.Dropout(rate))
        size = width
    layers.append(nn.Linear(size, output_size))
    return nn.Sequential(*layers)


def _norm(norm: str, ghost_size: int) -> Callable[[int], nn.Module]:
    builders: dict[str, Callable[[int], nn.Module]] = {
        "none": lambda width: nn.Identity(),
        "batch": nn.BatchNorm1d,
        "layer": nn.LayerNorm,
        "ghost": lambda width: GhostBatchNorm(width, ghost_size),
    }
    return builders[options.one_of("norm", norm, *builders)]


def _widths(hidden: int | Sequence[int], depth: int | None) -> tuple[int, ...]:
    widths = tuple(hidden) if isinstance(hidden, list | tuple) else (hidden,)
    if not all(type(width) is int and width > 0 for width in widths):
        raise ConfigError(f"--model-arg hidden={hidden}: give widths such as 128 or 256,128")
    if depth is None:
        return widths
    if len(widths) != 1:
        raise ConfigError(
            f"--model-arg depth={depth} repeats one width, and hidden={hidden} gives "
            f"{len(widths)}; give hidden=128 depth=2, or hidden=128,128 alone"
        )
    return widths * options.whole("depth", depth, least=0)
