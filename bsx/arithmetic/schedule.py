"""Schedules of the learning rate, and of the batch that grows where the rate would decay.

Each is rescaled to the steps of the run. A run with growing batches takes several batches of the
starting size in one step, never across the end of an epoch: what it sees, and in which order, is
what a run that keeps its size sees.

References:
    Smith, Kindermans, Ying, Le 2018, arXiv 1711.00489 (growing the batch instead).
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache

from bsx.errors import ConfigError

# Fraction of the run done, from 0 to 1 → factor on the learning rate.
Shape = Callable[[float], float]

# The batches before each step of a run whose size stays: every step takes one.
EVERY_BATCH: Sequence[int] = range(sys.maxsize)

# The gradient noise that a schedule is to lower goes with rate · (N/B − 1): up to a tenth of the
# training set that is N/B within 10 %, and growing does what decaying does.
LARGEST_SHARE = 10

_STEP_AT = (0.5, 0.75)  # of the run, each time to a tenth: He et al. 2016, on CIFAR
_END = 0.01  # what an exponential decay leaves of the rate
# One-cycle (Smith & Topin 2018) with the constants of torch's OneCycleLR.
_RISE, _START, _FINISH = 0.3, 1 / 25, 1 / 25e4
_ROUNDING = 1e-9  # 0.1² is a little more than a hundredth


def _one_cycle(t: float) -> float:
    if t < _RISE:
        return _between(_START, 1.0, t / _RISE)
    return _between(1.0, _FINISH, (t - _RISE) / (1 - _RISE))


def _between(start: float, end: float, t: float) -> float:
    """Go from start to end on half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * t)) / 2


SHAPES: dict[str, Shape] = {
    "constant": lambda t: 1.0,
    "step": lambda t: 0.1 ** sum(t >= at for at in _STEP_AT),
    "exponential": lambda t: _END**t,
    "cosine": lambda t: _between(1.0, 0.0, t),
    "linear": lambda t: 1.0 - t,
    "one-cycle": _one_cycle,
}


def schedule_factor(name: str, warmup: float, step: int, steps: int) -> float:
    """Return the factor on the learning rate at ``step`` (from 0) of ``steps``.

    A warm-up rises linearly over the first ``warmup`` share of the steps (Goyal et al. 2017); the
    schedule runs over the rest.

    Raises:
        ConfigError: for an unknown name.
    """
    if name not in SHAPES:
        raise ConfigError(f"--schedule {name}: give one of {', '.join(SHAPES)}")
    rising = _rising(warmup, steps)
    if step < rising:
        return (step + 1) / rising
    return SHAPES[name]((step - rising) / max(steps - rising, 1))


@lru_cache(maxsize=64)
def growing_batches(
    name: str, warmup: float, steps: int, steps_per_epoch: int, most: int
) -> Sequence[int]:
    """Return how many batches of the starting size lie before each step: 0, …, ``steps``.

    A step takes as many as keep rate/batch at what the schedule says without the rate rising above
    where it began: ⌊1/f⌋ at the factor f, at most ``most``, and no more than are left of the epoch.
    A warm-up takes one at a time.

    Args:
        name: a schedule that only decays.
        warmup: the share of the steps over which the rate rises.
        steps: the steps of the run that keeps its size.
        steps_per_epoch: its steps in an epoch.
        most: how many times the starting size a batch may become.
    """
    before = array("q", [0])  # a run may have millions of steps
    while before[-1] < steps:
        done = before[-1]
        left = min(steps - done, steps_per_epoch - done % steps_per_epoch)
        times = 1
        if done >= _rising(warmup, steps):
            times = int((1 + _ROUNDING) / schedule_factor(name, warmup, done, steps))
        before.append(done + max(1, min(times, most, left)))
    return before


def check_growing(schedule: str, class_skew: float) -> None:
    """Refuse what does not go with batches that grow.

    Raises:
        ConfigError: for a schedule that never decays, or that raises the rate before; and for
            batches made of one class, which they would be less and less.
    """
    decaying = "step, exponential, cosine or linear"
    if schedule == "constant":
        raise ConfigError(
            "--decay batch-size: --schedule constant has no decay in whose place a batch could "
            f"grow; give --schedule {decaying}"
        )
    if schedule == "one-cycle":
        raise ConfigError(
            "--decay batch-size: --schedule one-cycle raises the rate before it decays; "
            f"--schedule cosine --warmup {_RISE:g} does the same in two parts, and the batch can "
            "grow in the second"
        )
    if class_skew:
        raise ConfigError(
            f"--decay batch-size: batches of which --class-skew {class_skew:g} makes one class "
            "would mix more classes as they grow; leave one of the two out"
        )


def _rising(warmup: float, steps: int) -> int:
    return math.ceil(warmup * steps)
