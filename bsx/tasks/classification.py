"""Classification: one class a sample, cross-entropy, accuracy."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


class Classification:
    """One label out of several."""

    metrics = (("accuracy", True, True),)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of one batch."""
        return F.cross_entropy(outputs, targets)

    def lane_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return each lane's mean cross-entropy, shape (lanes,)."""
        lanes, batch, classes = outputs.shape
        flat = F.cross_entropy(
            outputs.reshape(lanes * batch, classes), targets.reshape(-1), reduction="none"
        )
        return flat.view(lanes, batch).mean(dim=1)

    def evaluate(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return loss and accuracy over the samples axis, for any leading axes."""
        leading = outputs.shape[:-1]
        repeated = targets.expand(leading)
        losses = F.cross_entropy(
            outputs.reshape(-1, outputs.shape[-1]), repeated.reshape(-1), reduction="none"
        )
        right = outputs.argmax(dim=-1) == repeated
        return {
            "loss": losses.view(leading).double().mean(dim=-1),
            "accuracy": right.double().mean(dim=-1),
        }
