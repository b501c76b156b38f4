"""Optimizers by name, for one model or for lanes."""

from bsx.optim.build import (
    build_optimizer,
    check_tuned,
    is_elementwise,
    is_sgd,
    try_optimizer,
)

__all__ = ["build_optimizer", "check_tuned", "is_elementwise", "is_sgd", "try_optimizer"]
