"""Any model that torch can vectorize trains as lanes, each its own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bsx.models import Stacked, build_model, can_stack, can_vectorize

KNOWN = {
    "transformer": ((6,), {"width": 8, "heads": 2}),
    "lenet5": ((1, 32, 32), {}),
    "tcn": ((12, 2), {"width": 4}),
}


def built(name: str, seed: int) -> nn.Module:
    shape, args = KNOWN[name]
    return build_model(name, args, input_shape=shape, output_size=5, seed=seed)


def samples(name: str, *leading: int) -> Tensor:
    shape, _ = KNOWN[name]
    if name == "transformer":
        return torch.randint(0, 5, (*leading, *shape))
    return torch.randn(*leading, *shape, dtype=torch.float64)


@pytest.mark.parametrize("name", KNOWN)
def test_each_lane_has_the_outputs_and_gradients_of_its_own_model(name: str) -> None:
    models = [built(name, seed).double() for seed in range(4)]
    shape, _ = KNOWN[name]
    assert not can_stack(models[0], shape)
    assert can_vectorize(models[0], samples(name, 2))
    inputs = samples(name, 2, 3)  # 2 streams of 2 lanes
    stacked = Stacked(models, shape, width=2)
    outputs = stacked.forward(inputs, training=True)
    stacked.backward(2 * outputs)
    shared = stacked(inputs[0])
    for lane, model in enumerate(models):
        alone = model(inputs[lane // 2])
        torch.testing.assert_close(outputs[lane], alone)
        expected = torch.autograd.grad(alone.square().sum(), list(model.parameters()))
        torch.testing.assert_close(stacked.of_lane(stacked.gradients, lane), list(expected))
        torch.testing.assert_close(shared[lane], model.eval()(inputs[0]))


class Branching(nn.Module):
    """Goes another way for other samples, which cannot be vectorized."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y if float(y.sum()) > 0 else -y


def test_what_cannot_be_vectorized_is_found_out_and_left_as_it_was() -> None:
    sample = torch.randn(2, 4)
    plain = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    before = [p.clone() for p in plain.parameters()]
    assert can_vectorize(plain, sample)
    torch.testing.assert_close(list(plain.parameters()), before)
    assert plain.training
    assert not can_vectorize(Branching(), sample)
    assert not can_vectorize(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), sample)
    assert not can_vectorize(nn.Sequential(nn.Flatten()), sample)
    tied = nn.Linear(4, 4)
    assert not can_vectorize(nn.Sequential(tied, nn.Softmax(dim=1), tied), sample)
    frozen = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    frozen[0].weight.requires_grad_(False)
    assert not can_vectorize(frozen, sample)
