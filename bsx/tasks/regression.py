"""Regression: one number a sample, or several."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bsx.tasks import metrics
from bsx.tasks.base import MetricSpec, Notes
from bsx.tasks.learned import Learned
from bsx.tasks.losses import Loss, huber, l1, mse


class Regression(Learned):
    """Numbers: outputs (…, n, k), targets (n, k); for one number (…, n, 1) or (…, n), and (n,).

    Metrics are in the units of the targets, averaged over the k numbers.
    """

    name = "regression"
    losses: ClassVar[dict[str, Loss]] = {"mse": mse, "l1": l1, "huber": huber}

    def measurable(
        self, output_size: int | None, asked: str
    ) -> tuple[tuple[MetricSpec, ...], dict[str, MetricSpec]]:
        """Return the metrics: mean squared and absolute error, and the share explained."""
        return metrics.specs(self.name, "mse", "mae", "r2"), {}

    def aligned(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the outputs in the shape of as many targets: no number meets another's target.

        Raises:
            ValueError: where the shapes do not pair, which broadcasting would hide.
        """
        if outputs.shape == targets.shape:
            return outputs
        if outputs.dim() == targets.dim() + 1 and outputs.shape == (*targets.shape, 1):
            return outputs.squeeze(-1)
        if targets.shape == (*outputs.shape, 1):
            return outputs.unsqueeze(-1)
        raise ValueError(
            f"outputs of shape {tuple(outputs.shape)} for targets of shape {tuple(targets.shape)}"
        )

    def rows(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Flatten both to numbers; all samples have as many."""
        return outputs.reshape(-1), targets.reshape(-1)

    def observe(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Keep loss and absolute error of each sample, squared errors of each of its numbers."""
        columns = _columns(outputs, targets)  # (…, n, k)
        wanted = targets.reshape(len(targets), -1)
        errors = columns.double() - wanted.double()
        return {
            "loss": self.sample_losses(columns.double(), wanted.double()),
            "squares": errors.square(),
            "mae": metrics.column(errors.abs().mean(dim=-1)),
        }

    def values(self, notes: Notes, targets: Tensor) -> dict[str, Tensor]:
        """Return the metrics of the joined notes.

        R² is averaged over the numbers that vary; of one that never does it means nothing.
        """
        squares = notes["squares"].mean(dim=-2)  # (…, k)
        found = {"mse": squares.mean(dim=-1), "mae": metrics.mean(notes["mae"])}
        variance = _variance(targets)
        varies = variance > 0
        if bool(varies.any()):
            found["r2"] = (1 - squares[..., varies] / variance[varies]).mean(dim=-1)
        return found

    def undefined(self, targets: Tensor) -> frozenset[str]:
        """Return what means nothing on these targets: R², where none of them varies."""
        return frozenset(() if bool((_variance(targets) > 0).any()) else {"r2"})

    def output_shapes(
        self, target_shape: tuple[int, ...], output_size: int
    ) -> tuple[tuple[int, ...], ...]:
        """Return the shapes that a model's output for one sample may have."""
        return ((output_size,),) if target_shape not in ((), (1,)) else ((1,), ())


def _columns(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the outputs as (…, n, k), where lanes may come first."""
    n, k = len(targets), targets[0].numel()
    if outputs.dim() >= 2 and tuple(outputs.shape[-2:]) == (n, k):
        return outputs
    if k == 1 and outputs.shape[-1] == n:
        return outputs.unsqueeze(-1)
    raise ValueError(
        f"outputs of shape {tuple(outputs.shape)} for targets of shape {tuple(targets.shape)}"
    )


def _variance(targets: Tensor) -> Tensor:
    """Return the variance of each number of the targets, exactly 0 where it never varies."""
    columns = targets.reshape(len(targets), -1).double()
    spread = columns.var(dim=0, correction=0)
    return spread * (columns != columns[:1]).any(dim=0)
