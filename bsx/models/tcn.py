"""Temporal convolutional network: dilated causal convolutions over a window."""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from bsx.models import options
from bsx.models.kinds import check_series


class _Block(nn.Module):
    """Two causal convolutions beside a shortcut; (batch, channels, window) in and out."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dilation: int, dropout: float
    ) -> None:
        super().__init__()
        self.past = (kernel - 1) * dilation  # padded on the left alone: no step sees the future
        self.conv1 = nn.Conv1d(inputs, outputs, kernel, dilation=dilation)
        self.conv2 = nn.Conv1d(outputs, outputs, kernel, dilation=dilation)
        self.dropout = nn.Dropout(dropout)
        same = inputs == outputs
        self.shortcut: nn.Module = nn.Identity() if same else nn.Conv1d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(F.relu(self.conv1(F.pad(x, (self.past, 0)))))
        y = self.dropout(F.relu(self.conv2(F.pad(y, (self.past, 0)))))
        return F.relu(y + self.shortcut(x))


class _Tcn(nn.Module):
    def __init__(self, blocks: list[_Block], width: int, output_size: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, output_size)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unsqueeze(1) if x.dim() == 2 else x.transpose(1, 2)  # (batch, channels, window)
        outputs: Tensor = self.head(self.blocks(x)[:, :, -1])
        return outputs


def tcn(
    input_shape: tuple[int, ...],
    output_size: int,
    width: int = 32,
    levels: int = 4,
    kernel: int = 3,
    dropout: float = 0.0,
) -> nn.Module:
    """1-d CNN (TCN) over a series: width=32 levels=4 kernel=3 dropout=0.

    Dilations 1, 2, 4 … double with each level; the last step sees 1 + 2·(kernel − 1)·(2^levels − 1)
    steps of the window. Inputs (batch, window) or (batch, window, channels), one output a series.

    References:
        Bai, Kolter, Koltun 2018, "An empirical evaluation of generic convolutional and recurrent
        networks for sequence modeling" (arXiv 1803.01271), without its weight normalization.
    """
    _, channels = check_series("tcn", input_shape)
    options.whole("width", width)
    options.whole("kernel", kernel, least=2)
    rate = options.fraction("dropout", dropout)
    sizes = [channels, *[width] * options.whole("levels", levels)]
    blocks = [
        _Block(inputs, outputs, kernel, 2**level, rate)
        for level, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
    ]
    return _Tcn(blocks, width, output_size)
