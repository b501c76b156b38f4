"""The trade-off fit: published tables, exact curves, verdicts, and what each may say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsx.stats import layout
from bsx.stats.critical_batch import fit_tradeoff
from bsx.stats.layout import StepsTable
from tests.stats.oracles import log_steps, slow_fit

SIZES = [2**p for p in range(1, 11)]
ZHANG_SIZES = [64 * 2**p for p in range(9)]
# Zhang et al. 2024 (arXiv 2410.21676): steps of three models, a, b, and CBS20 at B_ref = 256.
ZHANG = {
    "85M": (
        [46000, 23000, 13282, 7000, 3840, 2528, 1917, 1600, 1600], 1293.83, 2834258.0, 745.3,
    ),
    "151M": (
        [96000, 49000, 24000, 12000, 7128, 4350, 2940, 2400, 2300], 1752.42, 5677478.8, 955.2,
    ),
    "302M": ([196000, 90000, 46000, 23400, 13300, 7224, 4980, 3400, 2879], None, None, 1393.7),
}  # fmt: skip
# Shallue et al. 2019 (arXiv 1811.03600), Simple CNN on Fashion-MNIST, digitised.
SHALLUE_SIZES = [2, 8, 32, 128, 512, 2048, 8192, 32768, 55000]
SHALLUE_STEPS = [22550, 6360, 1794, 506, 305, 169, 155, 169, 155]


@pytest.mark.parametrize("model", ZHANG)
def test_the_tables_of_zhang_et_al_come_back(model: str) -> None:
    steps, a, b, critical = ZHANG[model]
    fit = fit_tradeoff(StepsTable.of(ZHANG_SIZES, [steps]), reference_batch_size=256)
    assert fit.verdict == "fitted" and fit.reference_batch_size == 256
    assert fit.min_steps and fit.min_samples and fit.critical_batch_size_20
    assert fit.critical_batch_size_20.value == pytest.approx(critical, rel=0.005)
    if a is not None:
        assert fit.min_steps.value == pytest.approx(a, rel=0.005)
        assert fit.min_samples.value == pytest.approx(b, rel=0.005)


def test_the_points_of_shallue_et_al_give_their_critical_batch_size() -> None:
    fit = fit_tradeoff(StepsTable.of(SHALLUE_SIZES, [SHALLUE_STEPS]))
    assert fit.critical_batch_size and fit.min_steps and fit.min_samples
    assert fit.critical_batch_size.value == pytest.approx(307, rel=0.05)
    assert fit.min_steps.value == pytest.approx(159, rel=0.05)
    assert fit.min_samples.value == pytest.approx(49_000, rel=0.05)
    assert fit.critical_batch_size.low is not None and fit.critical_batch_size.high is not None
    assert fit.critical_batch_size.low < 307 < fit.critical_batch_size.high


@settings(max_examples=30, deadline=None)
@given(st.floats(5, 1e4), st.floats(8, 256), st.integers(1, 5))
def test_an_exact_curve_comes_back(s_min: float, b_crit: float, seeds: int) -> None:
    steps = [s_min * (1 + b_crit / size) for size in SIZES]
    fit = fit_tradeoff(StepsTable.of(SIZES, [steps] * seeds))
    assert fit.critical_batch_size and fit.min_steps and fit.min_samples
    assert fit.critical_batch_size.value == pytest.approx(b_crit, rel=1e-4)
    assert fit.min_steps.value == pytest.approx(s_min, rel=1e-4)
    assert fit.min_samples.value == pytest.approx(s_min * b_crit, rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_the_fit_is_least_squares_on_the_logs(seed: int, seeds: int) -> None:
    """Where all sizes are taken to be as noisy: by chance one in ten sweeps has one that is not."""
    logs = log_steps(SIZES, seeds, np.random.default_rng(seed), spread=0.2, shared=0.3)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(layout, "_NOISIER", 0.0)
        fit = fit_tradeoff(StepsTable.of_logs(SIZES, logs.tolist()))
    a, b = slow_fit(SIZES, logs)
    assert fit.parameters is not None
    assert math.exp(fit.parameters[0]) == pytest.approx(a, rel=1e-4)
    assert math.exp(sum(fit.parameters)) == pytest.approx(b, rel=1e-4)


def test_what_a_seed_does_to_its_whole_curve_does_not_touch_the_critical_batch_size() -> None:
    logs = log_steps(SIZES, 5, np.random.default_rng(0))
    moved = logs + np.array([[-1.0], [0.5], [0.0], [2.0], [0.3]])
    first = fit_tradeoff(StepsTable.of_logs(SIZES, logs.tolist())).critical_batch_size
    second = fit_tradeoff(StepsTable.of_logs(SIZES, moved.tolist())).critical_batch_size
    assert first and second
    assert second.value == pytest.approx(first.value, rel=1e-6)
    assert second.low == pytest.approx(first.low, rel=1e-4)
    assert second.high == pytest.approx(first.high, rel=1e-4)


def test_without_a_plateau_only_a_lower_bound_is_given() -> None:
    logs = log_steps(SIZES, 5, np.random.default_rng(0), b_crit=1e6, s_min=1.0, spread=0.1)
    fit = fit_tradeoff(StepsTable.of_logs(SIZES, logs.tolist()))
    assert fit.verdict == "no_plateau"
    critical = fit.critical_batch_size
    assert critical and critical.value is None and critical.high is None
    assert critical.low is not None and critical.low > 1024
    assert fit.min_steps and fit.min_steps.value is None and fit.min_steps.low is None
    assert fit.min_samples and fit.min_samples.value == pytest.approx(1e6, rel=0.2)
    assert fit.usable


def test_where_all_sizes_lie_on_the_plateau_only_an_upper_bound_is_given() -> None:
    logs = log_steps(SIZES, 5, np.random.default_rng(0), b_crit=1e-3, spread=0.1)
    fit = fit_tradeoff(StepsTable.of_logs(SIZES, logs.tolist()))
    assert fit.verdict == "no_scaling"
    critical = fit.critical_batch_size
    assert critical and critical.value is None and critical.low is None
    assert critical.high is not None and critical.high < 2
    assert fit.min_steps and fit.min_steps.value == pytest.approx(50, rel=0.1)


def test_two_sizes_are_too_few() -> None:
    fit = fit_tradeoff(StepsTable.of([2, 4, 8], [[100, 50, None]], [[200, 200, 200]]))
    assert fit.verdict == "too_few_sizes" and fit.critical_batch_size is None
    assert not fit.usable and fit.predict(4) is None


def test_points_on_no_hyperbola_are_called_so() -> None:
    rng = np.random.default_rng(0)
    logs = log_steps(SIZES, 5, rng, spread=0.1, curve=lambda b: 50 * (1 + 64 / b) * (1 + b / 256))
    fit = fit_tradeoff(StepsTable.of_logs(SIZES, logs.tolist()))
    assert fit.verdict == "poor_fit" and not fit.usable
    assert fit.departure == "rises" and fit.fit_p_value is not None and fit.fit_p_value < 0.01
    assert fit.critical_batch_size is None and fit.min_steps is None  # there is no such thing
    assert fit.predict(64)  # the curve that was tried


def test_a_sharper_knee_keeps_its_critical_batch_size_in_a_wider_interval() -> None:
    rng = np.random.default_rng(0)
    corner = log_steps(SIZES, 5, rng, spread=0.1, curve=lambda b: np.maximum(50.0, 3200 / b))
    sharp = fit_tradeoff(StepsTable.of_logs(SIZES, corner.tolist()))
    fit = fit_tradeoff(StepsTable.of_logs(SIZES, log_steps(SIZES, 5, rng, spread=0.1).tolist()))
    assert sharp.verdict == "poor_fit" and sharp.departure == "sharp_knee"
    ends = [(f.critical_batch_size.low, f.critical_batch_size.high)
            for f in (sharp, fit) if f.critical_batch_size]  # fmt: skip
    assert len(ends) == 2
    (low, high), (narrow_low, narrow_high) = ends
    assert low and high and narrow_low and narrow_high
    assert low < 64 < high and high / low > 1.3 * narrow_high / narrow_low


def test_censored_seeds_pull_the_curve_up() -> None:
    logs = log_steps(SIZES, 5, np.random.default_rng(0), spread=0.2, b_crit=64)
    steps = np.exp(logs)
    seen = [[x if x <= 800 else None for x in row] for row in steps.tolist()]
    lasts = [[800.0] * len(SIZES)] * 5
    with_bounds = fit_tradeoff(StepsTable.of(SIZES, seen, lasts)).critical_batch_size
    without = fit_tradeoff(StepsTable.of(SIZES, seen)).critical_batch_size
    assert with_bounds and without and with_bounds.value and without.value
    assert with_bounds.value > without.value
    assert with_bounds.low is not None and with_bounds.high is not None
    assert with_bounds.low < 64 < with_bounds.high


def test_a_seed_missing_at_some_sizes_does_not_tilt_the_curve() -> None:
    """A slow seed that ran at the large sizes only would look like an early plateau."""
    logs = log_steps(SIZES, 5, np.random.default_rng(0), spread=0.02)
    logs[0] += 1.5
    logs[0, :5] = np.nan
    rows = [[None if math.isnan(x) else x for x in row] for row in logs.tolist()]
    fit = fit_tradeoff(StepsTable.of_logs(SIZES, rows))
    assert fit.critical_batch_size
    assert fit.critical_batch_size.value == pytest.approx(64, rel=0.1)


def test_predictions_lie_on_the_curve_and_inside_their_interval() -> None:
    logs = log_steps(SIZES, 5, np.random.default_rng(1), spread=0.1)
    fit = fit_tradeoff(StepsTable.of_logs(SIZES, logs.tolist()))
    assert fit.min_steps and fit.critical_batch_size
    assert fit.min_steps.value and fit.critical_batch_size.value
    prediction = fit.predict(48)
    assert prediction and prediction.value and prediction.low and prediction.high
    expected = fit.min_steps.value * (1 + fit.critical_batch_size.value / 48)
    assert prediction.value == pytest.approx(expected)
    assert prediction.low < prediction.value < prediction.high
    assert fit.log_steps(np.array([2.0, 4.0])).shape[1] == 2


def test_equal_tables_give_equal_answers() -> None:
    logs = log_steps(SIZES, 3, np.random.default_rng(1)).tolist()
    first = fit_tradeoff(StepsTable.of_logs(SIZES, logs))
    second = fit_tradeoff(StepsTable.of_logs(SIZES, logs))
    assert first.critical_batch_size == second.critical_batch_size
    assert first.min_steps == second.min_steps


@pytest.mark.parametrize("rows", [[], [[1.0, 2.0]], [[1.0, 2.0, -3.0]]])
def test_tables_of_the_wrong_form_are_refused(rows: list[list[float | None]]) -> None:
    with pytest.raises(ValueError, match=r"entries|positive"):
        StepsTable.of([2, 4, 8], rows)


SIX = [8, 16, 32, 64, 128, 256]


@pytest.mark.parametrize(
    ("steps", "departure"),
    [
        ([100, 130, 180, 300, 600, 1000], "never_falls"),
        ([1000, 500, 250, 130, 100, 180], "rises"),
    ],
)
def test_steps_that_rise_are_seen_in_one_measurement_of_each_size(
    steps: list[float], departure: str
) -> None:
    fit = fit_tradeoff(StepsTable.of(SIX, [steps]))
    assert (fit.verdict, fit.departure) == ("poor_fit", departure)
    assert fit.critical_batch_size is None and not fit.usable


def test_steps_that_rise_from_the_smallest_size_on_are_no_plateau() -> None:
    logs = np.log(50 * (1 + np.array(SIZES) / 100))
    noise = np.random.default_rng(0).normal(0, 0.1, (5, len(SIZES)))
    fit = fit_tradeoff(StepsTable.of_logs(SIZES, (logs + noise).tolist()))
    assert (fit.verdict, fit.departure) == ("poor_fit", "never_falls")


def test_one_measurement_of_each_size_on_a_curve_is_seldom_said_to_rise() -> None:
    rng = np.random.default_rng(1)
    found = []
    for b_crit in np.exp(rng.uniform(math.log(16), math.log(256), 40)):
        logs = log_steps(SIZES, 1, rng, b_crit=float(b_crit), spread=0.1)
        found.append(fit_tradeoff(StepsTable.of_logs(SIZES, logs.tolist())).verdict)
    assert found.count("poor_fit") <= 2


def test_points_that_exclude_no_critical_batch_size_give_none() -> None:
    fit = fit_tradeoff(StepsTable.of(SIX, [[1000, 1300, 300, 700, 90, 400]]))
    assert fit.verdict == "too_scattered"
    for found in (fit.critical_batch_size, fit.min_steps, fit.min_samples):
        assert found is None


def _with_a_size_in_vain(
    size: int, looked: float, seeds: int = 3
) -> tuple[list[int], list[list[float | None]], list[list[float | None]]]:
    """Return an exact curve of B_crit 64 with a size that no seed got to the target at."""
    sizes = sorted([8, 16, 32, 64, 128, 256, 512, size])
    steps = [[None if b == size else 100 * (1 + 64 / b) * s for b in sizes]
             for s in (1.0, 1.05, 0.96, 1.02, 0.98)[:seeds]]  # fmt: skip
    lasts = [[looked if b == size else None for b in sizes] for _ in steps]
    return sizes, steps, lasts


@pytest.mark.parametrize("looked", [300, 20_000])
def test_a_size_that_never_gets_there_does_not_bend_the_curve_of_the_others(looked: float) -> None:
    sizes, steps, lasts = _with_a_size_in_vain(1024, looked)
    fit = fit_tradeoff(StepsTable.of(sizes, steps, lasts))
    assert (fit.verdict, fit.departure, fit.beyond) == ("poor_fit", "rises", (1024,))
    assert not fit.usable and fit.critical_batch_size is None
    foretold = fit.predict(512)
    assert foretold and foretold.value == pytest.approx(112.5, rel=0.02)


def test_a_small_or_middle_size_that_never_gets_there_leaves_the_others_theirs() -> None:
    for size, departure in ((2, "steep_start"), (100, "uneven")):
        fit = fit_tradeoff(StepsTable.of(*_with_a_size_in_vain(size, 60_000)))
        assert (fit.verdict, fit.departure, fit.beyond) == ("poor_fit", departure, (size,))
        assert fit.critical_batch_size and fit.critical_batch_size.value == pytest.approx(64, 0.02)


def test_a_size_that_was_not_looked_at_for_long_enough_contradicts_nothing() -> None:
    fit = fit_tradeoff(StepsTable.of(*_with_a_size_in_vain(1024, 60)))
    assert (fit.verdict, fit.beyond) == ("fitted", ())
    assert fit.critical_batch_size and fit.critical_batch_size.value == pytest.approx(64, 0.02)


def test_budgets_that_end_too_soon_are_seldom_taken_for_sizes_that_never_get_there() -> None:
    rng, found = np.random.default_rng(3), 0
    for b_crit in np.exp(rng.uniform(math.log(16), math.log(512), 40)):
        logs = log_steps(SIZES, 3, rng, b_crit=float(b_crit), spread=0.15)
        ends = np.log(60_000 / np.array(SIZES))
        seen = [[x if x <= end else None for x, end in zip(row, ends, strict=True)] for row in logs]
        table = StepsTable.of_logs(SIZES, seen, [list(np.exp(ends))] * 3)
        found += bool(fit_tradeoff(table).beyond)
    assert found <= 2


def test_iterations_that_fall_faster_than_in_proportion_predict_nothing() -> None:
    """Else a curve that the points are shown not to lie on would say which size is fastest."""
    noise = np.random.default_rng(0).normal(0, 0.05, (5, 6))
    logs = 12 - 1.5 * np.log(np.array(SIX)) + noise
    fit = fit_tradeoff(StepsTable.of_logs(SIX, logs.tolist()))
    assert (fit.verdict, fit.departure) == ("poor_fit", "fast_fall")
    assert not fit.usable and fit.critical_batch_size is None and fit.min_steps is None


def test_few_points_among_many_bounds_end_in_no_number_beyond_all_bounds() -> None:
    """One seed, of which three sizes got there: the bounds pulled the curve off without end."""
    steps = [[None, 2267.0, None, 290.0, 227.0, None, None, None]]
    lasts = [[5529.0, None, 1382.0, None, None, 173.0, 86.0, 43.0]]
    fit = fit_tradeoff(StepsTable.of([8 * 2**p for p in range(8)], steps, lasts))
    assert fit.verdict in ("fitted", "no_scaling", "no_plateau", "too_scattered", "poor_fit")


def test_seeds_that_sizes_do_not_share_have_no_effects_and_their_spread_is_noise() -> None:
    """Each size has seeds of its own: steps foretold are no surer than so many runs make them."""
    rng, inside = np.random.default_rng(0), {"critical": 0, "steps": 0}
    sizes, repeats = [2**p for p in range(1, 9)], 60
    truth = {"critical": 40.0, "steps": 100 * (1 + 40 / 64)}
    for _ in range(repeats):
        rows: list[list[float | None]] = []
        for place, size in enumerate(sizes):
            for _seed in range(3):
                row: list[float | None] = [None] * len(sizes)
                row[place] = 100 * (1 + 40 / size) * math.exp(0.2 * float(rng.standard_normal()))
                rows.append(row)
        fit = fit_tradeoff(StepsTable.of(sizes, rows))
        found = {"critical": fit.critical_batch_size, "steps": fit.predict(64)}
        for what, estimate in found.items():
            assert estimate is not None and estimate.low is not None and estimate.high is not None
            inside[what] += estimate.low <= truth[what] <= estimate.high
    assert min(inside.values()) >= 0.88 * repeats


def test_seeds_of_small_sizes_and_others_of_large_ones_do_not_bend_the_curve() -> None:
    rng, inside, repeats = np.random.default_rng(0), 0, 60
    sizes = [2**p for p in range(1, 9)]
    for _ in range(repeats):
        luck = 0.2 * rng.standard_normal(10)
        rows: list[list[float | None]] = [
            [
                100 * (1 + 40 / b) * math.exp(float(luck[s] + 0.1 * rng.standard_normal()))
                if (s < 5) == (b < 32)
                else None
                for b in sizes
            ]
            for s in range(10)
        ]
        found = fit_tradeoff(StepsTable.of(sizes, rows)).critical_batch_size
        inside += bool(found and found.low and found.low <= 40 <= (found.high or math.inf))
    assert inside >= 0.8 * repeats


def test_a_size_noisier_than_the_rest_does_not_make_a_true_curve_look_wrong() -> None:
    rng, poor, inside, repeats = np.random.default_rng(7), 0, 0, 100
    for _ in range(repeats):
        luck = 0.3 * rng.standard_normal(10)
        rows: list[list[float | None]] = [
            [
                100 * (1 + 60 / b) * math.exp(float(of + noise * rng.standard_normal()))
                for b, noise in zip(SIZES, [0.1] * 9 + [0.3], strict=True)
            ]
            for of in luck
        ]
        fit = fit_tradeoff(StepsTable.of(SIZES, rows))
        poor += fit.verdict == "poor_fit"
        found = fit.critical_batch_size
        inside += bool(found and found.low and found.low <= 60 <= (found.high or math.inf))
    assert poor <= 4  # 9 with one variance for all
    assert inside >= 90
