"""Language modelling: the next token at every position of a context."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from bsx.tasks import metrics
from bsx.tasks.base import MetricSpec, Notes
from bsx.tasks.learned import Learned
from bsx.tasks.losses import Loss, cross_entropy
from bsx.tasks.slopes import cross_entropy_each

_LARGEST = math.log(1e308)  # nats beyond which a perplexity is no float any more


class LanguageModelling(Learned):
    """Tokens: outputs (…, n, context, vocabulary), targets (n, context).

    Perplexity and bits per character (per token, that is) follow from the plain cross-entropy,
    also where the loss is smoothed.
    """

    name = "language-modelling"
    losses: ClassVar[dict[str, Loss]] = {"cross-entropy": cross_entropy}
    output_dims = 2

    def measurable(
        self, output_size: int | None, asked: str
    ) -> tuple[tuple[MetricSpec, ...], dict[str, MetricSpec]]:
        """Return the metrics."""
        return metrics.specs(self.name, "perplexity", "bits-per-character", "accuracy"), {}

    def observe(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Keep three numbers of each sample: loss, nats and accuracy, averaged over its tokens."""
        shared = targets.expand(outputs.shape[:-1])
        right = metrics.likeliest(outputs) == shared
        loss = self.sample_losses(outputs, targets)
        nats = loss
        if self._loss is not cross_entropy:  # but smoothed
            nats = metrics.column(cross_entropy_each(outputs, shared).double().mean(dim=-1))
        return {
            "loss": loss,
            "nats": nats,
            "accuracy": metrics.column(right.double().mean(dim=-1)),
        }

    def values(self, notes: Notes, targets: Tensor) -> dict[str, Tensor]:
        """Return the metrics of the joined notes."""
        nats = metrics.mean(notes["nats"])
        return {
            "perplexity": nats.clamp(max=_LARGEST).exp(),
            "bits-per-character": nats / math.log(2),
            "accuracy": metrics.mean(notes["accuracy"]),
        }

    def output_shapes(
        self, target_shape: tuple[int, ...], output_size: int
    ) -> tuple[tuple[int, ...], ...]:
        """Return the shapes that a model's output for one sample may have."""
        return ((*target_shape, output_size),)

    def predictions(self, target_shape: tuple[int, ...]) -> int:
        """Return how many predictions one sample asks for: one at each position."""
        return math.prod(target_shape)
