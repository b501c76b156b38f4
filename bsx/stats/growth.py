"""Runs whose batch grows: as far as they are in samples, how far in iterations and in time?

What such a run needs is found in batches of its starting size, which count samples: like that it
compares with a run that keeps its size. Its iterations are fewer, and each takes as long as one of
the size it has by then.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bsx.schema import Estimate, Recipe
from bsx.stats.hyperbola import Array


@dataclass(frozen=True)
class Growth:
    """What batches of the starting size come to, in iterations and in time.

    ``before``: the batches of the starting size before each iteration, and after the last.
    ``durations``: how many iterations of the starting size take as long as those up to there.
    Shapes (iterations + 1,); None where the size stays, and all three are one.
    ``timed_to``: the largest batch whose time is known. Larger ones count as if a sample took as
    long as there, which is at most too long.
    """

    largest: int
    timed_to: int
    before: Array | None = None
    durations: Array | None = None

    @property
    def grows(self) -> bool:
        """Whether the size does not stay."""
        return self.before is not None

    def iterations(self, batches: float) -> float:
        """Return how many iterations come as far as so many batches of the starting size."""
        if self.before is None:
            return batches
        return _at(batches, self.before, np.arange(len(self.before), dtype=float))

    def duration(self, batches: float) -> float:
        """Return how many iterations of the starting size take as long as it takes to get there."""
        if self.before is None or self.durations is None:
            return batches
        return _at(batches, self.before, self.durations)


def growth_of(recipe: Recipe, samples: int, times: Mapping[int, float]) -> Growth:
    """Return how the runs of a recipe grow.

    Args:
        samples: of the training set.
        times: batch size → measured seconds per step; between two sizes it lies on the line
            between them.
    """
    size, largest = recipe.batch_size, recipe.largest_batch(samples)
    if largest == size:
        return Growth(size, size)
    before = np.array(recipe.batches_before(samples), dtype=float)
    known = {b: t / times[size] for b, t in times.items() if b >= size} if size in times else {}
    known = known or {size: 1.0}
    timed = sorted(known)
    sizes = np.diff(before) * size
    each = np.interp(sizes, timed, [known[b] for b in timed]) * np.maximum(sizes / timed[-1], 1.0)
    return Growth(largest, timed[-1], before, np.concatenate([[0.0], np.cumsum(each)]))


def mapped(estimate: Estimate | None, to: Callable[[float], float]) -> Estimate | None:
    """Return the estimate of what an increasing function makes of the quantity."""
    if estimate is None:
        return None

    def of(number: float | None) -> float | None:
        return None if number is None else to(number)

    return dataclasses.replace(
        estimate,
        value=of(estimate.value),
        low=of(estimate.low),
        high=of(estimate.high),
        censored_at=of(estimate.censored_at),
    )


def mapped_logs(logs: Mapping[int, float], to: Callable[[float], float]) -> dict[int, float]:
    """Return seed → the log of what an increasing function makes of it, from seed → its log."""
    return {seed: log + math.log(to(math.exp(log)) / math.exp(log)) for seed, log in logs.items()}


def _at(value: float, at: Array, to: Array) -> float:
    """Read the increasing curve at ``value``; beyond its end it goes on as it ended."""
    if value <= at[-1]:
        return float(np.interp(value, at, to))
    return float(to[-1] + (value - at[-1]) * (to[-1] - to[-2]) / (at[-1] - at[-2]))
