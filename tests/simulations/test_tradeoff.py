"""A small part of the simulations of ``tradeoff.py``: what docs/statistics.md says still holds."""

from __future__ import annotations

import numpy as np
import pytest

from tests.simulations.sweeps import SHAPES, World, covers, hyperbola, regret, swept

REPEATS = 60


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("budget", [100_000.0, 1500.0])
def test_intervals_cover_and_a_hyperbola_is_seldom_called_none(seeds: int, budget: float) -> None:
    rng = np.random.default_rng([seeds, int(budget)])
    worlds = [World(hyperbola(), seeds, budget=budget) for _ in range(REPEATS)]
    fits = [swept(world, rng).tradeoff for world in worlds]
    assert sum(covers(fit, 64.0) for fit in fits) >= 0.87 * REPEATS
    assert sum(fit.verdict == "poor_fit" for fit in fits) <= 0.17 * REPEATS


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_what_is_no_hyperbola_is_called_so(name: str) -> None:
    rng = np.random.default_rng(len(name))
    found = [swept(World(SHAPES[name], 5), rng).tradeoff.verdict for _ in range(REPEATS)]
    assert found.count("poor_fit") >= 0.7 * REPEATS


@pytest.mark.slow
def test_the_recommended_size_is_hardly_slower_than_the_best() -> None:
    rng = np.random.default_rng(0)
    world = World(hyperbola(), 5)
    found = [regret(world, swept(world, rng), 300.0, 1.0, rng) for _ in range(REPEATS)]
    assert sum(by_size < 0.05 for by_size, _ in found) >= 0.85 * REPEATS
