"""Models: one family a file, found by name and built for the data at hand."""

from bsx.models.build import build_model, caller_state, ghost_size, has_batchnorm
from bsx.models.doubts import doubts_of
from bsx.models.kinds import CLAIMS, SHAPES
from bsx.models.lane_vmap import lane_obstacle
from bsx.models.norms import GhostBatchNorm
from bsx.models.stacked import Stacked, can_stack

__all__ = [
    "CLAIMS",
    "SHAPES",
    "GhostBatchNorm",
    "Stacked",
    "build_model",
    "caller_state",
    "can_stack",
    "doubts_of",
    "ghost_size",
    "has_batchnorm",
    "lane_obstacle",
]
