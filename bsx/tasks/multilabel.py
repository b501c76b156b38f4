"""Multi-label: each label there or not, independently of the others."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bsx.tasks import metrics
from bsx.tasks.base import MetricSpec, Notes
from bsx.tasks.learned import Learned
from bsx.tasks.losses import Loss, binary


class MultiLabel(Learned):
    """Several labels at once: outputs (…, n, labels) as log odds, targets (n, labels) of 0 and 1.

    A label is predicted where its log odds are above 0.
    """

    name = "multi-label"
    losses: ClassVar[dict[str, Loss]] = {"binary": binary}

    def measurable(
        self, output_size: int | None, asked: str
    ) -> tuple[tuple[MetricSpec, ...], dict[str, MetricSpec]]:
        """Return the metrics; AUROC, a sort for each label, is on request."""
        usual = metrics.specs(self.name, "f1", "exact-match")
        return usual, {"auroc": metrics.spec(self.name, "auroc")}

    def rows(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Flatten to (rows, labels) twice."""
        labels = outputs.shape[-1]
        return outputs.reshape(-1, labels), targets.reshape(-1, labels)

    def observe(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Keep what was right, counts of each label, and the outputs if AUROC is measured."""
        guess, truth = outputs > 0, targets > 0
        notes = {
            "loss": self.sample_losses(outputs, targets),
            "exact-match": metrics.column((guess == truth).all(dim=-1)),
            "hits": (guess & truth).sum(dim=-2, keepdim=True),
            "predicted": guess.sum(dim=-2, keepdim=True),
        }
        if "auroc" in self._measured:
            notes["outputs"] = outputs
        return notes

    def values(self, notes: Notes, targets: Tensor) -> dict[str, Tensor]:
        """Return the metrics of the joined notes."""
        hits, predicted = notes["hits"].sum(dim=-2), notes["predicted"].sum(dim=-2)
        found = {
            "f1": metrics.macro_f1(hits, predicted, (targets > 0).sum(dim=0)),
            "exact-match": metrics.mean(notes["exact-match"]),
        }
        if "outputs" in notes and "auroc" not in self.undefined(targets):
            found["auroc"] = metrics.macro_auroc(notes["outputs"].double(), targets > 0)
        return found

    def undefined(self, targets: Tensor) -> frozenset[str]:
        """Return what means nothing: F1 without any label, AUROC without a label on both sides."""
        there = targets > 0
        mixed = there.any(dim=0) & torch.logical_not(there.all(dim=0))
        names = {"f1"} if not bool(there.any()) else set()
        return frozenset(names | ({"auroc"} if not bool(mixed.any()) else set()))
