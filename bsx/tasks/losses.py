"""Losses by name. A loss takes rows of outputs and targets, and how they are reduced."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from bsx.errors import ConfigError
from bsx.schema import Objective

# (outputs, targets, reduction) → a scalar for "mean"; for "none" a loss a row, or a row's entries
Loss = Callable[[Tensor, Tensor, str], Tensor]


def cross_entropy(
    outputs: Tensor, targets: Tensor, reduction: str, label_smoothing: float = 0.0
) -> Tensor:
    """Take (rows, classes) and the class of each row."""
    return F.cross_entropy(outputs, targets, reduction=reduction, label_smoothing=label_smoothing)


def binary(outputs: Tensor, targets: Tensor, reduction: str) -> Tensor:
    """Take (rows, labels) as log odds, and 0 or 1 for each."""
    return F.binary_cross_entropy_with_logits(
        outputs, targets.to(outputs.dtype), reduction=reduction
    )


def mse(outputs: Tensor, targets: Tensor, reduction: str) -> Tensor:
    """Take (rows, numbers) twice: squared differences."""
    return F.mse_loss(outputs, targets.to(outputs.dtype), reduction=reduction)


def l1(outputs: Tensor, targets: Tensor, reduction: str) -> Tensor:
    """Take (rows, numbers) twice: absolute differences."""
    return F.l1_loss(outputs, targets.to(outputs.dtype), reduction=reduction)


def huber(outputs: Tensor, targets: Tensor, reduction: str) -> Tensor:
    """Take (rows, numbers) twice: squared up to a difference of 1, absolute beyond."""
    return F.huber_loss(outputs, targets.to(outputs.dtype), reduction=reduction)


def one_hot(loss: Loss) -> Loss:
    """Return ``loss`` for the class of each row: 1 for that class, 0 for the others.

    References:
        Hui & Belkin 2021 (squared loss for classes); Wightman et al. 2021 (binary loss for them).
    """

    def of_classes(outputs: Tensor, targets: Tensor, reduction: str) -> Tensor:
        return loss(outputs, F.one_hot(targets, outputs.shape[-1]), reduction)

    return of_classes


def choose(task: str, losses: Mapping[str, Loss], objective: Objective) -> Loss:
    """Return the loss that was asked for; the first of ``losses`` is the task's own.

    Raises:
        ConfigError: for a loss that the task does not take, or a smoothing that its loss does not.
    """
    fits = ", ".join(losses)
    name = objective.loss or next(iter(losses))
    if name not in losses:
        near = difflib.get_close_matches(name, losses, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigError(f"--loss {name}: the task is {task}, which takes {fits}{hint}")
    smoothing = objective.label_smoothing
    if not smoothing:
        return losses[name]
    if name != "cross-entropy":
        remedy = "give --loss cross-entropy or leave it out"
        raise ConfigError(
            f"--label-smoothing {smoothing:g}: only the cross-entropy of {task} can be smoothed, "
            f"and the loss is {name}; {remedy}"
            if "cross-entropy" in losses
            else f"--label-smoothing {smoothing:g}: {task} has no classes to spread a target over; "
            "leave it out"
        )
    if not (math.isfinite(smoothing) and 0 < smoothing < 1):
        raise ConfigError(f"--label-smoothing {smoothing:g}: give a share from 0 to below 1")
    return partial(cross_entropy, label_smoothing=smoothing)


def by_row(losses: Tensor) -> Tensor:
    """Average what a loss without reduction gave over the entries of each row."""
    return losses if losses.dim() == 1 else losses.flatten(1).mean(dim=1)
