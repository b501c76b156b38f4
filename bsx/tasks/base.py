"""The contract of a task: a loss for one model, the same loss for lanes, and metrics for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

# (name, higher is better, lies in [0, 1])
MetricSpec = tuple[str, bool, bool]

# What is kept of one chunk of samples, by name, each of shape (…, rows, columns): a row a sample
# where the sample itself counts, one row where counts suffice. Chunks are joined along the rows.
Notes = Mapping[str, Tensor]


class Task(Protocol):
    """What is learned.

    Lanes are a leading axis: outputs (lanes, batch, *outputs), targets (lanes, batch, *target).
    The first of ``metrics`` judges quality. Which of them are defined depends on the targets: what
    ``undefined`` names is left out of what ``evaluate`` and ``summarize`` return.
    """

    metrics: tuple[MetricSpec, ...]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of one batch: (batch, *outputs), (batch, *target) → scalar."""
        ...

    def lane_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return each lane's mean loss: (lanes, batch, …), (lanes, batch, …) → (lanes,)."""
        ...

    def lane_slopes(self, outputs: Tensor, targets: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return each lane's mean loss, and its gradient by the outputs times the lane's scale.

        ``scale`` has the shape (lanes,), or (1,) where all have the same.
        """
        ...

    def evaluate(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return ``loss`` and every metric: (…, n, *outputs), (n, *target) → name → (…)."""
        ...

    def observe(self, outputs: Tensor, targets: Tensor) -> Notes:
        """Keep of one chunk what the metrics need, which may be far less than its outputs."""
        ...

    def summarize(self, seen: Sequence[Notes], targets: Tensor) -> dict[str, Tensor]:
        """Return ``loss`` and every metric of all chunks; ``targets`` are those of all."""
        ...

    def undefined(self, targets: Tensor) -> frozenset[str]:
        """Return the names of the metrics that mean nothing on samples with these targets."""
        ...

    def output_shapes(
        self, target_shape: tuple[int, ...], output_size: int
    ) -> tuple[tuple[int, ...], ...]:
        """Return the shapes that a model's output for one sample may have, the usual one first.

        ``target_shape`` is that of one sample's target.
        """
        ...

    def predictions(self, target_shape: tuple[int, ...]) -> int:
        """Return how many predictions, each of ``output_size`` numbers, one sample asks for."""
        ...
