"""Records → Analysis."""

from bsx.analyze.answer import analyze

__all__ = ["analyze"]
