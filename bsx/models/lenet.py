"""LeNet-5."""

from __future__ import annotations

from torch import nn

from bsx.models import options
from bsx.models.kinds import check_image


def lenet5(
    input_shape: tuple[int, ...], output_size: int, activation: str = "tanh", pool: str = "average"
) -> nn.Module:
    """LeNet-5: activation=tanh (relu, …) pool=average|max.

    The variant in common use, with full connections in the second convolution and linear outputs:
    61,706 parameters for 1×32×32 and ten classes. Images under 32 pixels a side are padded by two
    in the first convolution, as 28×28 ones are in the paper; the least is 12×12.

    References:
        LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document
        recognition".
    """
    channels, height, width = check_image("lenet5", input_shape, least=12)
    activate = options.activation(activation)
    pools = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}
    pooling = pools[options.one_of("pool", pool, *pools)]
    padding = 2 if min(height, width) < 32 else 0
    rows, columns = (((side + 2 * padding - 4) // 2 - 4) // 2 for side in (height, width))
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=padding),
        activate(),
        pooling(2),
        nn.Conv2d(6, 16, 5),
        activate(),
        pooling(2),
        nn.Flatten(),
        nn.Linear(16 * rows * columns, 120),
        activate(),
        nn.Linear(120, 84),
        activate(),
        nn.Linear(84, output_size),
    )
