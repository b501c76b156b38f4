"""What batches of the starting size come to where the batch grows, in iterations and in time."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.analyze import analyze
from bsx.schema import CurvePoint, Estimate, Recipe, Run, RunRecord, RunStatus, TargetSpec, Training
from bsx.stats.curves import SizeRuns
from bsx.stats.growth import growth_of, mapped, mapped_logs
from bsx.stats.speeds import speed_summary
from bsx.stats.summaries import target_evidence, to_target
from tests.stats.oracles import ACCURACY, config, facts, recipe, speed_records

SAMPLES = 400
STEP = Training("step", decay="batch-size", grow_to=40)


def grower(steps: int = 800, **changes: object) -> Recipe:
    """Return a recipe of 100 batches of 4 an epoch, which become ten times as large."""
    return dataclasses.replace(recipe(4, steps), training=STEP, tail="keep", **changes)  # type: ignore[arg-type]


def test_where_the_size_stays_all_three_are_one() -> None:
    stays = growth_of(recipe(4, 800), SAMPLES, {4: 0.1})
    assert not stays.grows
    assert (stays.iterations(17.3), stays.duration(17.3)) == (17.3, 17.3)
    assert mapped_logs({0: 1.234}, stays.duration) == {0: 1.234}


def test_iterations_and_time_are_added_up_step_by_step() -> None:
    of = grower()
    found = growth_of(of, SAMPLES, {2: 9.0, 4: 0.1, 20: 0.2, 40: 0.5})
    assert (found.largest, found.timed_to) == (40, 40)
    before = of.batches_before(SAMPLES)
    assert found.iterations(400) == 400
    assert found.iterations(410) == 401
    assert found.iterations(405) == pytest.approx(400.5)
    assert found.duration(400) == pytest.approx(400)
    assert found.duration(800) == pytest.approx(400 + 40 * 5)
    for step, batches in enumerate(before):
        assert found.iterations(batches) == pytest.approx(step)


def test_a_size_between_two_that_were_timed_lies_on_the_line_between_them() -> None:
    of = dataclasses.replace(grower(), training=dataclasses.replace(STEP, grow_to=30))
    found = growth_of(of, SAMPLES, {4: 0.1, 24: 0.2, 32: 0.6})
    assert found.duration(407) - found.duration(400) == pytest.approx(4.0)  # a batch of 28


def test_sizes_that_were_not_timed_count_as_if_a_sample_took_as_long() -> None:
    found = growth_of(grower(), SAMPLES, {4: 0.1, 20: 0.2})
    assert found.timed_to == 20
    assert found.duration(800) == pytest.approx(400 + 40 * 4)
    unknown = growth_of(grower(), SAMPLES, {})
    assert unknown.timed_to == 4
    assert unknown.duration(800) == pytest.approx(800)


@given(st.floats(0.1, 2000), st.floats(0.1, 2000))
def test_what_comes_later_takes_longer(one: float, other: float) -> None:
    found = growth_of(grower(), SAMPLES, {4: 0.1, 40: 0.2})
    for of in (found.iterations, found.duration):
        assert (of(one) <= of(other)) == (one <= other)
        assert of(one) <= one * (1 + 1e-9)


def test_an_interval_keeps_its_ends_and_what_is_unknown_stays_unknown() -> None:
    found = growth_of(grower(), SAMPLES, {4: 0.1})
    made = mapped(Estimate(420.0, 400.0, 500.0), found.iterations)
    assert made is not None and (made.value, made.low, made.high) == (402, 400, 410)
    censored = mapped(Estimate(None, censored_at=800.0), found.iterations)
    assert censored is not None and (censored.value, censored.censored_at) == (None, 440)
    assert mapped(None, found.iterations) is None


def run(of: Recipe, seed: int, reached_at: int) -> RunRecord:
    """Return a run that holds the target from a step on."""
    before = of.batches_before(SAMPLES)
    curve = tuple(
        CurvePoint(s, 4 * before[s] / SAMPLES, 4 * before[s], 0.0, 1.0, 1.0,
                   {"accuracy": float(s >= reached_at)})
        for s in range(1, len(before))
    )  # fmt: skip
    return RunRecord(Run(of, 0.1, seed), RunStatus.COMPLETED, curve)


def test_samples_to_the_target_are_those_that_the_curve_saw() -> None:
    of = grower()
    runs = SizeRuns.of(4, [run(of, seed, at) for seed, at in enumerate((405, 410, 415))], SAMPLES)
    speeds = speed_records([4, 40], np.random.default_rng(0))
    times = {s.batch_size: float(np.median(s.step_seconds)) for s in speeds}
    growth = growth_of(of, SAMPLES, times)
    speed = speed_summary(speeds, 4, "device", 100, growth.largest)
    found = to_target(target_evidence(runs, ACCURACY, 0.9), 4, 100, speed, growth)
    seen = [runs.records[0.1][seed].curve[at - 1].samples_seen for seed, at in
            enumerate((405, 410, 415))]  # fmt: skip
    assert seen == [1800, 2000, 2200]
    mean = math.exp(sum(map(math.log, seen)) / 3)
    assert found.samples and found.epochs and found.steps and found.seconds
    assert found.samples.value == pytest.approx(mean, rel=0.02)
    assert found.epochs.value == pytest.approx(found.samples.value / SAMPLES)
    assert found.steps.value == pytest.approx(410, rel=0.01)
    seconds = 400 * times[4] + (found.steps.value - 400) * times[40]
    assert found.seconds.value == pytest.approx(seconds, rel=1e-6)


def test_a_growing_run_that_never_gets_there_is_censored_at_what_it_saw() -> None:
    of = grower()
    runs = SizeRuns.of(4, [run(of, seed, 10**6) for seed in range(3)], SAMPLES)
    found = to_target(
        target_evidence(runs, ACCURACY, 0.9), 4, 100, None, growth_of(of, SAMPLES, {})
    )
    assert found.samples and found.steps
    assert found.samples.censored_at == 3200
    assert found.steps.censored_at == 440


@pytest.mark.parametrize("aim", ["steps", "samples"])
def test_a_growing_run_is_recommended_by_what_is_counted_and_not_by_its_time(aim: str) -> None:
    of = grower()
    ends = {part: {"accuracy": 0.95, "loss": 0.1} for part in ("train", "validation", "test")}
    runs = [run(of, seed, at) for seed, at in enumerate((405, 410, 415))]
    runs = [dataclasses.replace(record, final=ends) for record in runs]
    asked = config(targets=(TargetSpec("accuracy", 0.9),), aim=aim, price_per_hour=1.0)
    known = dataclasses.replace(facts(), train_samples=SAMPLES)
    speeds = speed_records([4, 40], np.random.default_rng(0))
    analysis = analyze(asked, known, [of], runs, speeds)
    found, needs = analysis.recommendation, analysis.batch_sizes[0].to_target[0]
    assert found is not None and found.objective == aim and found.cost is None
    assert found.reason.values["cost"] == pytest.approx(getattr(needs, aim).value)


def test_what_was_timed_of_a_growing_run_decides_its_time_its_memory_and_what_is_said() -> None:
    of = grower()
    runs = [run(of, seed, at) for seed, at in enumerate((405, 410, 415))]
    asked, known = config(targets=(TargetSpec("accuracy", 0.9),)), facts()
    known = dataclasses.replace(known, train_samples=SAMPLES)
    rows, codes = [], []
    for timed in ([4, 40], [4, 20], [4]):
        speeds = speed_records(timed, np.random.default_rng(0), spread=1e-6)
        analysis = analyze(asked, known, [of], runs, speeds)
        assert analysis.targets[0].verdict == "growing_batches"
        rows.append(analysis.batch_sizes[0])
        codes.append({caution.code for caution in analysis.cautions if caution.batch_size == 4})
    assert [row.grows_to for row in rows] == [40, 40, 40]
    assert [(row.steps, row.epochs) for row in rows] == [(440, 8.0)] * 3
    assert ["batch_grows" in said for said in codes] == [True, True, True]
    assert ["growth_not_timed" in said for said in codes] == [False, True, True]
    peaks = [row.speed.peak_memory_bytes if row.speed else 0 for row in rows]
    assert peaks == [1_040_000, None, None]
    seconds = [row.to_target[0].seconds for row in rows]
    values = [found.value for found in seconds if found and found.value]
    assert values == sorted(values)  # what was not timed only makes it longer
    assert len(set(values)) == 3
