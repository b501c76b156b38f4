"""The residual networks of He et al. for CIFAR: three stages of 16, 32 and 64 channels."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from bsx.models.kinds import check_image
from bsx.models.norms import image_norm
from bsx.models.options import whole


class _Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut without parameters (option A of the paper)."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, norm: Callable[[int], nn.Module], bias: bool
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=bias)
        self.norm1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=bias)
        self.norm2 = norm(outputs)
        self.stride = stride
        self.added = outputs - inputs  # channels of zeros that widen the shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.added:
            x = F.pad(x, (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))
        return F.relu(x + y)


def _resnet(
    name: str,
    depth: int,
    input_shape: tuple[int, ...],
    output_size: int,
    norm: str,
    ghost_size: int,
    groups: int,
    width: int,
) -> nn.Module:
    """Build one of 6n + 2 layers.

    References:
        He, Zhang, Ren, Sun 2016, "Deep residual learning for image recognition", section 4.2
        (arXiv 1512.03385).
    """
    channels, _, _ = check_image(name, input_shape, least=4)
    whole("width", width)
    normalize = image_norm(norm, ghost_size, groups)
    bias = norm == "none"
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 3, padding=1, bias=bias),
        normalize(width),
        nn.ReLU(),
    ]
    size = width
    for stage, outputs in enumerate((width, 2 * width, 4 * width)):
        for block in range((depth - 2) // 6):
            stride = 2 if stage and not block else 1
            layers.append(_Block(size, outputs, stride, normalize, bias))
            size = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(size, output_size)]
    return nn.Sequential(*layers)


def resnet8(
    input_shape: tuple[int, ...],
    output_size: int,
    norm: str = "batch",
    ghost_size: int = 32,
    groups: int = 8,
    width: int = 16,
) -> nn.Module:
    """CIFAR ResNet-8: norm=batch|ghost|group|none ghost_size=32 groups=8 width=16."""
    return _resnet("resnet8", 8, input_shape, output_size, norm, ghost_size, groups, width)


def resnet20(
    input_shape: tuple[int, ...],
    output_size: int,
    norm: str = "batch",
    ghost_size: int = 32,
    groups: int = 8,
    width: int = 16,
) -> nn.Module:
    """CIFAR ResNet-20: norm=batch|ghost|group|none ghost_size=32 groups=8 width=16."""
    return _resnet("resnet20", 20, input_shape, output_size, norm, ghost_size, groups, width)


def resnet32(
    input_shape: tuple[int, ...],
    output_size: int,
    norm: str = "batch",
    ghost_size: int = 32,
    groups: int = 8,
    width: int = 16,
) -> nn.Module:
    """CIFAR ResNet-32: norm=batch|ghost|group|none ghost_size=32 groups=8 width=16."""
    return _resnet("resnet32", 32, input_shape, output_size, norm, ghost_size, groups, width)


def resnet56(
    input_shape: tuple[int, ...],
    output_size: int,
    norm: str = "batch",
    ghost_size: int = 32,
    groups: int = 8,
    width: int = 16,
) -> nn.Module:
    """CIFAR ResNet-56: norm=batch|ghost|group|none ghost_size=32 groups=8 width=16."""
    return _resnet("resnet56", 56, input_shape, output_size, norm, ghost_size, groups, width)
