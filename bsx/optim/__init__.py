"""Optimizers by name, for one model or for lanes."""

from bsx.optim.build import build_optimizer, check_optimizer, is_elementwise
from bsx.optim.schedule import SHAPES, schedule_factor

__all__ = ["SHAPES", "build_optimizer", "check_optimizer", "is_elementwise", "schedule_factor"]
