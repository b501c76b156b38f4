"""What all tasks have in common: the loss in its three forms, and metrics joined from chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from bsx.schema import Objective
from bsx.tasks import losses, metrics
from bsx.tasks.base import MetricSpec, Notes
from bsx.tasks.slopes import each_of, slope_of


class Learned(ABC):
    """A task whose loss is a mean over rows of outputs and targets.

    Attributes:
        name: as the registry knows it.
        losses: name → loss, the task's own first.
        output_dims: how many axes of a sample's output are the task's.
        metrics: those that are measured.
    """

    name: ClassVar[str]
    losses: ClassVar[Mapping[str, losses.Loss]]
    output_dims: ClassVar[int] = 1
    metrics: tuple[MetricSpec, ...]

    def __init__(self, objective: Objective, output_size: int | None = None) -> None:
        self._loss = losses.choose(self.name, self.losses, objective)
        self._slope, self._each = slope_of(self._loss), each_of(self._loss)
        usual, on_request = self.measurable(output_size, objective.metric or "")
        self.metrics = metrics.chosen(self.name, usual, objective.metric, on_request)
        self._measured = frozenset(name for name, _, _ in self.metrics)

    @abstractmethod
    def measurable(
        self, output_size: int | None, asked: str
    ) -> tuple[tuple[MetricSpec, ...], dict[str, MetricSpec]]:
        """Return the metrics that are always measured, and those measured where asked for."""

    @abstractmethod
    def observe(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Keep of one chunk what the metrics need."""

    @abstractmethod
    def values(self, notes: Notes, targets: Tensor) -> dict[str, Tensor]:
        """Return the metrics of the joined notes, those that are undefined included or not."""

    def aligned(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the outputs in the shape that the targets ask for."""
        return outputs

    def rows(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Flatten aligned outputs and as many targets to rows, as the losses take them."""
        return outputs.reshape(-1, outputs.shape[-1]), targets.reshape(-1)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of one batch."""
        return self._loss(*self.rows(self.aligned(outputs, targets), targets), "mean")

    def lane_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return each lane's mean loss, shape (lanes,)."""
        aligned = self.aligned(outputs, targets)
        each = losses.by_row(self._loss(*self.rows(aligned, targets), "none"))
        return each.view(len(targets), -1).mean(dim=1)

    def lane_slopes(self, outputs: Tensor, targets: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return each lane's mean loss, and its gradient by the outputs times the lane's scale."""
        if self._slope is None:
            leaf = outputs.detach().requires_grad_()
            with torch.enable_grad():
                means = self.lane_losses(leaf, targets)
                (slope,) = torch.autograd.grad((means * scale).sum(), leaf)
            return means.detach(), slope
        each, slope = self._slope(self.aligned(outputs, targets), targets)
        share = (scale / max(1, each[0].numel())).to(slope.dtype)
        slope *= share.view(-1, *[1] * (slope.dim() - 1))
        return each.flatten(1).mean(dim=1), slope.view_as(outputs)

    def evaluate(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return loss and metrics over the samples axis, for any leading axes."""
        return self.summarize([self.observe(outputs, targets)], targets)

    def summarize(self, seen: Sequence[Notes], targets: Tensor) -> dict[str, Tensor]:
        """Return loss and metrics of all chunks."""
        joined = {name: torch.cat([notes[name] for notes in seen], dim=-2) for name in seen[0]}
        found = {"loss": metrics.mean(joined["loss"]), **self.values(joined, targets)}
        left_out = self.undefined(targets)
        return {name: value for name, value in found.items() if name not in left_out}

    def undefined(self, targets: Tensor) -> frozenset[str]:
        """Return the names of the metrics that mean nothing on these targets: none."""
        return frozenset()

    def output_shapes(
        self, target_shape: tuple[int, ...], output_size: int
    ) -> tuple[tuple[int, ...], ...]:
        """Return the shapes that a model's output for one sample may have."""
        return ((output_size,),)

    def predictions(self, target_shape: tuple[int, ...]) -> int:
        """Return how many predictions one sample asks for: one."""
        return 1

    def sample_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each sample as notes: (…, n, *outputs) → (…, n, 1)."""
        leading = outputs.shape[: outputs.dim() - self.output_dims]
        shared = targets.expand(*leading[:-1], *targets.shape)
        if self._each is not None and leading[:-1]:  # of one model, torch's own to the last bit
            each = self._each(outputs, shared)
        else:
            each = losses.by_row(self._loss(*self.rows(outputs, shared), "none"))
        if each.numel() != leading.numel():
            each = each.view(*leading, -1).double().mean(dim=-1)
        return metrics.column(each.view(leading))
