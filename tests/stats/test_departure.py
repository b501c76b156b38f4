"""The verdict on the form: seldom wrong about a hyperbola, and able to name what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bsx.stats.critical_batch import fit_tradeoff
from bsx.stats.departure import FORM, LackOfFit, directions, lack_of_fit
from bsx.stats.hyperbola import Array, Cells, best
from bsx.stats.layout import StepsTable
from tests.stats.oracles import log_steps

SIZES = np.array([2.0**p for p in range(1, 11)])


def cells_of(logs: Array, variance: float) -> Cells:
    spread = np.full(logs.shape[1], variance)
    return Cells(logs, np.full(logs.shape, np.nan), spread, SIZES[: logs.shape[1]])


def looked_at(logs: Array, variance: float, dof: float = 36.0) -> LackOfFit:
    cells = cells_of(logs, variance)
    log_a, log_c, _ = best(cells)
    return lack_of_fit(cells, log_a, log_c, dof)


@given(st.floats(1.0, 3000.0))
def test_directions_are_the_derivatives_of_what_they_name(c: float) -> None:
    b, small = SIZES, 1e-6
    log_c = np.log(c)
    curve = np.log1p(c / b)
    found = directions(log_c, b)
    others = {
        ("rises", "falls_on"): np.log(1 + c / b + small * b / b.max()),
        ("fast_fall", "slow_fall"): np.log(1 + (c / b) ** (1 + small)),
        ("sharp_knee", "soft_knee"): np.log1p((c / b) ** (1 + small)) / (1 + small),
        ("steep_start", "flat_start"): np.log(1 + c / (b - small * b.min())),
    }
    assert set(found) == set(others)
    for name, other in others.items():
        numeric = (other - curve) / small
        assert found[name] == pytest.approx(numeric, rel=1e-3, abs=1e-3)


def test_p_values_of_a_true_hyperbola_are_spread_evenly() -> None:
    """With the allowance for the form as part of the truth, the p value is exact."""
    rng = np.random.default_rng(0)
    seeds, spread = 5, 0.1
    found = []
    for _ in range(300):
        off = rng.normal(0, FORM, len(SIZES))  # as far as is let pass
        logs = np.log(50 * (1 + 64 / SIZES)) + off + rng.normal(0, spread, (seeds, len(SIZES)))
        square = spread**2 * rng.chisquare(36) / 36
        found.append(looked_at(logs, square).p_value)
    assert stats.kstest(np.array(found, dtype=float), "uniform").pvalue > 0.01


SHAPES = {
    "rises": lambda b: 50 * (1 + 64 / b) * (1 + b / 512),
    "slow_fall": lambda b: 50 * (1 + (64 / b) ** 0.7),
    "flat_start": lambda b: 50 * (1 + 64 / np.maximum(b, 8)),
    "soft_knee": lambda b: 50 * (1 + (64 / b) ** 0.6) ** (1 / 0.6),
    "sharp_knee": lambda b: 50 * (1 + (64 / b) ** 3) ** (1 / 3),
    "uneven": lambda b: 50 * (1 + 64 / b) * np.where(np.arange(len(b)) % 2, 1.3, 1 / 1.3),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_departure_that_stands_out_is_named(name: str) -> None:
    rng = np.random.default_rng(0)
    logs = np.log(SHAPES[name](SIZES)) + rng.normal(0, 0.02, (5, len(SIZES)))
    found = looked_at(logs, 0.02**2)
    assert found.poor and found.departure == name
    assert found.ratio > 2


def test_a_departure_within_the_allowance_is_let_pass_however_many_seeds_there_are() -> None:
    rng = np.random.default_rng(0)
    wiggle = 1 + 0.02 * np.where(np.arange(len(SIZES)) % 2, 1, -1)
    logs = np.log(50 * (1 + 64 / SIZES) * wiggle) + rng.normal(0, 0.02, (100, len(SIZES)))
    assert not looked_at(logs, 0.02**2, 900.0).poor


def test_two_points_and_a_single_seed_give_nothing_to_test_with() -> None:
    assert lack_of_fit(cells_of(np.array([[2.0, 1.0]]), 0.01), 1.0, 1.0, 5.0) == LackOfFit()
    one = log_steps([2, 4, 8, 16], 1, np.random.default_rng(0), spread=0.3)
    fit = fit_tradeoff(StepsTable.of_logs([2, 4, 8, 16], one.tolist()))
    assert fit.fit_p_value is None and fit.departure is None


def test_where_every_size_scales_perfectly_the_test_still_stands() -> None:
    """There the shape is at its limit, and its slope the same as that of the level."""
    rng = np.random.default_rng(0)
    logs = np.log(1e4 / SIZES) + rng.normal(0, 0.1, (5, len(SIZES)))
    found = looked_at(logs, 0.01)
    assert found.p_value is not None and 0 < found.p_value <= 1


def test_equal_tables_give_equal_p_values() -> None:
    logs = log_steps(SIZES.astype(int).tolist(), 5, np.random.default_rng(1))
    assert looked_at(logs, 0.04) == looked_at(logs, 0.04)


def alone(steps: Array, sizes: Array) -> str | None:
    """Return how one measurement of each size departs from the curve, as the fit sees it."""
    return fit_tradeoff(StepsTable.of([int(size) for size in sizes], [list(steps)])).departure


@pytest.mark.parametrize("power", [0.5, 0.7])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_power_law_measured_once_a_size_is_no_trade_off(power: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    found = [
        alone(1e4 * SIZES**-power * np.exp(rng.normal(0, noise, 10)), SIZES) for _ in range(50)
    ]
    assert sum(name in ("slow_fall", "flat_start") for name in found) >= 45


def test_a_true_hyperbola_measured_once_a_size_is_seldom_doubted() -> None:
    rng = np.random.default_rng(1)
    curves = [100 * (1 + c / SIZES) for c in (8.0, 32.0, 128.0)]
    found = [
        alone(curve * np.exp(rng.normal(0, noise, 10)), SIZES)
        for curve in curves
        for noise in (0.03, 0.1, 0.2)
        for _ in range(45)
    ]
    assert sum(name is not None for name in found) <= 0.08 * len(found)


ZHANG = 64 * 2 ** np.arange(9)


@pytest.mark.parametrize(
    ("sizes", "steps"),
    [
        (ZHANG, [46000, 23000, 13282, 7000, 3840, 2528, 1917, 1600, 1600]),
        (ZHANG, [96000, 49000, 24000, 12000, 7128, 4350, 2940, 2400, 2300]),
        (ZHANG, [196000, 90000, 46000, 23400, 13300, 7224, 4980, 3400, 2879]),
        (np.array([2, 8, 32, 128, 512, 2048, 8192, 32768, 55000]),
         [22550, 6360, 1794, 506, 305, 169, 155, 169, 155]),
    ],
    ids=["Zhang 85M", "Zhang 151M", "Zhang 302M", "Shallue"],
)  # fmt: skip
def test_published_tables_are_not_doubted(sizes: Array, steps: list[int]) -> None:
    assert alone(np.array(steps, dtype=float), sizes) is None
