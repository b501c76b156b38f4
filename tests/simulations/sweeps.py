"""Synthetic sweeps with a known answer, from the crossings of single runs on.

A run's log steps to the target are those of the truth at its batch size, a penalty for being off
the best learning rate, noise that its seed brings to all of its runs, and noise of its own. They
are seen at evaluations 5 % apart and up to the budget; a rate four times the best one diverges.
All that follows is bsx's own: the choice of rates, what it costs in honesty, fit and advice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bsx.recommend import recommend
from bsx.schema import Metric
from bsx.stats.candidates import Candidate
from bsx.stats.critical_batch import TradeOff
from bsx.stats.hyperbola import Array
from bsx.stats.intervals import median_estimate
from bsx.stats.steps_to_target import Crossing
from bsx.stats.summaries import TargetEvidence, evidence_of, give_back_optimism, tradeoff_of
from tests.stats.oracles import evaluation_steps

SIZES = tuple(2**p for p in range(1, 11))
RATES = tuple(2.0**p for p in range(-9, 1))
S_MIN, B_CRIT = 50.0, 64.0
ENDLESS = 100_000
_GRID = np.array(evaluation_steps(ENDLESS), dtype=float)
_PENALTY = 0.15  # log steps per octave² off the best rate
_DIVERGES = 2.0  # octaves above it
_ACCURACY = Metric("accuracy", higher_is_better=True, bounded=True)

Curve = Callable[[Array], Array]  # batch sizes → steps


def hyperbola(b_crit: float = B_CRIT) -> Curve:
    """Return S(B) = S_min(1 + B_crit/B)."""
    return lambda b: S_MIN * (1 + b_crit / b)


def knee(p: float) -> Curve:
    """Return S_min(1 + (B_crit/B)^p)^(1/p): sharper than a hyperbola for p > 1."""
    return lambda b: S_MIN * (1 + (B_CRIT / b) ** p) ** (1 / p)


# What is no hyperbola, and by how much in the ways that training shows
SHAPES: Mapping[str, Curve] = {
    "steps rise again": lambda b: S_MIN * (1 + B_CRIT / b) * (1 + b / 256),
    "power law, no floor": lambda b: 2000 * b**-0.5,
    "no gain below 16": lambda b: S_MIN * (1 + B_CRIT / np.maximum(b, 16)),
    "sharp corner": lambda b: S_MIN * np.maximum(1.0, B_CRIT / b),
    "sharper knee, p = 3": knee(3),
    "softer knee, p = 1/2": knee(0.5),
}


@dataclass(frozen=True)
class World:
    """What is true of a sweep; ``budget`` ends every run at that step."""

    curve: Curve
    seeds: int
    spread: float = 0.1  # of each run, in log steps
    shared: float = 0.1  # of a seed, in all of its runs
    budget: float = ENDLESS
    ending: float = (
        0.002  # noise of the accuracy at the end, alike at all sizes; 0.005 is tolerated
    )
    sizes: tuple[int, ...] = SIZES


@dataclass(frozen=True)
class Sweep:
    """What was seen: batch size → evidence, its fit, and the best rate at each size."""

    evidence: Mapping[int, TargetEvidence]
    tradeoff: TradeOff
    best_rates: Mapping[int, float]


def swept(world: World, rng: np.random.Generator) -> Sweep:
    """Run a synthetic sweep and fit its trade-off."""
    truth = np.log(world.curve(np.asarray(world.sizes, dtype=float)))
    of_seed = rng.normal(0, world.shared, world.seeds)
    found, best_rates = [], {}
    for log_steps, size in zip(truth, world.sizes, strict=True):
        # The best rate rises to a limit, and lies anywhere between those of the grid.
        best = min(2.0**-7 * size**0.5, 0.125) * 2 ** rng.uniform(-0.5, 0.5)
        best_rates[size] = best
        table = {}
        for rate in RATES:
            off = math.log2(rate / best)
            needed = log_steps + _PENALTY * off**2 + of_seed
            needed = needed + rng.normal(0, world.spread, world.seeds)
            row = enumerate(np.exp(needed).tolist())
            table[rate] = {
                seed: _seen(math.inf if off >= _DIVERGES else steps, world.budget)
                for seed, steps in row
            }
        found.append(evidence_of(table))
    evidence = dict(zip(world.sizes, give_back_optimism(found), strict=True))
    return Sweep(evidence, tradeoff_of(evidence), best_rates)


def _seen(steps: float, budget: float) -> Crossing:
    """Return the crossing as it is seen at evaluations up to the budget."""
    at = int(np.searchsorted(_GRID, steps))
    if at == len(_GRID) or _GRID[at] > budget:
        return Crossing(None, 0, budget)
    return Crossing(float(_GRID[at]), float(_GRID[at - 1]) if at else 0.0, budget)


def covers(tradeoff: TradeOff, truth: float) -> bool:
    """Say whether the interval of the critical batch size holds it; an open side holds all."""
    estimate = tradeoff.critical_batch_size
    if estimate is None:
        return True  # nothing is claimed
    low = -math.inf if estimate.low is None else estimate.low
    high = math.inf if estimate.high is None else estimate.high
    return low <= truth <= high


def width(tradeoff: TradeOff) -> float:
    """Return how many times its lower end the upper end of the interval is."""
    estimate = tradeoff.critical_batch_size
    if estimate is None or estimate.low is None or estimate.high is None:
        return math.inf
    return estimate.high / estimate.low


def regret(
    world: World, sweep: Sweep, alpha: float, beta: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return by which share longer the recommended size takes than the best: by its size, in all.

    A step takes alpha + beta·B seconds. In all is with the learning rate that comes with it.
    """
    seconds = {b: (alpha + beta * b) * rng.lognormal(0, 0.02, 9) for b in world.sizes}
    candidates = [
        Candidate(
            b,
            e.choice.rate if e.choice else None,
            e.steps,
            e.log_steps,
            median_estimate(seconds[b].tolist()),
            {s: 0.97 + rng.normal(0, world.ending) for s in range(world.seeds)},
        )
        for b, e in sweep.evidence.items()
    ]
    advice, _ = recommend(candidates, sweep.tradeoff, _ACCURACY, 0.005)
    if advice is None:
        return math.inf, math.inf
    sizes = np.asarray(world.sizes, dtype=float)
    times = dict(zip(world.sizes, world.curve(sizes) * (alpha + beta * sizes), strict=True))
    of_size = times[advice.batch_size] / min(times.values())
    rate = advice.learning_rate or 1.0
    best = sweep.best_rates[advice.batch_size]
    nearest = min(abs(math.log2(r / best)) for r in RATES)
    penalty = _PENALTY * (math.log2(rate / best) ** 2 - nearest**2)
    return of_size - 1, of_size * math.exp(penalty) - 1
