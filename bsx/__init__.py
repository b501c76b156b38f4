"""bsx, the batch-size explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bsx.noise_scale import NoiseScale

__version__ = "0.1.0"
__all__ = ["NoiseScale", "__version__"]


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is asked for, so that ``import bsx`` stays light."""
    if name == "NoiseScale":
        from bsx.noise_scale import NoiseScale

        return NoiseScale
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
