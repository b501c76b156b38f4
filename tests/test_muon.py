"""Muon beside AdamW: each parameter gets the step of the optimizer that it belongs to."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from bsx.errors import ConfigError
from bsx.optim.muon import muon
from bsx.schema import Ingredient, RunStatus
from tests.train_setup import group, recipe, trained

NAME = "bsx.optim.muon:muon"
MLP = Ingredient("mlp", {"hidden": (8, 6), "norm": "layer"})
needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")


def network() -> nn.Sequential:
    """A network with kernels, matrices, biases and a norm."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 8), nn.Linear(8, 3)
    )


def learn(model: nn.Module, *optimizers: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Take five steps with each optimizer, at falling rates; return the parameters."""
    generator = torch.Generator().manual_seed(1)
    for step in range(5):
        inputs = torch.randn(12, 1, 4, 4, generator=generator)
        model.zero_grad()
        model(inputs).square().mean().backward()
        for optimizer in optimizers:
            for parameters in optimizer.param_groups:
                parameters["lr"] = 0.02 / (1 + step)
            optimizer.step()
    return list(model.parameters())


@needs_muon
def test_matrices_get_muons_step_and_all_else_that_of_adamw() -> None:
    together, apart = network(), copy.deepcopy(network())
    matrices = [p for p in apart.parameters() if p.dim() == 2]
    others = [p for p in apart.parameters() if p.dim() != 2]
    by_hand = [
        torch.optim.Muon(matrices, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, weight_decay=0.05),
    ]
    found = learn(together, muon(together.parameters(), lr=0.02, weight_decay=0.05))
    expected = learn(apart, *by_hand)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@needs_muon
def test_lanes_take_the_steps_of_the_loop_also_after_one_is_dropped() -> None:
    members = [(1e30, 0), (0.01, 0), (0.02, 1)]
    of = recipe(model=MLP, optimizer=Ingredient(NAME), precision="float64", steps=20)
    looped, laned = (trained(group(of, members, trainer)) for trainer in ("loop", "lanes"))
    assert [r.status for r in laned] == [r.status for r in looped]
    assert [r.status for r in looped] == [RunStatus.DIVERGED, *[RunStatus.COMPLETED] * 2]
    for a, b in zip(looped, laned, strict=True):
        losses = [point.train_loss for point in a.curve]
        # Muon orthogonalizes in bfloat16, where the last bits of a gradient come to count
        assert [point.train_loss for point in b.curve] == pytest.approx(losses, rel=0.02)


@needs_muon
def test_a_model_without_matrices_is_refused() -> None:
    with pytest.raises(ConfigError, match="none of the trained parameters is a matrix"):
        muon([nn.Parameter(torch.zeros(3))], lr=0.1)


def test_a_torch_without_muon_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    with pytest.raises(ConfigError, match=r"torch .* has none; it came with torch 2\.9"):
        muon([nn.Parameter(torch.zeros(3, 3))], lr=0.1)
