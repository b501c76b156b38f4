"""A small convolutional network with BatchNorm."""

from __future__ import annotations

from torch import nn

from bsx.errors import ConfigError


def cnn(input_shape: tuple[int, ...], output_size: int, width: int = 16) -> nn.Module:
    """Small CNN with BatchNorm for images: two convolutions, global average pooling."""
    if len(input_shape) != 3:
        raise ConfigError(
            f"--model cnn: needs images of shape (channels, height, width), not {input_shape}; "
            "take --model mlp"
        )
    if not isinstance(width, int) or width < 1:
        raise ConfigError(f"--model-arg width={width}: give a whole number of at least 1")
    return nn.Sequential(
        nn.Conv2d(input_shape[0], width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1, stride=2, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, output_size),
    )
