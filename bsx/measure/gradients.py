"""Gradients of mini-batches against the full gradient, all at the same parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bsx.measure.draws import Draws
from bsx.measure.gradient import mean_gradient
from bsx.schema import DirectionDraws
from bsx.train.session import Session

_SAMPLES = 2**14  # of all draws of one batch size together, as far as that is possible
_FEWEST, _MOST = 5, 128  # draws of one batch size
CHUNK = 1024  # samples of the full gradient at a time; under BatchNorm, those normalized together


def directions(
    session: Session, model: nn.Module, batch_sizes: Sequence[int], seed: int, step: int
) -> tuple[float | None, tuple[DirectionDraws, ...]]:
    """Return ‖G‖ and, of each batch size, how its gradients lie to G; nothing where G is infinite.

    G is the mean gradient over the whole training set. Batches are drawn from it with replacement,
    so that theirs have G for their mean: but under BatchNorm, where what the gradient of a sample
    is depends on its batch. To be called within :func:`bsx.train.observers.undisturbed`.
    """
    model.train()
    draws = Draws(session, seed, step, "gradients")
    full = _full_gradient(session, model, draws)
    norm = float(full.norm())
    if not math.isfinite(norm):
        return None, ()
    found = []
    for size in batch_sizes:
        count = min(_MOST, max(_FEWEST, _SAMPLES // size))
        deviations, cosines = [], []
        for inputs, targets in draws.batches([size] * count):
            gradient = mean_gradient(session, model, inputs, targets).cpu().double()
            length = float(gradient.norm())
            if not math.isfinite(length):
                continue
            deviations.append(float((gradient - full).square().sum()))
            if length > 0 and norm > 0:
                cosines.append(float(gradient @ full) / (length * norm))
        found.append(DirectionDraws(size, tuple(deviations), tuple(cosines)))
    return norm, tuple(found)


def _full_gradient(session: Session, model: nn.Module, draws: Draws) -> Tensor:
    """Return the mean gradient over the training set, in double precision, on the CPU: (weights,).

    Not every device has double precision.
    """
    total = torch.zeros((), dtype=torch.float64)
    for inputs, targets in draws.everything(CHUNK):
        share = len(inputs) / len(session.train)
        total = total + mean_gradient(session, model, inputs, targets).cpu().double() * share
    return total
