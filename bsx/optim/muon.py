"""Muon, which updates matrices alone, together with AdamW for all other parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from bsx.errors import ConfigError


def muon(
    params: Iterable[Tensor],
    lr: float,
    weight_decay: float = 0.1,
    momentum: float = 0.95,
    nesterov: bool = True,
    ns_steps: int = 5,
    betas: Sequence[float] = (0.9, 0.999),
    adjust_lr_fn: str = "match_rms_adamw",
) -> torch.optim.Optimizer:
    """Muon for matrices, AdamW for the rest: momentum=0.95 betas=0.9,0.999 weight_decay=0.1.

    Biases, norms and convolution kernels are AdamW's, as Muon's author advises (Jordan 2024); so
    should embeddings and the last layer be, but a list of parameters does not say which those are.
    Muon's rate is scaled to the size of AdamW's updates (Liu et al. 2025, arXiv 2502.16982), so
    that one rate and one weight decay serve both.

    Raises:
        ConfigError: where torch has no Muon, or no parameter is a matrix.
    """
    if not hasattr(torch.optim, "Muon"):
        raise ConfigError(
            f"--optimizer muon: torch {torch.__version__} has none; it came with torch 2.9"
        )
    given = list(params)
    matrices = [p for p in given if p.dim() == 2]
    others = [p for p in given if p.dim() != 2]
    if not matrices:
        raise ConfigError(
            "--optimizer muon: none of the trained parameters is a matrix; take adamw"
        )
    parts: list[torch.optim.Optimizer] = [
        torch.optim.Muon(
            matrices,
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            ns_steps=ns_steps,
            adjust_lr_fn=adjust_lr_fn,
        )
    ]
    if others:
        parts.append(
            torch.optim.AdamW(others, lr=lr, weight_decay=weight_decay, betas=(betas[0], betas[1]))
        )
    return _Together(parts)


class _Together(torch.optim.Optimizer):
    """Several optimizers as one: their groups and their state are its own, not copies."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self._parts = parts
        groups = [group for part in parts for group in part.param_groups]
        super().__init__([p for group in groups for p in group["params"]], {})
        self.param_groups = groups
        for part in parts:
            part.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take a step of each."""
        for part in self._parts:
            part.step()
