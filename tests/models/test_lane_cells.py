"""Recurrent cells of many lanes are each lane's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from bsx.models import Stacked, can_stack
from bsx.models.recurrent import LastState

CELLS = {
    "rnn": nn.RNN(3, 4, batch_first=True),
    "relu rnn, two layers": nn.RNN(3, 4, num_layers=2, nonlinearity="relu", batch_first=True),
    "gru": nn.GRU(3, 4, batch_first=True),
    "gru, three layers": nn.GRU(3, 4, num_layers=3, batch_first=True),
    "lstm": nn.LSTM(3, 4, batch_first=True),
    "lstm, two layers": nn.LSTM(3, 4, num_layers=2, batch_first=True),
}
UNKNOWN = {
    "both directions": nn.GRU(3, 4, bidirectional=True, batch_first=True),
    "a projection": nn.LSTM(3, 4, proj_size=2, batch_first=True),
    "no bias": nn.GRU(3, 4, bias=False, batch_first=True),
    "dropout between layers": nn.GRU(3, 4, num_layers=2, dropout=0.5, batch_first=True),
    "time first": nn.GRU(3, 4),
}


def chain(cells: nn.RNNBase, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    kind: dict[str, Any] = {"num_layers": cells.num_layers, "batch_first": True}
    if isinstance(cells, nn.RNN):
        kind["nonlinearity"] = cells.nonlinearity
    made = type(cells)(cells.input_size, cells.hidden_size, **kind)  # type: ignore[arg-type]
    return nn.Sequential(LastState(made), nn.Linear(4, 2)).double()


@pytest.mark.parametrize("name", CELLS)
def test_each_lane_has_the_outputs_and_gradients_of_its_own_cells(name: str) -> None:
    models = [chain(CELLS[name], seed) for seed in range(4)]
    inputs = torch.randn(2, 5, 6, 3, dtype=torch.float64)  # 2 streams of 2 lanes
    stacked = Stacked(models, (6, 3), width=2)
    outputs = stacked.forward(inputs, training=True)
    stacked.backward(2 * outputs)
    for lane, model in enumerate(models):
        alone = model(inputs[lane // 2])
        torch.testing.assert_close(outputs[lane], alone)
        expected = torch.autograd.grad(alone.square().sum(), list(model.parameters()))
        torch.testing.assert_close(stacked.of_lane(stacked.gradients, lane), list(expected))


@pytest.mark.parametrize("name", UNKNOWN)
def test_cells_that_are_not_known_train_in_the_plain_loop(name: str) -> None:
    assert not can_stack(nn.Sequential(LastState(UNKNOWN[name]), nn.Linear(4, 2)), (6, 3))
