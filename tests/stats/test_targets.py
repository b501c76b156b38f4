"""The automatic target: strict, round, common to all sizes, and never trivial."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.schema import Baseline, CurvePoint, Metric, Run, RunRecord, RunStatus
from bsx.stats.blown import blown_up
from bsx.stats.curves import SizeRuns
from bsx.stats.targets import automatic_target, held_at_once, round_threshold
from tests.stats.oracles import ACCURACY, recipe

LOSS = Metric("perplexity", higher_is_better=False)


def run(
    batch_size: int,
    seed: int,
    values: dict[int, float],
    *,
    rate: float = 0.1,
    metric: Metric = ACCURACY,
    diverged: bool = False,
) -> RunRecord:
    """Return a run of 100 steps with a metric at some of them."""
    losses = metric is LOSS
    curve = tuple(
        CurvePoint(step, step, step, 0.0, 0.0, losses * value, {metric.name: value})
        for step, value in values.items()
    )
    status = RunStatus.DIVERGED if diverged else RunStatus.COMPLETED
    return RunRecord(Run(recipe(batch_size, 100), rate, seed), status, curve)


def sizes(*runs: RunRecord) -> list[SizeRuns]:
    by_size: dict[int, list[RunRecord]] = {}
    for record in runs:
        by_size.setdefault(record.run.recipe.batch_size, []).append(record)
    return [SizeRuns.of(size, records) for size, records in by_size.items()]


def test_it_is_the_strictest_that_every_size_reaches_in_its_seeds() -> None:
    runs = [run(8, s, {1: 0.1, 80: 0.97 + s / 1000}) for s in range(5)]
    runs += [run(64, s, {1: 0.1, 80: 0.954 + s / 1000}) for s in range(5)]
    found = automatic_target(sizes(*runs), ACCURACY)
    assert found is not None and found.threshold == 0.95 and found.beyond == ()


def test_what_is_reached_in_the_last_fifth_of_the_budget_does_not_count() -> None:
    runs = [run(8, s, {1: 0.1, 80: 0.85, 90: 0.99}) for s in range(5)]
    found = automatic_target(sizes(*runs), ACCURACY)
    assert found is not None and found.threshold == 0.85


def test_each_size_is_taken_at_the_rate_that_gets_it_furthest() -> None:
    runs = [run(8, s, {1: 0.1, 80: 0.6}, rate=0.1) for s in range(5)]
    runs += [run(8, s, {1: 0.1, 80: 0.9}, rate=0.2) for s in range(5)]
    runs += [run(8, s, {1: 0.1, 80: 0.99}, rate=0.4, diverged=True) for s in range(5)]
    found = automatic_target(sizes(*runs), ACCURACY)
    assert found is not None and found.threshold == 0.9


def test_one_seed_in_ten_may_fail() -> None:
    runs = [run(8, s, {1: 0.1, 80: 0.2 if s == 0 else 0.9}) for s in range(10)]
    found = automatic_target(sizes(*runs), ACCURACY)
    assert found is not None and found.threshold == 0.9


def test_a_size_that_learns_nothing_is_given_up_and_named() -> None:
    runs = [run(b, s, {1: 0.1, 80: 0.95}) for b in (8, 16) for s in range(3)]
    runs += [run(64, s, {1: 0.1, 80: 0.1}) for s in range(3)]
    found = automatic_target(sizes(*runs), ACCURACY)
    assert found is not None and found.threshold == 0.95 and found.beyond == (64,)


def test_a_size_that_always_diverged_is_given_up_first() -> None:
    runs = [run(b, s, {1: 0.1, 80: 0.9 + b / 1000}) for b in (10, 20) for s in range(3)]
    runs += [run(64, s, {1: 0.1}, diverged=True) for s in range(3)]
    found = automatic_target(sizes(*runs), ACCURACY)
    assert found is not None and found.threshold == 0.91 and found.beyond == (64,)


def test_a_size_whose_runs_blow_up_later_sets_no_target() -> None:
    fine = [run(b, s, {1: 90.0, 80: 2.0, 100: 2.5}, metric=LOSS) for b in (8, 16) for s in range(3)]
    fails = [run(2, s, {1: 90.0, 4: 70.0, 100: 1e6}, metric=LOSS) for s in range(3)]
    found = automatic_target(sizes(*fine, *fails), LOSS)
    assert found is not None and (found.threshold, found.beyond) == (2.0, (2,))
    rises = [run(2, s, {1: 90.0, 4: 70.0, 100: 200.0}, metric=LOSS) for s in range(3)]
    found = automatic_target(sizes(*fine, *rises), LOSS)
    assert found is not None and (found.threshold, found.beyond) == (70.0, ())  # overfits


@pytest.mark.parametrize(
    ("end", "blows_up"), [(17 / 18, False), (16 / 18, False), (7 / 18, True), (0.2, True)]
)
def test_a_large_loss_alone_is_no_blow_up_where_the_metric_stays_near_its_best(
    end: float, blows_up: bool
) -> None:
    record = run(8, 0, {1: 17 / 18, 20: 1.0, 40: end})
    curve = tuple(
        dataclasses.replace(point, validation_loss=loss)
        for point, loss in zip(record.curve, (1.0, 0.1, 50.0), strict=True)
    )
    runs = SizeRuns.of(8, [dataclasses.replace(record, curve=curve)])
    told = {"accuracy": 7 / 18, "loss": 1.1}
    found = blown_up(runs, ACCURACY, Baseline("most frequent class", told, told))
    assert list(found.values()) == [{0} if blows_up else set()]


def test_a_size_that_reaches_nothing_does_not_make_a_target_that_the_others_hold_at_once() -> None:
    runs = [run(b, s, {1: 0.95, 80: 0.95}) for b in (8, 16) for s in range(3)]
    runs += [run(64, s, {1: 0.1}, diverged=True) for s in range(3)]
    assert automatic_target(sizes(*runs), ACCURACY) is None


def test_a_target_that_all_hold_from_the_start_is_none() -> None:
    runs = [run(b, s, {1: 0.95, 80: 0.95}) for b in (8, 16) for s in range(3)]
    assert automatic_target(sizes(*runs), ACCURACY) is None
    assert held_at_once(sizes(*runs), ACCURACY)
    assert not held_at_once(sizes(*[run(8, 0, {1: 0.1}, diverged=True)]), ACCURACY)
    assert automatic_target([], ACCURACY) is None


def test_lower_is_better_turns_it_round() -> None:
    runs = [run(8, s, {1: 90.0, 80: 12.34}, metric=LOSS) for s in range(3)]
    runs += [run(16, s, {1: 90.0, 80: 10.0}, metric=LOSS) for s in range(3)]
    found = automatic_target(sizes(*runs), LOSS)
    assert found is not None and found.threshold == 13.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.9799, 0.97), (0.98, 0.98), (0.29, 0.29), (0.9956, 0.995), (0.99, 0.99), (1.0, 1.0)],
)
def test_bounded_metrics_are_rounded_to_hundredths_and_near_one_to_thousandths(
    value: float, expected: float
) -> None:
    assert round_threshold(value, ACCURACY) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0123, 0.013), (123.0, 130.0), (2.0, 2.0), (-0.57, -0.57), (0.0, 0.0)]
)
def test_other_metrics_are_rounded_to_two_digits(value: float, expected: float) -> None:
    assert round_threshold(value, LOSS) == expected


@given(st.floats(-1e6, 1e6), st.booleans())
def test_the_value_itself_reaches_its_rounded_threshold(value: float, up: bool) -> None:
    metric = Metric("score", higher_is_better=up)
    assert metric.reaches(value, round_threshold(value, metric))


def test_a_target_that_must_be_confirmed_is_one_that_holds() -> None:
    """One lucky evaluation sets a target that nothing else reaches."""
    curve = {1: 0.1, 10: 0.5, 20: 0.97, 30: 0.7, 40: 0.8, 50: 0.9, 60: 0.91, 70: 0.92}
    found = [automatic_target(sizes(*[run(8, s, curve) for s in range(5)]), ACCURACY, k)
             for k in (1, 2, 3, 4)]  # fmt: skip
    assert [f.threshold for f in found if f] == [0.97, 0.91, 0.9, 0.8]
    falling = {step: 1 - value for step, value in curve.items()}
    runs = [run(8, s, falling, metric=LOSS) for s in range(5)]
    lower = [automatic_target(sizes(*runs), LOSS, k) for k in (1, 2)]
    assert [f.threshold for f in lower if f] == [0.031, 0.09]  # 1 - 0.97 is a little above 0.03


def test_more_evaluations_in_a_row_than_there_are_confirm_nothing() -> None:
    runs = [run(8, s, {1: 0.1, 80: 0.9}) for s in range(5)]
    assert automatic_target(sizes(*runs), ACCURACY, 3) is None


def test_what_every_size_holds_when_it_is_first_looked_at_is_no_target() -> None:
    coarse = {40: 0.85, 60: 0.851, 80: 0.852}
    runs = [run(size, s, coarse) for size in (8, 64, 512) for s in range(3)]
    assert automatic_target(sizes(*runs), ACCURACY) is None
    later = {40: 0.85, 60: 0.9, 80: 0.95}
    runs = [run(size, s, later) for size in (8, 64, 512) for s in range(3)]
    found = automatic_target(sizes(*runs), ACCURACY)
    assert found is not None and found.threshold == 0.95
