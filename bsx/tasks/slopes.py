"""Losses, with and without their gradients by the outputs, written out where that is quicker.

torch's softmax takes its rows one by one: with ten classes that costs several times the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from bsx.tasks.losses import Loss, cross_entropy, mse

# (outputs, targets) → the loss of each prediction, and its gradient by the outputs
Slope = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
# (outputs, targets) → the loss of each prediction
Each = Callable[[Tensor, Tensor], Tensor]


def slope_of(loss: Loss) -> Slope | None:
    """Return ``loss`` with its gradient; None where only autograd knows it."""
    if loss is mse:
        return mse_slope
    smoothing = _smoothing_of(loss)
    return None if smoothing is None else partial(cross_entropy_slope, label_smoothing=smoothing)


def each_of(loss: Loss) -> Each | None:
    """Return ``loss`` of each prediction, whatever axes it has; None where it takes rows alone."""
    smoothing = _smoothing_of(loss)
    return None if smoothing is None else partial(cross_entropy_each, label_smoothing=smoothing)


def _smoothing_of(loss: Loss) -> float | None:
    """Return how far a cross-entropy is smoothed; None for any other loss."""
    if isinstance(loss, partial) and loss.func is cross_entropy:
        return float(loss.keywords.get("label_smoothing", 0.0))
    return 0.0 if loss is cross_entropy else None


def cross_entropy_each(outputs: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Take (…, classes) and the class of each, (…); return losses (…)."""
    shifted = _shifted(outputs)
    own = shifted.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    spread = label_smoothing * shifted.mean(dim=-1) if label_smoothing else 0.0
    return shifted.exp_().sum(dim=-1).log_().sub_(own, alpha=1 - label_smoothing).sub_(spread)


def cross_entropy_slope(
    outputs: Tensor, targets: Tensor, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Take (…, classes) and the class of each, (…); return losses (…) and slopes (…, classes).

    The slope is softmax(outputs) − q, where q is 1 − s on the target and s spread over all classes.
    """
    shifted = _shifted(outputs)
    slope = shifted.exp()
    total = slope.sum(dim=-1, keepdim=True)
    slope /= total
    at = targets.unsqueeze(-1)
    losses = total.log_().sub_(shifted.gather(-1, at), alpha=1 - label_smoothing)
    slope.scatter_(-1, at, slope.gather(-1, at).sub_(1 - label_smoothing))
    if label_smoothing:
        losses -= label_smoothing * shifted.mean(dim=-1, keepdim=True)
        slope -= label_smoothing / slope.shape[-1]
    return losses.squeeze(-1), slope.to(outputs.dtype)


def _shifted(outputs: Tensor) -> Tensor:
    """Return outputs in no less than float32, the largest of each row 0, or exp would overflow."""
    exact = outputs.float() if outputs.dtype in (torch.float16, torch.bfloat16) else outputs
    return exact - exact.amax(dim=-1, keepdim=True)


def mse_slope(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Take numbers and as many targets; return squared differences and slopes, as many."""
    difference = outputs - targets
    return difference.square(), difference.mul_(2)
