"""What is done to gradients between the backward pass and the optimizer: penalties and clipping.

One function for a model and for lanes: a lane is a leading axis of every tensor.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bsx.schema import Training

_EPSILON = 1e-6  # as in torch.nn.utils.clip_grad_norm_


@torch.no_grad()
def treat(
    parameters: Sequence[Tensor], gradients: list[Tensor], training: Training, *, lanes: bool
) -> list[Tensor]:
    """Return the gradients with penalties added and their norm bounded.

    L1 adds l1·sign(w), L2 adds l2·w (coupled: the gradient of l2/2·‖w‖²). The norm is that of all
    parameters together, of each lane by itself.
    """
    if training.l1:
        gradients = [g + training.l1 * p.sign() for p, g in zip(parameters, gradients, strict=True)]
    if training.l2:
        gradients = [g + training.l2 * p for p, g in zip(parameters, gradients, strict=True)]
    if training.clip_norm is not None:
        norm = _norm(gradients, lanes)
        scale = (training.clip_norm / (norm + _EPSILON)).clamp(max=1.0)
        gradients = [g * _beside(scale, g) for g in gradients]
    return gradients


def is_plain(training: Training) -> bool:
    """Say whether :func:`treat` would leave every gradient as it is."""
    return not training.l1 and not training.l2 and training.clip_norm is None


def _norm(gradients: Sequence[Tensor], lanes: bool) -> Tensor:
    """The norm over all tensors, shape (lanes,) or ()."""
    kept = 1 if lanes else 0
    squares = [(g * g).flatten(kept).sum(dim=-1) if g.dim() > kept else g * g for g in gradients]
    return torch.stack(squares).sum(dim=0).sqrt()


def _beside(scale: Tensor, gradient: Tensor) -> Tensor:
    return scale.reshape(*scale.shape, *[1] * (gradient.dim() - scale.dim()))
