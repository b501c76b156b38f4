"""Small convolutional networks: one with BatchNorm, and the Simple CNN of Shallue et al."""

from __future__ import annotations

from torch import nn

from bsx.models.kinds import check_image
from bsx.models.options import whole


def cnn(input_shape: tuple[int, ...], output_size: int, width: int = 16) -> nn.Module:
    """Small CNN with BatchNorm: width=16. Two convolutions, global average pooling."""
    channels, _, _ = check_image("cnn", input_shape, least=1)
    whole("width", width)
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1, stride=2, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, output_size),
    )


def simple_cnn(input_shape: tuple[int, ...], output_size: int, width: int = 32) -> nn.Module:
    """Simple CNN of Shallue et al. 2019: width=32. Two 5×5 convolutions, max-pooling, linear.

    Convolutions are valid, the second twice as wide. Images of at least 16×16 pixels.

    References:
        Shallue et al. 2019, "Measuring the effects of data parallelism on neural network
        training", appendix B (arXiv 1811.03600).
    """
    channels, height, width_px = check_image("simple-cnn", input_shape, least=16)
    whole("width", width)
    rows, columns = (((side - 4) // 2 - 4) // 2 for side in (height, width_px))
    return nn.Sequential(
        nn.Conv2d(channels, width, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * rows * columns, output_size),
    )
