"""Any model that torch can vectorize trains as lanes, each its own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from bsx.models import Stacked, build_model, can_stack, lane_obstacle

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
    assert lane_obstacle(models[0], samples(name, 2)) is None
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


class Drawing(nn.Module):
    """A model that draws a number of its own where it trains, and gives an output object."""

    def __init__(self, *, asks: bool = False) -> None:
        super().__init__()
        self.linear, self.asks = nn.Linear(4, 3), asks

    def forward(self, x: Tensor) -> SimpleNamespace:
        noise = torch.rand(()) if self.training else torch.zeros(())
        x = x + (float(noise) if self.asks else noise)
        return SimpleNamespace(logits=self.linear(x))


def test_a_class_of_ones_own_trains_in_lanes_unless_it_looks_at_what_it_draws() -> None:
    sample, before = torch.randn(2, 4), torch.get_rng_state()
    for asks, said in ((False, None), (True, "torch.vmap cannot run it (RuntimeError)")):
        place = f"{__name__}:{'Asking' if asks else 'Drawing'}"
        model = build_model(place, {}, input_shape=(4,), output_size=3, seed=0)
        assert not can_stack(model, (4,)) and lane_obstacle(model, sample) == said
    torch.testing.assert_close(torch.get_rng_state(), before)


class Asking(Drawing):
    """One that looks."""

    def __init__(self) -> None:
        super().__init__(asks=True)


def test_what_cannot_be_vectorized_is_found_out_and_left_as_it_was() -> None:
    sample = torch.randn(2, 4)
    plain = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    before = [p.clone() for p in plain.parameters()]
    assert lane_obstacle(plain, sample) is None
    torch.testing.assert_close(list(plain.parameters()), before)
    assert plain.training
    assert "torch.vmap cannot run it" in str(lane_obstacle(Branching(), sample))
    normed = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    assert "has a buffer, 1.running_mean" in str(lane_obstacle(normed, sample))
    assert lane_obstacle(nn.Sequential(nn.Flatten()), sample) == "it has no parameters"
    tied = nn.Linear(4, 4)
    assert lane_obstacle(nn.Sequential(tied, nn.Softmax(dim=1), tied), sample) is not None
    frozen = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    frozen[0].weight.requires_grad_(False)
    assert lane_obstacle(frozen, sample) is not None
