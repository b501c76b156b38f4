"""Tuning beyond the learning rate: the space that is searched, and the trials in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

LEARNING_RATE = "learning_rate"
EFFECTIVE_RATE = "effective_learning_rate"  # η/(1 − momentum): the step in the long run
MOMENTUM = "momentum"
WEIGHT_DECAY = "weight_decay"


@dataclass(frozen=True)
class Axis:
    """One thing that is searched, from ``low`` to ``high``.

    Log-uniform in its value, and momentum in what it lets go of a step: 1 − momentum.
    """

    name: str
    low: float
    high: float

    def at(self, share: float) -> float:
        """Return the value that lies ``share`` of the way from low to high; beyond 0 and 1 too."""
        low, high = self._scale(self.low), self._scale(self.high)
        logarithm = low + share * (high - low)
        return 1 - math.exp(-logarithm) if self.name == MOMENTUM else math.exp(logarithm)

    def share(self, value: float) -> float:
        """Return how far from low to high a value lies."""
        low, high = self._scale(self.low), self._scale(self.high)
        return (self._scale(value) - low) / (high - low)

    def _scale(self, value: float) -> float:
        return -math.log(1 - value) if self.name == MOMENTUM else math.log(value)


@dataclass(frozen=True)
class Search:
    """A quasi-random search at each batch size: ``trials`` points of a space.

    The first axis is the learning rate, or the effective one where momentum is tuned with it.
    """

    axes: tuple[Axis, ...]
    trials: int

    @property
    def rate(self) -> Axis:
        """The axis of the learning rate."""
        return self.axes[0]

    @property
    def beside(self) -> tuple[Axis, ...]:
        """What is tuned beside the learning rate; by these names optimizers take it."""
        return self.axes[1:]

    @property
    def finalists(self) -> int:
        """How many of the best trials of one seed the other seeds try, by each goal."""
        return max(4, self.trials // 8)


@dataclass(frozen=True, order=True)
class Trial:
    """A point of the search: a learning rate, and what is tuned beside it, by name and value."""

    learning_rate: float
    tuned: tuple[tuple[str, float], ...] = ()

    @property
    def effective_rate(self) -> float:
        """The learning rate over 1 − momentum, where momentum is tuned; else the rate."""
        return self.learning_rate / (1 - dict(self.tuned).get(MOMENTUM, 0.0))


# What is chosen at a batch size: a learning rate, or where more is tuned with it a trial. Those of
# one sweep are all of one kind.
Point = float | Trial


def rate_of(point: Point) -> float:
    """Return the learning rate of a point."""
    return point.learning_rate if isinstance(point, Trial) else point


def tuned_of(point: Point | None) -> Mapping[str, float]:
    """Return what a point sets beside the learning rate."""
    return dict(point.tuned) if isinstance(point, Trial) else {}
