"""VGG for images of about 32×32 pixels."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from bsx.models import options
from bsx.models.kinds import check_image
from bsx.models.norms import image_norm

# Convolutions in each of the five blocks (Simonyan & Zisserman 2015, table 1: A, B, D, E).
_BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDENING = (1, 2, 4, 8, 8)  # of each block, in the width of the first: 64 … 512


def vgg(
    input_shape: tuple[int, ...],
    output_size: int,
    depth: int = 11,
    norm: str = "batch",
    ghost_size: int = 32,
    groups: int = 8,
    width: int = 64,
    dropout: float = 0.0,
) -> nn.Module:
    """VGG: depth=11|13|16|19 norm=batch|ghost|group|none ghost_size=32 groups=8 width=64 dropout=0.

    For images of about 32×32: 3×3 convolutions, then one linear layer in place of the paper's
    three (VGG-16 with BatchNorm has 14,728,266 parameters on CIFAR-10). Smaller images are pooled
    as often as they can be. Without a norm it hardly trains from 16 layers on; ``--init he`` helps.
    Its parts are named as elsewhere, so that ``--freeze 'features.*'`` leaves the last layer free.

    References:
        Simonyan, Zisserman 2015, "Very deep convolutional networks" (arXiv 1409.1556).
    """
    size, height, image_width = check_image("vgg", input_shape, least=1)
    options.one_of("depth", depth, *_BLOCKS)
    options.whole("width", width)
    rate = options.fraction("dropout", dropout)
    normalize = image_norm(norm, ghost_size, groups)
    side = min(height, image_width)
    layers: list[nn.Module] = []
    for count, widening in zip(_BLOCKS[depth], _WIDENING, strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(size, width * widening, 3, padding=1)]
            layers += [normalize(width * widening)] if norm != "none" else []
            layers += [nn.ReLU()]
            size = width * widening
        if side >= 2:
            layers.append(nn.MaxPool2d(2))
            side //= 2
    parts: dict[str, nn.Module] = OrderedDict(
        features=nn.Sequential(*layers), pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()
    )
    if rate:
        parts["dropout"] = nn.Dropout(rate)
    parts["classifier"] = nn.Linear(size, output_size)
    return nn.Sequential(OrderedDict(parts))
