"""Modules of many models at once for autograd: inputs and weights have lanes first."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bsx.models.norms import GhostBatchNorm, ghost_batch_norm
from bsx.models.quadratic import Point


class BatchNorms(nn.Module):
    """BatchNorm or Ghost BatchNorm of each lane: in training lanes stand side by side as channels.

    (lanes, batch, features) → the same.
    """

    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(self, layers: Sequence[nn.BatchNorm1d | GhostBatchNorm]) -> None:
        super().__init__()
        first = layers[0]
        self.ghost_size = first.ghost_size if isinstance(first, GhostBatchNorm) else None
        self.eps = first.eps
        self.momentum = first.momentum
        affine = first.affine
        self.weight = _stacked([m.weight for m in layers]) if affine else None
        self.bias = _stacked([m.bias for m in layers]) if affine else None
        tracked = [m for m in layers if m.running_mean is not None and m.running_var is not None]
        mean = torch.stack([m.running_mean for m in tracked]) if tracked else None  # type: ignore[misc]
        var = torch.stack([m.running_var for m in tracked]) if tracked else None  # type: ignore[misc]
        self.register_buffer("running_mean", mean)  # (lanes, features)
        self.register_buffer("running_var", var)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize by the batch in training, by running statistics otherwise."""
        lanes, batch, features = x.shape
        if self.training or self.running_mean is None or self.running_var is None:
            y = self._over_the_batch(x.transpose(0, 1).reshape(batch, lanes * features))
            return y.view(batch, lanes, features).transpose(0, 1)
        y = (x - self.running_mean.unsqueeze(1)) * torch.rsqrt(
            self.running_var + self.eps
        ).unsqueeze(1)
        if self.weight is not None and self.bias is not None:
            y = y * self.weight.unsqueeze(1) + self.bias.unsqueeze(1)
        return y

    def _over_the_batch(self, x: Tensor) -> Tensor:
        """Normalize (batch, lanes · features) by the statistics of the batch, or of its chunks."""
        running_mean = None if self.running_mean is None else self.running_mean.view(-1)
        running_var = None if self.running_var is None else self.running_var.view(-1)
        weight = None if self.weight is None else self.weight.reshape(-1)
        bias = None if self.bias is None else self.bias.reshape(-1)
        momentum = self.momentum or 0.0
        if self.ghost_size is None:
            return F.batch_norm(
                x, running_mean, running_var, weight, bias, True, momentum, self.eps
            )
        return ghost_batch_norm(
            x, running_mean, running_var, weight, bias, momentum, self.eps, self.ghost_size
        )


class LayerNorms(nn.Module):
    """LayerNorm of each lane: (lanes, batch, features) → the same."""

    def __init__(self, layers: Sequence[nn.LayerNorm]) -> None:
        super().__init__()
        self.eps = layers[0].eps
        self.features = layers[0].normalized_shape
        biases = [m.bias for m in layers if m.bias is not None]
        self.weight = _stacked([m.weight for m in layers]) if layers[0].elementwise_affine else None
        self.bias = _stacked(biases) if biases else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalize each sample."""
        y = F.layer_norm(x, list(self.features), None, None, self.eps)
        if self.weight is not None:
            y = y * self.weight.unsqueeze(1)
        return y if self.bias is None else y + self.bias.unsqueeze(1)


class Points(nn.Module):
    """The vector of each lane, which its inputs scale: (lanes, batch, size) → the same."""

    def __init__(self, points: Sequence[Point]) -> None:
        super().__init__()
        self.position = _stacked([point.position for point in points])

    def forward(self, x: Tensor) -> Tensor:
        """Scale the inputs."""
        return x * self.position.unsqueeze(1)


def _stacked(parameters: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack([p.detach() for p in parameters]))
