"""Logistic and linear regression."""

from __future__ import annotations

import math

from torch import nn

from bsx.models.kinds import check_shape


def logistic(input_shape: tuple[int, ...], output_size: int) -> nn.Module:
    """Logistic (or linear) regression: one linear layer, no options."""
    check_shape("logistic", input_shape)
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), output_size))
