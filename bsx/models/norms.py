"""Normalization by name, and Ghost BatchNorm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bsx.models.options import one_of, whole

IMAGE_NORMS = ("none", "batch", "ghost", "group")


class GhostBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm whose statistics come from chunks of a fixed size along the batch.

    So the noise of the statistics stays that of a small batch when the batch grows. Inputs are
    (batch, features) or (batch, channels, …); samples are taken in the order they stand. A last
    chunk of one sample joins the one before it; other last chunks are as small as they are. A
    batch no larger than ``ghost_size`` is normalized as by BatchNorm. In evaluation the running
    statistics are used, which each chunk has moved in turn.

    References:
        Hoffer, Hubara, Soudry 2017, "Train longer, generalize better", algorithm 1.
    """

    def __init__(
        self, num_features: int, ghost_size: int, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__(num_features, eps, momentum)
        self.ghost_size = ghost_size

    def forward(self, input: Tensor) -> Tensor:
        """Normalize (batch, channels, …)."""
        if not self.training:
            return super().forward(input)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        return ghost_batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.momentum or 0.0,
            self.eps,
            self.ghost_size,
        )

    def extra_repr(self) -> str:
        """Show what the layer's line in a printed model says."""
        return f"{self.num_features}, ghost_size={self.ghost_size}, momentum={self.momentum}"

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected (batch, channels, …), got {tuple(input.shape)}")


def ghost_batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
    size: int,
) -> Tensor:
    """Normalize (batch, channels, …) by the statistics of chunks; move the running ones in place.

    The whole chunks go through one kernel, as channels of their own; a tail goes through another.
    """
    chunks, tail = divmod(len(x), size)
    if tail == 1 and chunks:  # it joins the chunk before it
        chunks, tail = chunks - 1, size + 1
    parts = []
    for part, count in ((x[: chunks * size], chunks), (x[chunks * size :], int(tail > 0))):
        if count:
            normed, mean, var = _chunks_normed(part, count, weight, bias, eps)
            parts.append(normed)
            if running_mean is not None and running_var is not None:
                _move(running_mean, mean, momentum)
                _move(running_var, var, momentum)
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _chunks_normed(
    x: Tensor, chunks: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``x`` normalized, with each chunk's mean and unbiased variance (chunks, channels)."""
    size, channels, rest = len(x) // chunks, x.shape[1], x.shape[2:]
    side_by_side = x.view(chunks, size, channels, *rest).transpose(0, 1)
    mean = torch.zeros(chunks * channels, dtype=_statistics_dtype(x), device=x.device)
    var = torch.ones_like(mean)
    normed = F.batch_norm(
        side_by_side.reshape(size, chunks * channels, *rest),
        mean,
        var,
        None if weight is None else weight.repeat(chunks),
        None if bias is None else bias.repeat(chunks),
        True,
        1.0,  # the "running" statistics become those of the chunk
        eps,
    )
    normed = normed.view(size, chunks, channels, *rest).transpose(0, 1)
    return (
        normed.reshape(x.shape),
        mean.view(chunks, channels),
        var.view(chunks, channels),
    )


def _statistics_dtype(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


@torch.no_grad()
def _move(running: Tensor, chunks: Tensor, momentum: float) -> None:
    """Move a running statistic by each chunk in turn: r ← (1 − m)·r + m·chunk."""
    kept = 1.0 - momentum
    ages = torch.arange(len(chunks) - 1, -1, -1, dtype=running.dtype, device=running.device)
    shares = momentum * kept**ages  # (chunks,)
    moved = (shares.unsqueeze(1) * chunks.to(running.dtype)).sum(dim=0)
    running.mul_(kept ** len(chunks)).add_(moved)


def image_norm(norm: Any, ghost_size: Any, groups: Any = 8) -> Callable[[int], nn.Module]:
    """Read the norm of a network on images; return what builds it for so many channels."""
    one_of("norm", norm, *IMAGE_NORMS)
    whole("ghost_size", ghost_size, least=2)
    whole("groups", groups)
    builders: dict[str, Callable[[int], nn.Module]] = {
        "none": lambda channels: nn.Identity(),
        "batch": nn.BatchNorm2d,
        "ghost": lambda channels: GhostBatchNorm(channels, ghost_size),
        "group": lambda channels: nn.GroupNorm(_groups(channels, groups), channels),
    }
    return builders[norm]


def _groups(channels: int, wanted: int) -> int:
    """Return the largest number of groups up to ``wanted`` that divides the channels evenly."""
    return next(n for n in range(min(wanted, channels), 0, -1) if channels % n == 0)
