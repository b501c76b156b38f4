"""The generalization gap: positive means worse on test, whichever way the metric runs."""

from __future__ import annotations

import math

import pytest

from bsx.schema import Metric
from bsx.stats.gap import generalization_gap


@pytest.mark.parametrize("up", [True, False])
def test_positive_means_worse_on_test(up: bool) -> None:
    better, worse = {0: 0.9, 1: 0.9}, {0: 0.8, 1: 0.7}
    train, test = (better, worse) if up else (worse, better)
    gap = generalization_gap(train, test, Metric("m", higher_is_better=up))
    assert gap is not None and gap.value == pytest.approx(0.15) and gap.n == 2


def test_the_gap_is_taken_within_each_run() -> None:
    gap = generalization_gap(
        {0: 0.5, 1: 0.9, 2: 0.7}, {0: 0.4, 1: 0.8001, 3: 0.0}, Metric("m", higher_is_better=True)
    )
    assert gap is not None and gap.n == 2 and gap.value == pytest.approx(0.09995)
    assert gap.low is not None and gap.high is not None and gap.high - gap.low < 0.002


def test_no_shared_seed_no_gap() -> None:
    assert generalization_gap({0: 1.0}, {}, Metric("m", higher_is_better=True)) is None


def test_seeds_that_happen_to_have_the_same_gap_give_no_interval() -> None:
    accuracy = Metric("accuracy", higher_is_better=True, bounded=True)
    gap = generalization_gap({0: 0.99, 1: 0.98}, {0: 0.96, 1: 0.95}, accuracy)
    assert gap is not None and gap.value == pytest.approx(0.03)
    assert (gap.low, gap.high) == (None, None)


def test_shares_of_few_samples_are_known_to_no_better_than_their_steps() -> None:
    accuracy = Metric("accuracy", higher_is_better=True, bounded=True)
    same = dict.fromkeys(range(4), 0.9), dict.fromkeys(range(4), 0.8)
    gap = generalization_gap(*same, accuracy, (1 / 1000, 1 / 10))
    assert gap is not None and gap.value == pytest.approx(0.1)
    # Student's t of 3 degrees of freedom, 3.182, times the error of a mean of four cells
    half = 3.182 * math.sqrt((0.001**2 + 0.1**2) / 12 / 4)
    assert (gap.low, gap.high) == (
        pytest.approx(0.1 - half, rel=1e-3),
        pytest.approx(0.1 + half, rel=1e-3),
    )


def test_the_interval_of_a_gap_between_shares_ends_at_one() -> None:
    accuracy = Metric("accuracy", higher_is_better=True, bounded=True)
    gap = generalization_gap({0: 0.9, 1: 0.9}, {0: 0.8, 1: 0.4}, accuracy)
    assert gap is not None and (gap.low, gap.high) == (-1.0, 1.0)
