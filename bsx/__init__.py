"""bsx, the batch-size explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bsx.api.arithmetic import Calculation, Calculations, calc
    from bsx.api.results import Compared, Result, RunCurve
    from bsx.api.stored import compare, load
    from bsx.api.sweep import sweep
    from bsx.errors import BsxError, ConfigError, DataError, StoreError
    from bsx.noise_scale import NoiseScale

__version__ = "0.1.0"
__all__ = [
    "BsxError",
    "Calculation",
    "Calculations",
    "Compared",
    "ConfigError",
    "DataError",
    "NoiseScale",
    "Result",
    "RunCurve",
    "StoreError",
    "__version__",
    "calc",
    "compare",
    "load",
    "sweep",
]

_WHERE = {
    "BsxError": "bsx.errors",
    "Calculation": "bsx.api.arithmetic",
    "Calculations": "bsx.api.arithmetic",
    "Compared": "bsx.api.results",
    "ConfigError": "bsx.errors",
    "DataError": "bsx.errors",
    "NoiseScale": "bsx.noise_scale",
    "Result": "bsx.api.results",
    "RunCurve": "bsx.api.results",
    "StoreError": "bsx.errors",
    "calc": "bsx.api.arithmetic",
    "compare": "bsx.api.stored",
    "load": "bsx.api.stored",
    "sweep": "bsx.api.sweep",
}


def __getattr__(name: str) -> Any:
    """Import what is public when it is asked for, so that ``import bsx`` stays light."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
