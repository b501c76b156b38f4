"""The contract of a task: a loss for one model, the same loss for lanes, and metrics for both."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Task(Protocol):
    """What is learned.

    Lanes are a leading axis: outputs (lanes, batch, outputs), targets (lanes, batch). Metrics are
    named as (name, higher is better, lies in [0, 1]); the first one judges quality.
    """

    metrics: tuple[tuple[str, bool, bool], ...]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of one batch: (batch, outputs), (batch,) → scalar."""
        ...

    def lane_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return each lane's mean loss: (lanes, batch, outputs), (lanes, batch) → (lanes,)."""
        ...

    def evaluate(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return ``loss`` and every metric: (…, n, outputs), (n,) → name → (…)."""
        ...
