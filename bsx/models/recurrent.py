"""Recurrent networks: a window in, one output after its last step (many-to-one)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from bsx.models import options
from bsx.models.kinds import check_series


class LastState(nn.Module):
    """Recurrent cells and what they hold after the last step of a window.

    (batch, window) or (batch, window, channels) → (batch, hidden).
    """

    def __init__(self, cells: nn.RNNBase) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, x: Tensor) -> Tensor:
        """Run the cells over the window."""
        states, _ = self.cells(x.unsqueeze(-1) if x.dim() == 2 else x)  # (batch, window, hidden)
        last: Tensor = states[:, -1]
        return last


def _recurrent(
    name: str,
    cells: Callable[..., nn.RNNBase],
    input_shape: tuple[int, ...],
    output_size: int,
    hidden: int,
    layers: int,
    dropout: float,
) -> nn.Module:
    """Build a stack of cells with dropout between its layers and before the output."""
    _, channels = check_series(name, input_shape)
    options.whole("hidden", hidden)
    options.whole("layers", layers)
    rate = options.fraction("dropout", dropout)
    between = rate if layers > 1 else 0.0
    made = cells(channels, hidden, num_layers=layers, dropout=between, batch_first=True)
    return nn.Sequential(LastState(made), nn.Dropout(rate), nn.Linear(hidden, output_size))


def rnn(
    input_shape: tuple[int, ...],
    output_size: int,
    hidden: int = 64,
    layers: int = 1,
    dropout: float = 0.0,
) -> nn.Module:
    """Plain recurrent network (tanh) over a series: hidden=64 layers=1 dropout=0."""
    return _recurrent("rnn", nn.RNN, input_shape, output_size, hidden, layers, dropout)


def lstm(
    input_shape: tuple[int, ...],
    output_size: int,
    hidden: int = 64,
    layers: int = 1,
    dropout: float = 0.0,
) -> nn.Module:
    """LSTM over a series: hidden=64 layers=1 dropout=0."""
    return _recurrent("lstm", nn.LSTM, input_shape, output_size, hidden, layers, dropout)


def gru(
    input_shape: tuple[int, ...],
    output_size: int,
    hidden: int = 64,
    layers: int = 1,
    dropout: float = 0.0,
) -> nn.Module:
    """GRU over a series: hidden=64 layers=1 dropout=0."""
    return _recurrent("gru", nn.GRU, input_shape, output_size, hidden, layers, dropout)
