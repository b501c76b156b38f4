"""Recurrent cells of many models at once: a step of the window is one product for all lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from bsx.models.recurrent import LastState

# (from the inputs, from the last hidden state, its bias, hidden, cell) → hidden, cell
Cell = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def can_stack_cells(module: LastState) -> bool:
    """Say whether :class:`LastStates` can take cells like these."""
    cells = module.cells
    plain = not cells.bidirectional and not getattr(cells, "proj_size", 0) and cells.batch_first
    return bool(plain and cells.bias and type(cells) in _CELLS and not _drops(cells))


def _drops(cells: nn.RNNBase) -> bool:
    return bool(cells.dropout) and cells.num_layers > 1


class LastStates(nn.Module):
    """The recurrent cells of each lane.

    (lanes, batch, window) or (lanes, batch, window, channels) → (lanes, batch, hidden). Gates and
    their order are torch's (see ``torch.nn.GRU`` and ``torch.nn.LSTM``).
    """

    def __init__(self, modules: Sequence[LastState]) -> None:
        super().__init__()
        cells = [module.cells for module in modules]
        first = cells[0]
        self.hidden = first.hidden_size
        self.cell = _CELLS[type(first)]
        if isinstance(first, nn.RNN) and first.nonlinearity == "relu":
            self.cell = _relu_cell
        self.weights = nn.ParameterList(
            nn.Parameter(torch.stack([w.detach() for w in column]))
            for column in zip(*(c._flat_weights for c in cells), strict=True)
        )  # of each layer: from inputs, from hidden, and the bias of either

    def forward(self, x: Tensor) -> Tensor:
        """Run every lane's cells over its windows."""
        if x.dim() == 3:
            x = x.unsqueeze(-1)
        parameters = list(self.weights)
        steps: Sequence[Tensor] = ()
        for layer in range(0, len(parameters), 4):
            weights, biases = parameters[layer : layer + 2], parameters[layer + 2 : layer + 4]
            of_inputs, of_hidden = (weight.mT for weight in weights)  # (lanes, in, gates)
            bias, hidden_bias = (bias.unsqueeze(1) for bias in biases)
            lanes, batch, window, channels = x.shape
            # time first, so that each step reads one block
            flat = x.transpose(1, 2).reshape(lanes, window * batch, channels)
            gates = torch.baddbmm(bias, flat, of_inputs).view(lanes, window, batch, -1)
            hidden = cell = gates.new_zeros(lanes, batch, self.hidden)
            states = []
            for step in gates.unbind(1):
                recurrent = torch.baddbmm(hidden_bias, hidden, of_hidden)
                hidden, cell = self.cell(step, recurrent, hidden, cell)
                states.append(hidden)
            steps = states
            if layer + 4 < len(parameters):
                x = torch.stack(states, dim=2)
        return steps[-1]


def _tanh_cell(step: Tensor, recurrent: Tensor, _h: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    return torch.tanh(step + recurrent), cell


def _relu_cell(step: Tensor, recurrent: Tensor, _h: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    return torch.relu(step + recurrent), cell


def _gru_cell(
    step: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor]:
    size = hidden.shape[-1]
    reset, update = torch.sigmoid(step[..., : 2 * size] + recurrent[..., : 2 * size]).chunk(
        2, dim=-1
    )
    new = torch.tanh(torch.addcmul(step[..., 2 * size :], reset, recurrent[..., 2 * size :]))
    return torch.lerp(new, hidden, update), cell


def _lstm_cell(
    step: Tensor, recurrent: Tensor, _hidden: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor]:
    size = cell.shape[-1]
    gates = step + recurrent
    take, forget = torch.sigmoid(gates[..., : 2 * size]).chunk(2, dim=-1)
    new, show = torch.tanh(gates[..., 2 * size : 3 * size]), torch.sigmoid(gates[..., 3 * size :])
    cell = torch.addcmul(forget * cell, take, new)
    return show * torch.tanh(cell), cell


_CELLS: dict[type[nn.RNNBase], Cell] = {nn.RNN: _tanh_cell, nn.GRU: _gru_cell, nn.LSTM: _lstm_cell}
