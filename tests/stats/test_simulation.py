"""Sweeps with a known answer, many times over: do intervals and verdicts keep their promise?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bsx.stats.critical_batch import TradeOff, fit_tradeoff
from bsx.stats.curves import SizeRuns
from bsx.stats.hyperbola import Array
from bsx.stats.layout import StepsTable
from bsx.stats.selection import fastest, leave_one_out
from bsx.stats.steps_to_target import Crossing
from bsx.stats.summaries import TargetEvidence, give_back_optimism
from tests.stats.oracles import evaluation_steps, log_steps

SIZES = [2**p for p in range(1, 11)]
RATES = [2.0**p for p in range(-8, 1)]
GRID = np.array(evaluation_steps(100_000))
B_CRIT, S_MIN = 64.0, 50.0


def evaluated(logs: Array, last: float | None = None) -> StepsTable:
    """Return steps as a sweep sees them: at evaluations, and none beyond the budget."""
    at = np.searchsorted(GRID, np.exp(logs))
    steps = GRID[at].astype(float)
    cells = np.log(steps / np.maximum(GRID[np.maximum(at - 1, 0)], 0.5)).mean(axis=0)
    limit = float("inf") if last is None else last
    seen = [[x if x <= limit else None for x in row] for row in steps.tolist()]
    lasts = None if last is None else [[last] * len(SIZES)] * len(logs)
    return StepsTable.of(SIZES, seen, lasts, cells.tolist())


def covers(fit: TradeOff, truth: float = B_CRIT) -> bool:
    estimate = fit.critical_batch_size
    if estimate is None:
        return False
    low = 0.0 if estimate.low is None else estimate.low
    return low <= truth <= (float("inf") if estimate.high is None else estimate.high)


def coverage(repeats: int, seeds: int, last: float | None = None, **truth: float) -> float:
    rng = np.random.default_rng([seeds, repeats])
    fits = [
        fit_tradeoff(evaluated(log_steps(SIZES, seeds, rng, **truth), last)) for _ in range(repeats)
    ]
    return sum(covers(fit, truth.get("b_crit", B_CRIT)) for fit in fits) / repeats


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_interval_of_the_critical_batch_size_covers_it(seeds: int) -> None:
    assert 0.88 <= coverage(100, seeds, spread=0.2, shared=0.2) <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.1, 0.3])
@pytest.mark.parametrize("shared", [0.0, 0.3])
def test_coverage_holds_for_each_kind_of_noise(seeds: int, spread: float, shared: float) -> None:
    assert 0.9 <= coverage(400, seeds, spread=spread, shared=shared) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("b_crit", [16.0, 400.0])
def test_coverage_holds_toward_the_ends_of_the_sweep(seeds: int, b_crit: float) -> None:
    assert 0.9 <= coverage(400, seeds, spread=0.2, shared=0.1, b_crit=b_crit) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("last", [800.0, 300.0])
def test_coverage_holds_where_small_sizes_are_censored(seeds: int, last: float) -> None:
    assert 0.9 <= coverage(200, seeds, last, spread=0.2, shared=0.1) <= 1.0


def chosen_rates(seeds: int, spread: float, rng: np.random.Generator) -> list[TargetEvidence]:
    """Return the evidence of a sweep whose rates were chosen among nine, at every size."""
    found = []
    logs = log_steps(SIZES, seeds, rng, spread=0.0, shared=0.1)
    for column, size in enumerate(SIZES):
        best = min(2.0**-6 * size**0.5, 0.125) * 2 ** rng.uniform(-0.3, 0.3)
        crossings: dict[float, dict[int, Crossing]] = {}
        for rate in RATES:
            off = np.log2(rate / best)
            steps = np.exp(logs[:, column] + 0.15 * off**2 + rng.normal(0, spread, seeds))
            crossings[rate] = {
                s: Crossing(None if off >= 2 else max(round(x), 1), max(round(x / 1.05), 0), 9999)
                for s, x in enumerate(steps.tolist())
            }
        table = {
            rate: {s: None if c.step is None else float(c.step) for s, c in row.items()}
            for rate, row in crossings.items()
        }
        choice = fastest(table)
        assert choice is not None
        others = {s: crossings[r][s] for s, r in leave_one_out(table, fastest).items()}
        found.append(TargetEvidence(choice, crossings[choice.rate], others))
    return give_back_optimism(found)


def selected(repeats: int, seeds: int, spread: float) -> tuple[float, float, float]:
    """Return coverage of B_crit, share of poor fits, mean log error of S_min, after selection."""
    rng = np.random.default_rng([seeds, repeats, 7])
    covered = poor = 0
    errors = []
    for _ in range(repeats):
        evidence = chosen_rates(seeds, spread, rng)
        rows = [[e.log_steps.get(s) for e in evidence] for s in range(seeds)]
        fit = fit_tradeoff(StepsTable.of_logs(SIZES, rows, None, [e.resolution for e in evidence]))
        covered += covers(fit)
        poor += fit.verdict == "poor_fit"
        assert fit.min_steps is not None and fit.min_steps.value is not None
        errors.append(np.log(fit.min_steps.value / S_MIN))
    return covered / repeats, poor / repeats, float(np.mean(errors))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.1, 0.2, 0.3])
def test_choosing_the_rate_at_each_size_costs_neither_coverage_nor_honesty(
    seeds: int, spread: float
) -> None:
    covered, poor, error = selected(200, seeds, spread)
    assert 0.9 <= covered <= 1.0
    assert poor < 0.05
    assert abs(error) < 0.1  # a rate chosen among noise is not quite the best


SHAPES: dict[str, Callable[[Array], Array]] = {
    "square root all the way": lambda b: 2000 * b**-0.5,
    "too large is slower again": lambda b: 50 * (1 + 64 / b) * (1 + b / 256),
    "a sharp corner": lambda b: np.maximum(50.0, 3200 / b),
    "no gain below 16": lambda b: 50 * (1 + 64 / np.maximum(b, 16)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_curve_that_is_no_hyperbola_is_called_a_poor_fit(shape: str) -> None:
    rng = np.random.default_rng(0)
    called = [
        fit_tradeoff(evaluated(log_steps(SIZES, 5, rng, spread=0.2, curve=SHAPES[shape]))).verdict
        for _ in range(40)
    ]
    assert called.count("poor_fit") >= 32


def test_a_hyperbola_is_seldom_called_a_poor_fit() -> None:
    rng = np.random.default_rng(0)
    called = [
        fit_tradeoff(evaluated(log_steps(SIZES, 5, rng, spread=0.2))).verdict for _ in range(150)
    ]
    assert called.count("poor_fit") <= 9


def test_an_empty_size_has_no_seeds() -> None:
    assert SizeRuns.of(8, []).seeds == ()
