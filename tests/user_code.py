"""What a user might name as model, data or optimizer: plain code that knows nothing of bsx."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class NormalizedDescent(torch.optim.Optimizer):
    """A step along the gradient with each row divided by its norm: not elementwise.

    Rows are an output's weights: an optimizer may mind which axis is which.
    """

    def __init__(self, params: Iterable[Any], lr: float = 0.1, friction: float = 0.5) -> None:
        super().__init__(params, {"lr": lr, "friction": friction, "steps": 1})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step."""
        for group in self.param_groups:
            for p in group["params"]:
                velocity = self.state[p].setdefault("velocity", torch.zeros_like(p))
                norm = p.grad.norm(dim=-1, keepdim=True)
                velocity.mul_(group["friction"]).add_(p.grad / (norm + 1e-2))
                p.add_(velocity, alpha=-group["lr"] / group["steps"] ** 0.1)
            group["steps"] += 1


class Demanding(torch.optim.SGD):
    """One that evaluates the batch by itself, as no trainer lets it."""

    def step(self, closure: Callable[[], float]) -> float:  # type: ignore[override]
        """Take a step."""
        return closure()


def decaying_weights_only(
    params: Iterable[Tensor], lr: float, momentum: float = 0.9
) -> torch.optim.Optimizer:
    """Make groups of the parameters, as a factory may: weight decay for matrices alone."""
    given = list(params)
    matrices = [p for p in given if p.dim() > 1]
    others = [p for p in given if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": others}]
    return torch.optim.SGD(groups, lr=lr, momentum=momentum)


class Branching(nn.Module):
    """A network with a skip connection: no chain of layers, so that it cannot be stacked."""

    def __init__(self, input_shape: tuple[int, ...], output_size: int, width: int = 8) -> None:
        super().__init__()
        size = int(np.prod(input_shape))
        self.first = nn.Linear(size, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, …) to (batch, outputs)."""
        hidden = torch.tanh(self.first(x.flatten(1)))
        out: Tensor = self.last(hidden + torch.tanh(self.second(hidden)))
        return out


class Pairs(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """A torch Dataset of (input, label) pairs."""

    def __init__(self, samples: int = 60) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.tensor([float(index), float(index % 3)]), index % 3


def arrays(samples: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return NumPy arrays: features in float64, labels as text."""
    values = np.random.default_rng(0).normal(size=(samples, 4))
    names = np.array(["cat", "dog", "eel"])[np.arange(samples) % 3]
    return values, names


def tensors() -> tuple[Tensor, Tensor]:
    """Return tensors: images, and labels that do not begin at 0."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(60, 1, 4, 4, generator=generator), torch.arange(60) % 3 + 5


READY = tensors()
BUILT = nn.Linear(4, 3)
NUMBER = 7


def broken(kind: str) -> Any:
    """Return data that cannot be trained on."""
    values, labels = np.ones((60, 4)), np.arange(60) % 3
    if kind == "nan":
        values[7, 2] = np.nan
    if kind == "one class":
        labels = np.zeros(60, dtype=int)
    if kind == "lengths":
        labels = labels[:50]
    if kind == "rare":
        labels = np.where(np.arange(60) == 0, 1, 0)
    if kind == "few":
        values, labels = values[:2], labels[:2]
    if kind == "flat":
        values = values[:, 0]
    if kind == "regression":
        return values, np.linspace(0, 1, 60)
    if kind == "one-hot":
        return values, np.eye(3)[labels]
    if kind == "several":
        return values, np.stack([labels, labels], axis=1)
    if kind == "text":
        return np.full((60, 2), "x"), labels
    if kind == "nothing":
        return None
    if kind == "raises":
        raise RuntimeError("no connection")
    return values, labels


class Shifting(nn.Module):
    """One that writes to what it is given."""

    def __init__(self, input_shape: tuple[int, ...], output_size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(int(np.prod(input_shape)), output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Center the inputs in place."""
        x = x.flatten(1)
        x -= 0.1
        return self.layer(x)


def leaky_first(input_shape: tuple[int, ...], output_size: int) -> nn.Module:
    """A chain whose first layer writes to what it is given."""
    sizes = int(np.prod(input_shape)), output_size
    return nn.Sequential(nn.LeakyReLU(inplace=True), nn.Flatten(), nn.Linear(*sizes))


def lazy(output_size: int) -> nn.Module:
    """A chain whose layers take their sizes from what they see."""
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(output_size))


class Undone(nn.Module):
    """One with a layer that it does not use, whose size nothing tells."""

    def __init__(self, input_shape: tuple[int, ...], output_size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(int(np.prod(input_shape)), output_size)
        self.other = nn.LazyLinear(3)

    def forward(self, x: Tensor) -> Tensor:
        """Predict."""
        return self.layer(x.flatten(1))
