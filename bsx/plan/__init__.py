"""What is to be trained, and in which rounds."""

from bsx.plan.recipes import batch_sizes, recipes
from bsx.plan.rounds import (
    Round,
    calibration,
    members,
    next_round,
    speed_units,
)

__all__ = [
    "Round",
    "batch_sizes",
    "calibration",
    "members",
    "next_round",
    "recipes",
    "speed_units",
]
