"""The gradient noise scale: unbiased, covered, and silent where it cannot be resolved.

The oracle: Gaussian gradients whose G and Σ are known, so that B_simple is known exactly.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bsx.schema import Estimate
from bsx.stats.noise_scale import (
    GradientNoise,
    effective_sizes,
    gradient_noise,
    unbiased,
)

Array = NDArray[np.float64]

DEVIATIONS = np.geomspace(0.2, 3.0, 12)  # of the components: a few hold most of the noise
TRACE = float((DEVIATIONS**2).sum())


def gradient(square: float) -> Array:
    """Return a G of so large ‖G‖²."""
    return np.full(len(DEVIATIONS), np.sqrt(square / len(DEVIATIONS)))


def squared_norms(
    rng: np.random.Generator,
    mean: Array,
    draws: int,
    sizes: list[int],
    weights: list[float] | None = None,
) -> tuple[Array, Array, float, float]:
    """Return what a loop with micro-batches of ``sizes`` would see in so many draws.

    ``mean`` is G: one for all draws, or one for each, of shape (draws, 1, components).
    """
    factors = np.asarray(weights or [1.0] * len(sizes))
    noise = rng.standard_normal((draws, len(sizes), len(DEVIATIONS))) * DEVIATIONS
    gradients = mean + noise / np.sqrt(sizes)[:, None]
    whole = (gradients * factors[:, None]).sum(axis=1) / factors.sum()
    small = (gradients**2).sum(axis=2).mean(axis=1)
    return small, (whole**2).sum(axis=1), *effective_sizes(sizes, weights)


def covers(estimate: Estimate, truth: float) -> bool:
    """Say whether ``truth`` is in the interval; a side that is open holds everything."""
    above = estimate.low is None or estimate.low <= truth
    return above and (estimate.high is None or truth <= estimate.high)


def within_four_errors(draws: Array, truth: float) -> bool:
    """Say whether a mean of independent draws agrees with what it should be."""
    return bool(abs(draws.mean() - truth) < 4 * draws.std(ddof=1) / np.sqrt(len(draws)))


@pytest.mark.parametrize(
    "sizes, weights",
    [([8, 8], None), ([4] * 16, None), ([8, 8, 3], None), ([8, 8, 3], [8.0, 8.0, 3.0])],
)
def test_square_and_trace_are_unbiased_for_equal_and_unequal_parts(
    sizes: list[int], weights: list[float] | None
) -> None:
    rng = np.random.default_rng(0)
    square, trace = unbiased(*squared_norms(rng, gradient(0.5), 20_000, sizes, weights))
    assert within_four_errors(square, 0.5)
    assert within_four_errors(trace, TRACE)


def test_the_two_sizes_by_hand() -> None:
    square, trace = unbiased(5.0, 2.0, 4, 16)  # 5 = ‖G‖² + tr/4, 2 = ‖G‖² + tr/16
    assert (float(square), float(trace)) == (pytest.approx(1.0), pytest.approx(16.0))


def test_effective_sizes_of_equal_parts_are_the_part_and_the_whole() -> None:
    assert effective_sizes([16] * 4) == (pytest.approx(16), pytest.approx(64))
    assert effective_sizes([16] * 4, [0.25] * 4) == (pytest.approx(16), pytest.approx(64))
    assert effective_sizes([8, 4], [8.0, 4.0])[1] == pytest.approx(12)  # weighted by samples


@pytest.mark.parametrize("square", [4.0, 0.5, 0.05])
@pytest.mark.parametrize("draws", [12, 60, 200])
def test_the_interval_covers_near_zero_as_well_as_far_from_it(square: float, draws: int) -> None:
    rng = np.random.default_rng(draws)
    covered, square_covered, repeats = 0, 0, 400
    for _ in range(repeats):
        found = gradient_noise(*squared_norms(rng, gradient(square), draws, [8] * 4))
        covered += covers(found.noise_scale, TRACE / square)
        square_covered += covers(found.gradient_square, square)
    assert 0.90 <= covered / repeats <= 0.99
    assert 0.90 <= square_covered / repeats <= 0.99


def test_the_interval_covers_where_the_gradient_wanders_slowly() -> None:
    """Blocks hold what follows one another together; without them one repeat in four misses."""
    rng = np.random.default_rng(1)
    covered, naive, repeats, draws, keep = 0, 0, 300, 400, 0.8
    for _ in range(repeats):
        steps = rng.standard_normal(draws + 50) * 0.5 * np.sqrt(1 - keep**2)
        wander = np.zeros(draws + 50)
        for i in range(1, len(wander)):
            wander[i] = keep * wander[i - 1] + steps[i]
        means = gradient(8.0) * (1 + wander[50:])[:, None, None]
        small, big, *sizes = squared_norms(rng, means, draws, [32] * 4)
        truth = TRACE / (8.0 * (1 + 0.5**2))
        covered += covers(gradient_noise(small, big, *sizes).noise_scale, truth)
        order = rng.permutation(draws)  # shuffled, blocks are of no use
        naive += covers(gradient_noise(small[order], big[order], *sizes).noise_scale, truth)
    assert 0.90 <= covered / repeats <= 0.99
    assert naive / repeats < 0.80


def test_without_a_gradient_the_noise_scale_is_not_resolvable() -> None:
    rng = np.random.default_rng(2)
    silent, repeats = 0, 300
    for _ in range(repeats):
        found = gradient_noise(*squared_norms(rng, gradient(0.0), 40, [8] * 4))
        silent += found.noise_scale.value is None
        if found.noise_scale.value is None:
            assert found.noise_scale.method.startswith("not resolvable")
            assert found.noise_scale.high is None
        assert found.covariance_trace.value is not None
    assert silent / repeats >= 0.95


def test_what_cannot_be_resolved_still_has_a_lower_bound() -> None:
    rng = np.random.default_rng(3)
    found = gradient_noise(*squared_norms(rng, gradient(0.0), 100, [8] * 4))
    scale = found.noise_scale
    assert (scale.value, scale.high) == (None, None)
    assert scale.low is not None and scale.low > 10
    assert "‖G‖² includes 0" in str(found) and "at least" in str(found)


def test_a_batch_far_above_the_noise_scale_has_an_upper_bound() -> None:
    found = gradient_noise([1.0, 1.1, 0.9], [1.01, 1.11, 0.92], 1000, 4000)
    assert found.noise_scale.value is None and found.noise_scale.low == 0.0
    assert found.noise_scale.high is not None
    assert "no noise seen" in str(found) and "at most" in str(found)


def test_samples_that_are_not_put_back_are_corrected_for() -> None:
    rng = np.random.default_rng(4)
    covered, missed, repeats = 0, 0, 100
    for _ in range(repeats):
        samples = gradient(0.3) + rng.standard_normal((60, len(DEVIATIONS))) * DEVIATIONS
        square = float((samples.mean(axis=0) ** 2).sum())
        trace = float(samples.var(axis=0, ddof=1).sum())
        orders = np.argsort(rng.random((400, 60)), axis=1)[:, :32]
        parts = samples[orders].reshape(400, 4, 8, -1).mean(axis=2)
        small, big = (parts**2).sum(axis=2).mean(axis=1), (parts.mean(axis=1) ** 2).sum(axis=1)
        wrong = gradient_noise(small, big, 8, 32)
        right = gradient_noise(small, big, 8, 32, training_samples=60)
        covered += covers(right.noise_scale, trace / square)
        missed += not covers(wrong.noise_scale, trace / square)
    assert 90 <= covered <= 99
    assert missed > 80


def test_the_unit_of_the_gradient_drops_out_of_the_ratio() -> None:
    rng = np.random.default_rng(5)
    small, big, *sizes = squared_norms(rng, gradient(1.0), 50, [8] * 4)
    one, other = (gradient_noise(u * small, u * big, *sizes) for u in (1.0, 1e-20))
    for side in ("value", "low", "high"):
        ratio = getattr(other.noise_scale, side) / getattr(one.noise_scale, side)
        assert ratio == pytest.approx(1.0)


@pytest.mark.parametrize("draws", [0, 1])
def test_none_or_one_draw_gives_no_number(draws: int) -> None:
    found = gradient_noise([2.0] * draws, [1.0] * draws, [8] * draws, [32] * draws)
    assert isinstance(found, GradientNoise) and found.draws == draws
    assert found.noise_scale.value is None and "not resolvable" in found.noise_scale.method
    assert (found.noise_scale.low, found.noise_scale.high) == (None, None)


def test_gradients_that_are_all_zero_are_not_resolvable() -> None:
    found = gradient_noise(np.zeros(5), np.zeros(5), 8, 32)
    assert found.noise_scale.value is None and found.gradient_square.value == 0.0


def test_the_sentence_has_value_interval_and_draws() -> None:
    rng = np.random.default_rng(6)
    found = gradient_noise(*squared_norms(rng, gradient(TRACE / 12_345), 100, [32_000] * 4))
    assert str(found).startswith("gradient noise scale: 12,")
    assert "95% interval" in str(found) and str(found).endswith("100 draws")
