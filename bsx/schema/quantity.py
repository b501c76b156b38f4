"""What is said of a quantity: estimates with intervals, and cautions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured quantity with its interval; ``value`` is None where it was censored.

    ``low`` and ``high`` bound the interval of confidence ``level`` from ``n`` independent draws;
    either is None where that side is not known. ``censored_at`` is the last point looked at
    without seeing the event (the last step evaluated, for steps-to-target).
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int = 0
    method: str = ""
    censored_at: float | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "censored_at"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"Estimate.{name} must be finite or None, not {number}")

    def scaled(self, factor: float) -> Estimate:
        """Return the estimate of ``factor`` × the quantity; ``factor`` is known exactly."""

        def times(number: float | None) -> float | None:
            return None if number is None else number * factor

        return dataclasses.replace(
            self,
            value=times(self.value),
            low=times(self.low),
            high=times(self.high),
            censored_at=times(self.censored_at),
        )


@dataclass(frozen=True, slots=True)
class Caution:
    """Something the reader must know to read a result rightly; the wording is the renderer's."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int | None = None
