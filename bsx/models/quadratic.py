"""The model of the noisy quadratic data: one vector of parameters, nothing more."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bsx.errors import ConfigError


class Point(nn.Module):
    """Parameters θ, one for each input, which the inputs scale: a_j → a_j θ_j."""

    def __init__(self, size: int, start: float) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.full((size,), float(start)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, size) to (batch, size)."""
        return x * self.position


def quadratic(input_shape: tuple[int, ...], output_size: int, start: float = 1.0) -> nn.Module:
    """One vector of parameters, for --dataset quadratic; every coordinate begins at start=1."""
    if input_shape != (output_size,):
        raise ConfigError(
            "--model quadratic: it has an output for each input, and these data have inputs of "
            f"shape {input_shape} and {output_size} outputs; take --dataset quadratic"
        )
    if isinstance(start, bool) or not isinstance(start, int | float):
        raise ConfigError(f"--model-arg start={start}: give a number")
    return Point(output_size, start)
