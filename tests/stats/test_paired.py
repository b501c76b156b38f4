"""Paired comparison: differences over shared seeds, non-inferiority, seeds that would settle it."""

from __future__ import annotations

import numpy as np
import pytest

from bsx.stats.paired import (
    best_of,
    difference,
    non_inferior,
    paired_difference,
    residual_variance,
    rounding,
    seeds_needed,
)

Rows = dict[int, dict[int, float]]


def layout(
    means: dict[int, float],
    seeds: int,
    rng: np.random.Generator,
    *,
    sd: float,
    shared: float = 0.01,
) -> Rows:
    effect = rng.normal(0, shared, seeds)
    return {
        size: {s: float(mean + effect[s] + rng.normal(0, sd)) for s in range(seeds)}
        for size, mean in means.items()
    }


def test_only_shared_seeds_are_compared() -> None:
    estimate = paired_difference({0: 1.0, 1: 2.0, 2: 9.0}, {0: 0.5, 1: 1.5, 3: -9.0})
    assert estimate is not None and estimate.value == 0.5 and estimate.n == 2
    assert paired_difference({0: 1.0}, {1: 1.0}) is None


def test_equal_differences_of_scores_that_move_in_steps_show_nothing() -> None:
    """Two seeds with the same difference of one in 180 samples, and nothing else is known."""
    first, second = {0: 0.95, 1: 0.96}, {0: 0.95 - 1 / 180, 1: 0.96 - 1 / 180}
    found = difference(first, second, each=rounding(1 / 180, 1 / 180))
    assert found is not None and found.low is not None and found.high is not None
    assert found.low < 0 < found.high
    unknown = difference(first, second)
    assert unknown is not None and unknown.value == pytest.approx(1 / 180)
    assert (unknown.low, unknown.high) == (None, None)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("sd", [0.2, 0.5, 1.0, 3.0])
def test_differences_of_scores_that_move_in_steps_are_shown_by_chance_in_one_of_twenty_at_most(
    seeds: int, sd: float
) -> None:
    """The spread of the seeds is ``sd`` steps; the two are alike."""
    rng = np.random.default_rng(seeds)
    shown = 0
    for _ in range(1000):
        place = rng.uniform()
        rows = np.round(place + sd * rng.normal(size=(2, seeds)))
        one, other = ({s: float(x) / 100 for s, x in enumerate(row)} for row in rows)
        found = paired_difference(one, other, each=rounding(0.01, 0.01))
        assert found is not None and found.low is not None and found.high is not None
        shown += not found.low <= 0 <= found.high
    assert shown <= 65


def test_what_all_differences_share_does_not_shrink_with_their_number() -> None:
    rng = np.random.default_rng(0)
    one = {s: float(x) for s, x in enumerate(rng.normal(size=1000) * 0.01)}
    same = dict.fromkeys(one, 0.0)
    found = paired_difference(one, same, common=0.1**2)
    assert found is not None and found.high is not None and found.value is not None
    assert found.high - found.value == pytest.approx(1.96 * 0.1, rel=0.01)


def test_the_best_has_the_best_mean_and_is_the_smaller_at_a_tie() -> None:
    scores = {8: {0: 0.9, 1: 0.8}, 4: {0: 0.8, 1: 0.9}, 2: {0: 0.1, 1: 0.2}}
    assert best_of(scores, higher_is_better=True) == 4
    assert best_of(scores, higher_is_better=False) == 2
    assert best_of({}, higher_is_better=True) is None


def test_a_seed_that_shifts_all_sizes_is_no_noise() -> None:
    scores = {b: {s: 0.9 + s / 10 + b / 100 for s in range(5)} for b in (1, 2, 3)}
    variance, dof, noisy = residual_variance(scores)
    assert variance == pytest.approx(0, abs=1e-20) and dof == 8 and not noisy


def test_the_spread_is_pooled_over_sizes_and_seeds() -> None:
    scores = layout(dict.fromkeys(range(1, 11), 0.9), 40, np.random.default_rng(0), sd=0.02)
    variance, dof, _ = residual_variance(scores)
    assert variance == pytest.approx(0.02**2, rel=0.15) and dof == 39 * 9


def test_a_missing_cell_costs_a_degree_of_freedom_and_no_bias() -> None:
    scores = layout(dict.fromkeys(range(1, 6), 0.9), 5, np.random.default_rng(0), sd=0.0)
    del scores[3][2]
    variance, dof, _ = residual_variance(scores)
    assert variance == pytest.approx(0, abs=1e-15) and dof == 15


def test_a_size_much_noisier_than_the_rest_is_judged_by_its_own_spread() -> None:
    rng = np.random.default_rng(0)
    scores = layout(dict.fromkeys(range(1, 9), 0.9), 6, rng, sd=0.001)
    scores[8] = {s: 0.9 + float(rng.normal(0, 0.05)) for s in range(6)}
    compared = non_inferior(scores, higher_is_better=True, tolerance=0.005)
    assert residual_variance(scores)[2] == {8}
    assert sum(compared[b].shown for b in range(1, 8)) >= 6


def test_quiet_equals_are_shown_to_be_as_good_and_worse_ones_are_not() -> None:
    means = {2: 0.97, 4: 0.9699, 8: 0.969, 16: 0.95}
    scores = layout(means, 5, np.random.default_rng(0), sd=0.001)
    compared = non_inferior(scores, higher_is_better=True, tolerance=0.005)
    assert [b for b, c in compared.items() if c.shown] == [2, 4, 8]
    assert compared[16].seeds_needed is None
    worse = compared[16].shortfall
    assert worse.low is not None and worse.high is not None
    assert worse.low < 0.02 < worse.high


def test_noise_is_not_rewarded() -> None:
    scores = layout({2: 0.97, 4: 0.967, 8: 0.965}, 3, np.random.default_rng(1), sd=0.02)
    compared = non_inferior(scores, higher_is_better=True, tolerance=0.005)
    assert sum(c.shown for c in compared.values()) == 1


def test_equal_shares_of_a_few_samples_are_not_shown_to_be_within_less_than_a_step() -> None:
    scores = {size: dict.fromkeys(range(5), 1.0) for size in (2, 4, 8)}
    few, many = (
        non_inferior(scores, higher_is_better=True, tolerance=0.005, grain=1 / n)
        for n in (18, 10_000)
    )
    assert not few[4].shown and few[4].expected == 0 and few[4].seeds_needed is not None
    assert few[4].shortfall.high is not None and few[4].shortfall.high > 0.005
    assert many[4].shown


def test_one_seed_shows_nothing() -> None:
    compared = non_inferior({2: {0: 0.97}, 4: {0: 0.9699}}, higher_is_better=True, tolerance=0.005)
    assert compared[2].shown and not compared[4].shown
    assert compared[4].shortfall.low is None


def test_lower_is_better_turns_it_round() -> None:
    scores = layout({2: 0.1, 4: 0.2}, 5, np.random.default_rng(0), sd=0.001)
    compared = non_inferior(scores, higher_is_better=False, tolerance=0.005)
    assert compared[2].shown and not compared[4].shown
    assert compared[4].shortfall.value == pytest.approx(0.1, rel=0.1)


def test_a_size_at_the_limit_is_shown_to_be_within_it_in_one_of_twenty_at_most() -> None:
    rng = np.random.default_rng(0)
    means = {2: 0.97, **dict.fromkeys((4, 8, 16), 0.965)}
    admitted = 0
    for _ in range(300):
        scores = layout(means, 5, rng, sd=0.003)
        compared = non_inferior(scores, higher_is_better=True, tolerance=0.005)
        admitted += compared[8].shown if compared[2].shortfall.method == "the best" else 0
    assert admitted / 300 < 0.09


def test_the_seeds_needed_are_enough() -> None:
    needed = seeds_needed(0.001, 0.01, 0.005, sizes=10)
    assert needed is not None
    # One-sided 95 % at many degrees of freedom: 0.001 + 1.65·0.01/√n ≤ 0.005 from n = 18 on.
    assert needed in (17, 18)
    assert seeds_needed(0.005, 0.01, 0.005, sizes=10) is None
    assert seeds_needed(0.004999, 1.0, 0.005, sizes=10) is None


def test_of_sizes_that_are_alike_the_best_looks_better_and_about_half_of_that_is_taken_back() -> (
    None
):
    rng = np.random.default_rng(0)
    measured, expected = [], []
    for _ in range(200):
        scores = layout(dict.fromkeys((2, 4, 8, 16, 32), 0.97), 5, rng, sd=0.005)
        compared = non_inferior(scores, higher_is_better=True, tolerance=0.005)
        measured += [c.shortfall.value for c in compared.values() if c.shortfall.value]
        expected += [c.expected for c in compared.values() if c.shortfall.value]
    assert np.mean(measured) > 0.002  # though no size is better
    assert 0.4 < np.mean(expected) / np.mean(measured) < 0.6


def test_what_is_expected_of_a_size_is_nearer_to_the_truth_than_what_was_measured() -> None:
    rng = np.random.default_rng(1)
    errors = {"measured": 0.0, "expected": 0.0}
    for _ in range(300):
        means = dict(zip((2, 4, 8, 16, 32, 64), rng.normal(0.97, 0.002, 6), strict=True))
        scores = layout(means, 5, rng, sd=0.005)
        compared = non_inferior(scores, higher_is_better=True, tolerance=0.005)
        [best] = [b for b, c in compared.items() if c.shortfall.method == "the best"]
        for size, found in compared.items():
            truth = means[best] - means[size]
            assert found.shortfall.value is not None
            errors["measured"] += (found.shortfall.value - truth) ** 2
            errors["expected"] += (found.expected - truth) ** 2
    assert errors["expected"] < 0.6 * errors["measured"]


def test_differences_far_beyond_chance_are_expected_as_they_were_measured() -> None:
    means = {2: 0.97, 4: 0.96, 8: 0.93, 16: 0.85}
    scores = layout(means, 5, np.random.default_rng(0), sd=0.001)
    compared = non_inferior(scores, higher_is_better=True, tolerance=0.005)
    assert compared[16].expected == pytest.approx(compared[16].shortfall.value, rel=0.01)


def test_where_so_many_seeds_were_too_few_more_are_asked_for() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        scores = layout({2: 0.97, 4: 0.968, 8: 0.967, 16: 0.966}, 4, rng, sd=0.003)
        del scores[8][0], scores[4][1]
        compared = non_inferior(scores, higher_is_better=True, tolerance=0.005)
        for found in compared.values():
            if not found.shown and found.seeds_needed is not None:
                assert found.seeds_needed > found.shortfall.n


def test_the_shrinkage_is_that_of_james_and_stein() -> None:
    """Their formula written out for a small table without seed effects of its own."""
    rng = np.random.default_rng(3)
    table = rng.normal(0.9, 0.01, (4, 5))  # seeds × sizes
    scores = {2**j: dict(enumerate(table[:, j].tolist())) for j in range(5)}
    residual = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    dof = 3 * 4
    of_a_mean = float((residual**2).sum()) / dof / 4 * dof / (dof + 2)
    share = 1 - 2 * of_a_mean / float(((table.mean(0) - table.mean()) ** 2).sum())
    compared = non_inferior(scores, higher_is_better=True, tolerance=0.005)
    for size, found in compared.items():
        shortfall = table.mean(0).max() - table.mean(0)[int(np.log2(size))]
        assert found.expected == pytest.approx(max(0.0, share) * shortfall, abs=1e-12)


def test_sizes_that_share_no_seed_are_compared_by_all_of_theirs() -> None:
    quiet = {
        b: {10 * n + s: 0.95 + 0.0001 * s for s in range(5)} for n, b in enumerate((8, 16, 32))
    }
    quiet[32] = {seed: score - 0.02 for seed, score in quiet[32].items()}
    compared = non_inferior(quiet, higher_is_better=True, tolerance=0.005)
    assert [b for b, c in compared.items() if c.shown] == [8, 16]
    worse = compared[32].shortfall
    assert worse.low is not None and worse.value is not None and worse.high is not None
    assert 0 < worse.low < 0.02 < worse.high and worse.value == pytest.approx(0.02)
    assert compared[32].seeds_needed is None and compared[32].differs

    noise = {8: {0: 0.95, 1: 0.90, 2: 0.93}, 16: {3: 0.91, 4: 0.95, 5: 0.90}}
    unsure = non_inferior(noise, higher_is_better=True, tolerance=0.005)[16]
    assert not unsure.shown and not unsure.differs
    once = non_inferior({8: {0: 0.95}, 16: {1: 0.9}}, higher_is_better=True, tolerance=0.005)[16]
    assert once.shortfall.value == pytest.approx(0.05) and once.shortfall.low is None


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_unshared_seeds_show_a_size_at_the_limit_to_be_within_it_in_one_of_twenty_at_most(
    higher_is_better: bool,
) -> None:
    rng, shown = np.random.default_rng(0), 0
    sign = 1.0 if higher_is_better else -1.0
    for _ in range(400):
        best = {s: sign * (1.0 + float(rng.normal(0, 0.002))) for s in range(5)}
        row = {s: sign * (0.99 + float(rng.normal(0, 0.002))) for s in range(5, 10)}
        found = non_inferior({8: best, 16: row}, higher_is_better=higher_is_better, tolerance=0.01)
        shown += found[16].shown
    assert shown <= 32
