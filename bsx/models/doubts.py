"""What of a model that runs looks as if it were not meant."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_CHANNELS_OF_IMAGES = (1, 3, 4)


def doubts_of(
    model: nn.Module, input_shape: tuple[int, ...], outputs: Tensor, *, takes_logits: bool
) -> tuple[str, ...]:
    """Return the codes of cautions that a model gives rise to.

    Args:
        model: not trained yet.
        input_shape: the shape of one sample.
        outputs: of some samples, shape (batch, …, classes).
        takes_logits: whether the loss is the cross-entropy, which does the softmax itself.
    """
    found = []
    if takes_logits and _are_probabilities(outputs):
        found.append("softmax_twice")
    if _takes_rows_for_channels(model, input_shape):
        found.append("channels_last")
    return tuple(found)


def _are_probabilities(outputs: Tensor) -> bool:
    if outputs.shape[-1] < 2 or not outputs.is_floating_point():
        return False
    sums = outputs.float().sum(dim=-1)
    whole = torch.allclose(sums, torch.ones_like(sums), atol=1e-2)  # in half precision, too
    return whole and bool((outputs >= 0).all())


def _takes_rows_for_channels(model: nn.Module, input_shape: tuple[int, ...]) -> bool:
    """Say whether the last axis of images looks like channels, and the model takes the first."""
    if len(input_shape) != 3 or input_shape[2] not in _CHANNELS_OF_IMAGES:
        return False
    convolutions = (module for module in model.modules() if isinstance(module, nn.Conv2d))
    first = next(convolutions, None)
    rows = input_shape[0]
    return first is not None and rows > max(_CHANNELS_OF_IMAGES) and first.in_channels == rows
