"""Learning-rate schedules, each rescaled to the steps of the run."""

from __future__ import annotations

import math
from collections.abc import Callable

from bsx.errors import ConfigError

# Fraction of the run done, from 0 to 1 → factor on the learning rate.
Shape = Callable[[float], float]

_STEP_AT = (0.5, 0.75)  # of the run, each time to a tenth: He et al. 2016, on CIFAR
_END = 0.01  # what an exponential decay leaves of the rate
# One-cycle (Smith & Topin 2018) with the constants of torch's OneCycleLR.
_RISE, _START, _FINISH = 0.3, 1 / 25, 1 / 25e4


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
    rising = math.ceil(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    return SHAPES[name]((step - rising) / max(steps - rising, 1))
