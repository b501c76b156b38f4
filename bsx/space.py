"""Where a search begins: usual learning rates, momenta and weight decays of an optimizer.

All of it is assumption. A grid or a search of learning rates goes further by itself where the best
one stands at its edge.
"""

from __future__ import annotations

import math

from bsx.schema import EFFECTIVE_RATE, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, Axis, Ingredient

GRID_SIZE = 10  # powers of two: three decades
STEP = 2.0

# Exponent of two at the low end of the grid, by how the optimizer uses its rate.
_LOW_EXPONENT = {
    "sgd": -6,  # for momentum 0
    "asgd": -6,
    "adagrad": -9,
    "adadelta": -5,
    "rprop": -14,
    "adam": -13,
    "adamw": -13,
    "adamax": -12,
    "nadam": -13,
    "radam": -13,
    "rmsprop": -14,
    "muon": -13,
    "adafactor": -12,
}
_LOW_EXPONENT_UNKNOWN = -10
_USUAL_MOMENTUM = {"muon": 0.95}  # that the exponent is for, where it is not 0

_MOMENTA = (0.5, 0.99)
_DECAYS = (1e-6, 1e-2)
_DECOUPLED = frozenset({"adamw", "muon"})  # the decay is multiplied by the rate
_DECOUPLED_DECAYS = (1e-3, 1.0)


def usual_rates(optimizer: Ingredient) -> tuple[float, ...]:
    """Return the grid of learning rates that tuning begins with, from small to large."""
    low = _LOW_EXPONENT.get(optimizer.name, _LOW_EXPONENT_UNKNOWN)
    momentum = optimizer.args.get("momentum", 0.0)
    if optimizer.name == "sgd" and isinstance(momentum, float | int):
        # The step in weights is η/(1 − momentum) in the long run.
        low += round(math.log2(1 - momentum)) if 0 <= momentum < 1 else 0
    return tuple(STEP ** (low + i) for i in range(GRID_SIZE))


def usual_range(name: str, optimizer: Ingredient) -> Axis:
    """Return what a search of ``name`` covers unless it is told."""
    if name == MOMENTUM:
        return Axis(name, *_MOMENTA)
    if name == WEIGHT_DECAY:
        return Axis(name, *(_DECOUPLED_DECAYS if optimizer.name in _DECOUPLED else _DECAYS))
    if name == EFFECTIVE_RATE:
        without = {key: value for key, value in optimizer.args.items() if key != MOMENTUM}
        rates = usual_rates(Ingredient(optimizer.name, without))
        least = 1 - _USUAL_MOMENTUM.get(optimizer.name, 0.0)
        return Axis(name, rates[0] / least, rates[-1] / least)
    rates = usual_rates(optimizer)
    return Axis(LEARNING_RATE, rates[0], rates[-1])
