"""Rows as a frame of pandas, where it is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bsx.errors import ConfigError

if TYPE_CHECKING:
    import pandas


def frame(rows: Sequence[Mapping[str, Any]], index: str | None = None) -> pandas.DataFrame:
    """Return ``rows`` as a frame; unknown values are NaN or None.

    Raises:
        ConfigError: where pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ConfigError("frames need pandas: pip install pandas") from None
    found = pd.DataFrame([dict(row) for row in rows])
    return found.set_index(index) if index is not None and len(found) else found
