"""Networks that stay as they are, with gradients that are known exactly."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bsx.data import Dataset
from bsx.schema import DiagnosticUnit, Ingredient, Recipe
from bsx.train.session import Session
from tests import train_setup

SAMPLES, FEATURES, CLASSES = 4000, 20, 5


def taught() -> Dataset:
    """4,000 training samples with the labels of a linear teacher, one in five of them wrong."""
    generator = torch.Generator().manual_seed(0)
    total = SAMPLES + 200
    inputs = torch.randn(total, FEATURES, generator=generator)
    labels = (inputs @ torch.randn(FEATURES, CLASSES, generator=generator)).argmax(1)
    wrong = torch.rand(total, generator=generator) < 0.2
    rows = torch.arange(total)
    parts = {"train": rows[:SAMPLES], "validation": rows[SAMPLES:-100], "test": rows[-100:]}
    return Dataset(inputs, torch.where(wrong, (labels + 1) % CLASSES, labels), parts=parts)


class Stubborn(nn.Linear):
    """One that looks at its numbers, as no model may that is to be vectorized."""

    def __init__(self, input_shape: tuple[int, ...], output_size: int) -> None:
        super().__init__(input_shape[0], output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, features) to (batch, outputs)."""
        outputs: Tensor = super().forward(x)
        return outputs if float(x.detach().abs().sum()) > 0 else -outputs


def unit(of: Recipe, measures: tuple[str, ...] = (), **changes: Any) -> DiagnosticUnit:
    """Return a run to be trained again, on one thread of the CPU."""
    made = DiagnosticUnit(of, 0.05, 3, measures, (), "cpu", threads=1)
    return dataclasses.replace(made, **changes)


def taught_recipe(**changes: Any) -> Recipe:
    """Return a recipe of a 20-32-5 network on these data."""
    asked = {
        "dataset": Ingredient(f"{__name__}:taught"),
        "model": Ingredient("mlp", {"hidden": 32, "activation": "tanh"}),
    }
    return train_setup.recipe(**{**asked, **changes})


def frozen(session: Session, steps: int = 3) -> nn.Module:
    """Return a network part of the way through its training, where it stays."""
    model = session.model(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    inputs, targets = everything(session)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    model.zero_grad()
    return model


def everything(session: Session) -> tuple[Tensor, Tensor]:
    """Return all training samples."""
    [(inputs, targets)] = session.train.chunks(len(session.train))
    return inputs, targets


def sample_gradients(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of each sample, one after another: (samples, weights), float64."""
    rows = []
    for x, y in zip(inputs, targets, strict=True):
        loss = F.cross_entropy(model(x[None]), y[None])
        each = torch.autograd.grad(loss, list(model.parameters()))
        rows.append(torch.cat([g.flatten() for g in each]).double())
    return torch.stack(rows)


def square_and_trace(gradients: Tensor) -> tuple[float, float]:
    """Return ‖G‖² and tr Σ of the gradients of all samples."""
    square = float(gradients.mean(0).square().sum())
    return square, float(gradients.square().sum(1).mean()) - square
