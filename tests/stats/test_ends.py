"""Where runs end: the optimism of choosing a rate by the same scores is given back."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from bsx.schema import Metric, RunRecord, RunStatus
from bsx.stats.curves import SizeRuns
from bsx.stats.ends import FinalEvidence, final_evidence, give_back_at_end
from bsx.stats.rates import rate_summaries
from bsx.stats.summaries import target_evidence
from tests.stats.oracles import ACCURACY, recipe, run_record

WHAT = recipe(16, 200)
BLANK = run_record(WHAT, 0.1, 0, 50)
ERROR = Metric("mse", higher_is_better=False)


def ended(rate: float, seed: int, validation: float, test: float, name: str) -> RunRecord:
    """Return a run that ends so."""
    run = dataclasses.replace(BLANK.run, learning_rate=rate, seed=seed)
    ends = {"train": validation, "validation": validation, "test": test}
    final = {split: {name: value, "loss": 1 - value} for split, value in ends.items()}
    return dataclasses.replace(BLANK, run=run, final=final)


def evidence(
    scores: np.ndarray, metric: Metric = ACCURACY, test: np.ndarray | None = None
) -> FinalEvidence:
    """Return the evidence of scores of shape (rates, seeds)."""
    tested = scores if test is None else test
    records = [
        ended(2.0**-rate, seed, float(scores[rate, seed]), float(tested[rate, seed]), metric.name)
        for rate in range(scores.shape[0])
        for seed in range(scores.shape[1])
    ]
    found = final_evidence(SizeRuns.of(16, records), metric, {metric.name: metric})
    assert found is not None
    return found


@pytest.mark.parametrize("metric", [ACCURACY, ERROR])
def test_what_the_choice_adds_is_pooled_over_sizes_and_given_back(metric: Metric) -> None:
    sign = 1 if metric.higher_is_better else -1
    rng = np.random.default_rng(0)
    sizes = [evidence(0.5 + sign * rng.normal(0, 0.01, (10, 5)), metric) for _ in range(8)]
    told = give_back_at_end(sizes, metric)
    shifts = {
        round(after.quality[seed] - before.quality[seed], 12)
        for before, after in zip(sizes, told, strict=True)
        if after is not None
        for seed in before.quality
    }
    assert len(shifts) == 1
    expected = [
        before.quality[seed] - before.left_out[seed] for before in sizes for seed in before.quality
    ]
    assert shifts.pop() == pytest.approx(-float(np.mean(expected)))
    for before, after in zip(sizes, told, strict=True):
        assert after is not None
        first, second = (e.summary.validation[metric.name] for e in (before, after))
        assert first.value is not None and second.value is not None
        assert sign * (first.value - second.value) > 0
        assert "chosen by it" in first.method
        assert "leave one seed out" in second.method


def test_the_test_is_told_at_the_chosen_rate_and_nothing_is_taken_from_it() -> None:
    scores = np.array([[0.9, 0.9, 0.9], [0.8, 0.8, 0.8]])
    tested = np.array([[0.7, 0.71, 0.72], [0.95, 0.95, 0.95]])
    [told] = give_back_at_end([evidence(scores, test=tested)], ACCURACY)
    assert told is not None and told.choice.rate == 1.0
    assert told.summary.test["accuracy"].value == pytest.approx(0.71)
    assert told.summary.test["accuracy"].method == "t interval"
    assert told.test == {0: 0.7, 1: 0.71, 2: 0.72}


def test_without_a_choice_or_with_two_seeds_nothing_is_given_back() -> None:
    one_rate, two_seeds = evidence(np.full((1, 5), 0.9)), evidence(np.full((4, 2), 0.9))
    lucky = evidence(np.random.default_rng(0).uniform(0.5, 0.9, (6, 5)))
    told = give_back_at_end([one_rate, two_seeds, None, lucky], ACCURACY)
    assert told[:3] == [one_rate, two_seeds, None]
    assert one_rate.summary.validation["accuracy"].method == "t interval"
    assert told[3] != lucky


def test_the_end_says_whether_its_rate_stands_at_the_edge() -> None:
    scores = np.array([[0.7] * 3, [0.9] * 3, [0.8] * 3])
    assert evidence(scores).summary.learning_rate_at_edge is False
    assert evidence(scores[1:]).summary.learning_rate_at_edge is True


def test_intervals_hold_the_truth_where_the_best_of_ten_rates_is_told() -> None:
    """Ten equal rates, eight sizes: uncorrected, every size looks better than any rate is."""
    rng = np.random.default_rng(3)
    held = plain = sizes = 0
    for _ in range(25):
        scores = 0.5 + rng.normal(0, 0.02, (8, 10, 5))
        found = [evidence(one) for one in scores]
        told = give_back_at_end(found, ACCURACY)
        for before, after in zip(found, told, strict=True):
            assert after is not None
            held += covers(after, 0.5)
            plain += covers(before, 0.5)
            sizes += 1
    assert plain / sizes < 0.9
    low, high = stats.binom.interval(0.999, sizes, 0.97) / np.float64(sizes)
    assert low <= held / sizes <= max(high, 0.999)


def covers(found: FinalEvidence, truth: float) -> bool:
    estimate = found.summary.validation["accuracy"]
    assert estimate.low is not None and estimate.high is not None
    return estimate.low <= truth <= estimate.high


# --- every rate -------------------------------------------------------------------------------


def test_each_rate_is_summarized_as_it_was_measured() -> None:
    records = [run_record(recipe(16, 2000), 0.1, seed, 200 + seed) for seed in range(3)]
    records += [
        run_record(recipe(16, 2000), 0.2, seed, 100, status=RunStatus.DIVERGED) for seed in (0, 1)
    ]
    records += [run_record(recipe(16, 2000), 0.2, 2, 100)]
    records += [run_record(recipe(16, 2000), 0.05, seed, None) for seed in range(2)]
    runs = SizeRuns.of(16, records)
    target = target_evidence(runs, ACCURACY, 0.95)
    low, middle, high = rate_summaries(runs, [target], ACCURACY)
    assert [entry.learning_rate for entry in (low, middle, high)] == [0.05, 0.1, 0.2]
    assert [(entry.seeds, entry.diverged) for entry in (low, middle, high)] == [
        (2, 0), (3, 0), (3, 2),
    ]  # fmt: skip
    assert low.to_target[0].steps is not None and low.to_target[0].steps.value is None
    assert low.to_target[0].steps.censored_at == 2000
    assert middle.to_target[0].steps is not None
    assert middle.to_target[0].steps.value == pytest.approx(205, rel=0.03)
    assert middle.to_target[0].reached_fraction == 1
    assert high.to_target[0].reached_fraction == pytest.approx(1 / 3)
    assert middle.validation["accuracy"].n == 3
    assert high.validation["accuracy"].n == 1
