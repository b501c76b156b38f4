"""Models: one family a file, found by name and built for the data at hand."""

from bsx.models.build import build_model, has_batchnorm
from bsx.models.stacked import Stacked, can_stack

__all__ = ["Stacked", "build_model", "can_stack", "has_batchnorm"]
