"""One batch size at a time: rates, optimism given back, ends, speeds."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from bsx.schema import Metric, RunRecord, RunStatus, SpeedRecord
from bsx.stats.curves import SizeRuns
from bsx.stats.ends import final_evidence
from bsx.stats.selection import fastest
from bsx.stats.speeds import measured_speed, speed_summary, spread
from bsx.stats.steps_to_target import Crossing
from bsx.stats.summaries import (
    TargetEvidence,
    evidence_of,
    give_back_optimism,
    target_evidence,
    to_target,
)
from tests.stats.oracles import ACCURACY, recipe, run_record

WHAT = recipe(16, 2000)
LOSS = Metric("loss", higher_is_better=False)


def crossing(step: int | None) -> Crossing:
    return Crossing(step, 0 if step is None else step - 1, 2000)


def test_the_optimism_of_the_choice_is_pooled_over_sizes_and_given_back() -> None:
    runs = SizeRuns.of(16, [run_record(WHAT, 0.1, 0, 100)])
    choice = fastest({0.1: {0: 100.0}})
    assert choice is not None and runs.seeds == (0,)
    luck = TargetEvidence(choice, {0: crossing(100)}, {0: crossing(121)})
    none = TargetEvidence(choice, {0: crossing(50)}, {0: crossing(50)})
    first, second = give_back_optimism([luck, none])
    expected = math.log(1.21) / 2
    assert first.optimism == pytest.approx(expected) == second.optimism
    assert first.steps is not None and first.steps.value == pytest.approx(110)
    assert second.log_steps[0] == pytest.approx(math.log(50) + expected)


def test_optimism_is_never_negative() -> None:
    choice = fastest({0.1: {0: 100.0}})
    lucky = TargetEvidence(choice, {0: crossing(100)}, {0: crossing(50)})
    assert [e.optimism for e in give_back_optimism([lucky, lucky])] == [0.0, 0.0]


def test_a_score_in_vain_counts_as_late_as_is_known_but_no_later_than_the_latest_seen() -> None:
    choice = fastest({0.1: {0: 100.0}})
    seen = TargetEvidence(choice, {0: crossing(100)}, {0: crossing(150)})
    for step, known in ((1600, 1.25), (200, 1.5)):  # of a budget of 2,000
        vain = TargetEvidence(choice, {0: crossing(step)}, {0: crossing(None)})
        found, _ = give_back_optimism([seen, vain])
        assert found.optimism == pytest.approx((math.log(1.5) + math.log(known)) / 2)


def test_a_size_without_a_score_of_its_own_is_corrected_as_its_seeds_are() -> None:
    choice = fastest({0.1: {0: 100.0}})
    luck = TargetEvidence(choice, {0: crossing(100)}, {0: crossing(121)})
    _, without = give_back_optimism([luck, TargetEvidence(choice, {0: crossing(50)}, {})])
    assert without.steps is not None and without.steps.value == pytest.approx(50 * 1.21)
    assert without.log_steps[0] == pytest.approx(math.log(50 * 1.21))


def test_the_best_of_nine_rates_looks_no_better_than_it_is() -> None:
    """Nine equal rates with a spread of 0.2: the best of them seems 10 % faster than any is."""
    rng = np.random.default_rng(0)
    plain, given_back = [], []
    for _ in range(12):
        found = []
        for _size in range(6):
            noise = rng.normal(math.log(300), 0.2, (9, 5))
            records = [
                run_record(WHAT, 2.0**-rate, seed, math.exp(noise[rate, seed]))
                for rate in range(9)
                for seed in range(5)
            ]
            found.append(target_evidence(SizeRuns.of(16, records), ACCURACY, 0.95))
        plain += [np.mean(list(e.log_steps.values())) for e in found]
        given_back += [np.mean(list(e.log_steps.values())) for e in give_back_optimism(found)]
    assert float(np.mean(plain)) - math.log(300) < -0.08
    assert abs(float(np.mean(given_back)) - math.log(300)) < 0.04


def test_a_diverged_run_did_not_come_by_the_end_of_its_budget_and_is_no_slow_run() -> None:
    runs = SizeRuns.of(
        16,
        [
            run_record(WHAT, 0.1, 0, 200),
            run_record(WHAT, 0.1, 1, 200, status=RunStatus.DIVERGED),
            run_record(WHAT, 0.1, 2, 200, status=RunStatus.FAILED),
        ],
    )
    evidence = target_evidence(runs, ACCURACY, 0.95)
    assert runs.seeds == (0, 1)
    assert evidence.crossings[1] == Crossing(None, 0, 2000, diverged=True)
    assert evidence.reached_fraction == 0.5
    assert evidence.steps is not None and (evidence.steps.value, evidence.steps.n) == (200, 1)
    assert evidence.reached_fraction == 0.5


def test_steps_become_epochs_samples_and_seconds() -> None:
    runs = SizeRuns.of(16, [run_record(WHAT, 0.1, seed, 200) for seed in range(3)])
    speeds = [SpeedRecord("u", 16, "device", RunStatus.COMPLETED, (0.01, 0.01, 0.01))]
    speed = speed_summary(speeds, 16, "device", 90)
    found = to_target(target_evidence(runs, ACCURACY, 0.95), 16, 90, speed)
    assert found.steps and found.epochs and found.samples and found.seconds
    steps = found.steps.value
    assert steps is not None and 199.9 < steps < 210
    assert found.epochs.value == pytest.approx(steps / 90)
    assert found.samples.value == pytest.approx(steps * 16)
    assert found.seconds.value == pytest.approx(steps * 0.01)
    assert found.learning_rate_at_edge is False and found.learning_rate_basin == (0.1, 0.1)


def test_a_target_that_no_run_reaches_is_censored_at_the_last_step() -> None:
    runs = SizeRuns.of(16, [run_record(WHAT, 0.1, seed, None) for seed in range(3)])
    found = to_target(target_evidence(runs, ACCURACY, 0.95), 16, 90, None)
    assert found.learning_rate is None and found.reached_fraction == 0.0
    assert found.steps is not None and found.steps.value is None
    assert found.steps.censored_at == 2000
    assert found.samples is not None and found.samples.censored_at == 32000


def test_what_no_run_reached_lies_beyond_the_end_of_any_rate_that_may_still_get_there() -> None:
    """At 0.1 the target holds from step 960 on, too short a row; 0.001 never comes near."""
    row = {seed: Crossing(None, 0, 950) for seed in range(3)}
    hopeless = {seed: Crossing(None, 0, 1000) for seed in range(3)}
    lost = {seed: Crossing(None, 0, 1000, diverged=True) for seed in range(3)}
    stopped = {seed: Crossing(None, 0, 60, dominated=True) for seed in range(3)}
    rates = {0.001: hopeless, 0.01: stopped, 0.1: row, 1.0: lost}
    assert {c.last for c in evidence_of(rates).crossings.values()} == {950}
    only_lost = evidence_of({0.01: stopped, 1.0: lost})
    assert only_lost.steps is not None and only_lost.steps.censored_at == 1000


def test_a_run_that_others_dominated_bounds_no_target_that_none_reached() -> None:
    whole = [run_record(WHAT, 0.1, seed, None) for seed in range(3)]
    part = [run_record(WHAT, 0.01, s, None, status=RunStatus.DOMINATED) for s in range(3)]
    part = [dataclasses.replace(record, curve=record.curve[:10]) for record in part]
    found = target_evidence(SizeRuns.of(16, [*whole, *part]), ACCURACY, 0.95)
    assert found.steps is not None and found.steps.censored_at == 2000


def test_the_samples_looked_at_in_vain_are_those_that_were_there() -> None:
    runs = SizeRuns.of(16, [run_record(WHAT, 0.1, seed, None) for seed in range(3)])
    found = to_target(target_evidence(runs, ACCURACY, 0.95), 16, 90, None, last_batch=13)
    assert found.samples is not None
    assert found.samples.censored_at == 22 * (89 * 16 + 13) + 20 * 16  # 2,000 steps: 22 epochs, 20


def test_the_interval_of_the_best_epoch_stays_within_the_runs() -> None:
    def best_at(seed: int, step: int) -> RunRecord:
        record = run_record(WHAT, 0.1, seed, 300)
        curve = [
            dataclasses.replace(p, metrics={"accuracy": float(p.step == step)})
            for p in record.curve
        ]
        return dataclasses.replace(record, curve=tuple(curve))

    steps = [point.step for point in run_record(WHAT, 0.1, 0, 300).curve]
    records = [best_at(0, steps[len(steps) // 2]), best_at(1, steps[-1])]
    final = final_evidence(SizeRuns.of(16, records), ACCURACY, {"accuracy": ACCURACY})
    assert final is not None and final.summary.best_epoch is not None
    best = final.summary.best_epoch
    assert best.value is not None and best.low == 0.0
    assert best.high == records[0].curve[-1].epoch > best.value


def test_the_end_is_told_at_the_rate_best_on_validation() -> None:
    records = [run_record(WHAT, 0.1, s, 1900) for s in range(3)]
    records += [run_record(WHAT, 0.2, s, 300) for s in range(3)]
    names = {"accuracy": ACCURACY, "loss": LOSS}
    final = final_evidence(SizeRuns.of(16, records), ACCURACY, names)
    assert final is not None and final.choice.rate == 0.2
    summary = final.summary
    assert set(summary.train) == set(summary.validation) == set(summary.test) == set(names)
    assert summary.generalization_gap is not None
    assert summary.generalization_gap.value == pytest.approx(0.02, abs=1e-6)
    assert summary.best_epoch is not None and summary.best_epoch.value is not None
    assert summary.best_epoch.value <= 2000 * 16 / 1437
    assert "chosen by it" in summary.validation["accuracy"].method
    assert summary.test["accuracy"].method == "t interval"


def test_no_end_is_told_where_every_run_diverged() -> None:
    records = [run_record(WHAT, 0.1, s, 100, status=RunStatus.DIVERGED) for s in range(3)]
    assert final_evidence(SizeRuns.of(16, records), ACCURACY, {"accuracy": ACCURACY}) is None


def test_the_newest_speed_of_the_loop_asked_for_counts() -> None:
    def record(unit: str, loop: str, seconds: float, status: str = "completed") -> SpeedRecord:
        return SpeedRecord(unit, 8, loop, RunStatus(status), (seconds,) if seconds else ())

    old, new = record("a", "device", 1.0), record("b", "device", 2.0)
    loader, failed = record("c", "dataloader", 3.0), record("d", "device", 0.0, "failed")
    assert measured_speed([old, new, loader, failed], 8, "device") == new
    assert measured_speed([old, loader], 8, "dataloader") == loader
    assert measured_speed([old], 8, "dataloader") == old
    assert measured_speed([old], 16, "device") is None


def test_visits_to_one_size_are_taken_together_and_those_on_another_machine_left_out() -> None:
    def visit(unit: str, draws: tuple[float, ...], peak: int | None, timed: str) -> SpeedRecord:
        done = RunStatus.COMPLETED
        return SpeedRecord(unit, 8, "device", done, draws, peak, timed=timed)

    elsewhere = visit("old", (9.0, 9.0), 10**9, "")  # stored when there was one visit
    first = visit("new", (0.10,) * 5, 500, "new")
    second = visit("new-1", (0.13,) * 5, 600, "new")
    both = measured_speed([elsewhere, first, second], 8, "device")
    assert both is not None
    assert both.step_seconds == (0.10,) * 5 + (0.13,) * 5
    assert both.peak_memory_bytes == 600
    assert measured_speed([elsewhere, first], 8, "device") == first
    assert measured_speed([dataclasses.replace(first, timed=""), second], 8, "device") == both
    speed = speed_summary([first, second], 8, "device", 10)
    assert speed is not None
    step = speed.step_seconds
    # what the machine did between the visits is in the interval
    assert (step.low, step.value, step.high) == (0.10, pytest.approx(0.115), 0.13)


def test_a_speed_is_no_surer_than_the_visits_to_all_sizes_agree() -> None:
    """Two visits of five draws, 1 % apart within a visit, and the visits 5 % apart."""
    rng, inside, repeats = np.random.default_rng(0), 0, 60
    sizes = (8, 16, 32, 64, 128, 256)
    for _ in range(repeats):
        records = [
            SpeedRecord(
                f"{size}-{visit}" if visit else str(size),
                size,
                "device",
                RunStatus.COMPLETED,
                tuple(np.exp(luck + 0.01 * rng.standard_normal(5)).tolist()),
                timed=str(size),
            )
            for size in sizes
            for visit, luck in enumerate(0.05 * rng.standard_normal(2))
        ]
        for size in sizes:
            speed = speed_summary(records, size, "device", 10)
            assert speed is not None
            step = speed.step_seconds
            assert step.low is not None and step.high is not None
            inside += step.low <= 1 <= step.high
    assert 0.9 <= inside / (repeats * len(sizes)) <= 0.99  # 58 % by the draws alone


def test_speed_is_told_in_steps_samples_and_epochs() -> None:
    draws = (0.010, 0.011, 0.012, 0.010, 0.011, 0.013, 0.011)
    record = SpeedRecord("u", 32, "device", RunStatus.COMPLETED, draws, 5_000_000)
    speed = speed_summary([record], 32, "device", 45)
    assert speed is not None and speed.peak_memory_bytes == 5_000_000
    assert speed.step_seconds.value == pytest.approx(0.011)
    assert speed.samples_per_second.value == pytest.approx(32 / 0.011)
    assert speed.epoch_seconds.value == pytest.approx(45 * 0.011)
    assert speed.samples_per_second.low == pytest.approx(32 / 0.013)


def test_spread_is_the_interquartile_range_over_the_median() -> None:
    draws = [1.0, 2.0, 3.0, 4.0, 5.0]
    quartiles = np.quantile(draws, [0.25, 0.5, 0.75])
    assert spread(draws) == pytest.approx((quartiles[2] - quartiles[0]) / quartiles[1])
    assert spread([1.0]) == 0.0
