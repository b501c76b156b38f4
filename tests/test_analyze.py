"""Records → Analysis, end to end on sweeps whose answer is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from bsx.analyze import analyze
from bsx.analyze.remedies import with_command
from bsx.render.wording import message
from bsx.schema import (
    Analysis,
    Baseline,
    Caution,
    Metric,
    Recipe,
    RunRecord,
    RunStatus,
    SpeedRecord,
    TargetSpec,
    canonical_json,
)
from tests.stats.oracles import (
    ACCURACY,
    config,
    facts,
    recipe,
    run_record,
    speed_records,
    sweep_records,
)

SIZES = [2**p for p in range(1, 11)]
TARGET = TargetSpec("accuracy", 0.95)


@pytest.fixture(scope="module")
def sweep() -> tuple[list[Recipe], list[RunRecord], list[SpeedRecord]]:
    rng = np.random.default_rng(1)
    rows, runs = sweep_records(SIZES, 5, rng)
    return rows, runs, speed_records(SIZES, rng)


Sweep = tuple[list[Recipe], list[RunRecord], list[SpeedRecord]]


def codes(analysis: Analysis, batch_size: int | None = None) -> list[str]:
    return [c.code for c in analysis.cautions if c.batch_size == batch_size]


def test_the_critical_batch_size_comes_back_inside_its_interval(sweep: Sweep) -> None:
    analysis = analyze(config(targets=(TARGET,)), facts(), *sweep)
    target = analysis.targets[0]
    assert (target.metric, target.threshold, target.source) == ("accuracy", 0.95, "user")
    assert target.verdict == "fitted" and target.reference_batch_size == 2
    critical = target.critical_batch_size
    assert critical is not None and critical.low is not None and critical.high is not None
    assert critical.low < 64 < critical.high and critical.n == 5


def test_every_row_is_filled(sweep: Sweep) -> None:
    analysis = analyze(config(targets=(TARGET,)), facts(), *sweep)
    assert [row.batch_size for row in analysis.batch_sizes] == SIZES
    row = analysis.batch_sizes[5]
    assert (row.status, row.runs, row.seeds) == ("ok", 45, 5)
    assert (row.steps_per_epoch, row.last_batch, row.steps) == (23, 29, 6000)
    assert row.epochs == pytest.approx(6000 / 23)
    assert row.diverged_fraction == pytest.approx(2 / 9)
    assert row.final is not None and row.speed is not None
    reach = row.to_target[0]
    assert reach.steps and reach.epochs and reach.samples and reach.seconds
    assert reach.steps.value is not None and reach.steps.value == pytest.approx(100, rel=0.15)
    assert reach.reached_fraction == 1.0 and reach.learning_rate == 0.125
    assert reach.learning_rate_at_edge is False


def test_the_recommendation_is_the_fastest_in_time(sweep: Sweep) -> None:
    answer = analyze(config(targets=(TARGET,)), facts(), *sweep).recommendation
    assert answer is not None and answer.batch_size in (64, 128)
    assert answer.learning_rate == 0.125


def test_a_target_is_chosen_where_none_was_asked_for(sweep: Sweep) -> None:
    analysis = analyze(config(), facts(), *sweep)
    assert analysis.targets[0].source == "auto" and analysis.targets[0].threshold >= 0.95
    assert "target_auto" in codes(analysis)


def test_a_target_chosen_without_some_sizes_is_told_once_with_the_rule_that_excludes_them() -> None:
    rows, runs = sweep_records(SIZES[4:9], 3)
    late = [r.run.recipe for r in runs][-1]
    runs = [r for r in runs if r.run.recipe != late]
    runs += [run_record(late, 0.1, s, 0.95 * late.steps, ceiling=0.9501) for s in range(3)]
    runs = [dataclasses.replace(r, curve=(r.curve[0], r.curve[-1])) if r.run.recipe == late else r
            for r in runs]  # fmt: skip
    analysis = analyze(config(), facts(), rows, runs, [])
    told = [c for c in analysis.cautions if c.code in ("target_auto", "target_not_common")]
    assert [(c.code, c.values["sizes"]) for c in told] == [
        ("target_not_common", (late.batch_size,))
    ]
    text = message(told[0])
    assert f"chosen from the results without batch size {late.batch_size}" in text
    assert "within 80 % of the budget" in text and "every batch size" not in text


def test_several_targets_keep_their_order(sweep: Sweep) -> None:
    asked = [TargetSpec("accuracy", 0.9), TargetSpec("loss", 0.1), TargetSpec("accuracy", 0.5)]
    analysis = analyze(config(targets=(TARGET,)), facts(), *sweep, targets=asked)
    assert [(t.metric, t.threshold) for t in analysis.targets] == [
        ("accuracy", 0.9), ("loss", 0.1), ("accuracy", 0.5),
    ]  # fmt: skip
    assert all(len(row.to_target) == 3 for row in analysis.batch_sizes)
    # loss = 1 − accuracy in these runs
    first, second = analysis.batch_sizes[3].to_target[:2]
    assert first.steps and second.steps and first.steps.value == second.steps.value


def test_a_target_of_an_unknown_metric_is_refused(sweep: Sweep) -> None:
    with pytest.raises(ValueError, match="the task reports accuracy, loss"):
        analyze(config(), facts(), *sweep, targets=[TargetSpec("beauty", 1.0)])


def test_the_answer_is_json_and_the_same_twice(sweep: Sweep) -> None:
    first = canonical_json(analyze(config(), facts(), *sweep))
    assert first == canonical_json(analyze(config(), facts(), *sweep))


def test_sizes_without_evidence_say_why() -> None:
    rows = [recipe(b, 100) for b in (2, 4, 8, 16, 32, 64)]
    runs = [run_record(rows[0], 0.1, s, 40.0) for s in range(3)]
    runs += [run_record(rows[1], 0.1, s, 40.0, status=RunStatus.DIVERGED) for s in range(3)]
    runs += [run_record(rows[2], 0.1, 0, 40.0, status=RunStatus.OUT_OF_MEMORY)]
    failed = run_record(rows[3], 0.1, 0, 40.0, status=RunStatus.FAILED)
    runs += [dataclasses.replace(failed, error="boom")]
    runs += [run_record(rows[4], 0.1, s, None) for s in range(3)]
    analysis = analyze(config(targets=(TARGET,)), facts(), rows, runs, [])
    assert [row.status for row in analysis.batch_sizes] == [
        "ok", "diverged", "out_of_memory", "failed", "censored", "not_run",
    ]  # fmt: skip
    for b, code in ((4, "diverged"), (8, "out_of_memory"), (16, "failed"), (64, "not_run")):
        assert codes(analysis, b) == [code]
    assert codes(analysis, 32) == ["censored"]
    assert analysis.targets[0].verdict == "too_few_sizes"
    assert "no_critical_batch_size" in codes(analysis)
    assert analysis.recommendation is None and "no_recommendation" in codes(analysis)
    failure = next(c for c in analysis.cautions if c.code == "failed")
    assert failure.values == {"error": "boom", "runs": 1}
    assert analysis.batch_sizes[5].to_target[0].steps is None
    assert analysis.batch_sizes[3].diverged_fraction is None


def test_nothing_run_is_no_error() -> None:
    analysis = analyze(config(), facts(), [recipe(2), recipe(4)], [], [])
    assert [row.status for row in analysis.batch_sizes] == ["not_run", "not_run"]
    assert analysis.targets == () and analysis.recommendation is None
    assert codes(analysis) == ["no_recommendation"]
    assert analysis.cautions[0].values["ended"] == {}


def test_where_no_run_completed_that_comes_first_with_the_first_error() -> None:
    rows = [recipe(b, 100) for b in (2, 4)]
    runs = [run_record(rows[0], 0.1, s, 40.0, status=RunStatus.DIVERGED) for s in range(2)]
    failed = run_record(rows[1], 0.1, 0, 40.0, status=RunStatus.FAILED)
    runs += [dataclasses.replace(failed, error=error) for error in ("boom", "bang")]
    analysis = analyze(config(), facts(), rows, runs, [])
    assert codes(analysis) == ["no_recommendation"]
    assert [c.code for c in analysis.cautions] == ["no_recommendation", "diverged", "failed"]
    assert analysis.cautions[0].values == {
        "reason": "no_run_completed",
        "ended": {"failed": 2, "diverged": 2},
        "error": "boom",
    }


def test_an_edge_names_its_side_and_goal() -> None:
    rows, runs = sweep_records(SIZES[:4], 3, rates=[2.0**-9, 2.0**-8, 2.0**-7])
    analysis = analyze(config(targets=(TARGET,)), facts(), rows, runs, [])
    edges = [c for c in analysis.cautions if c.code == "learning_rate_at_edge"]
    assert {c.values["side"] for c in edges if c.values["goal"] == "target"} == {"high"}
    assert analysis.batch_sizes[0].to_target[0].learning_rate_at_edge is True


def test_a_single_rate_has_no_edge() -> None:
    rows, runs = sweep_records(SIZES[:4], 3, rates=[2.0**-4])
    analysis = analyze(config(targets=(TARGET,)), facts(), rows, runs, [])
    assert all(not row.to_target[0].learning_rate_at_edge for row in analysis.batch_sizes)
    assert not [c for c in analysis.cautions if c.code == "learning_rate_at_edge"]


def test_one_seed_gives_values_without_intervals_and_says_so() -> None:
    rows, runs = sweep_records(SIZES, 1)
    analysis = analyze(config(targets=(TARGET,)), facts(), rows, runs, [])
    steps = analysis.batch_sizes[3].to_target[0].steps
    assert steps is not None and steps.value is not None and steps.low is None
    assert "few_seeds" in codes(analysis)


def test_merged_tails_noisy_speeds_and_critical_sizes_out_of_sight_are_said() -> None:
    rng = np.random.default_rng(0)
    sizes = [2**p for p in range(1, 8)]
    rows, runs = sweep_records(sizes, 5, rng, b_crit=250.0, spread=0.05)
    rows[1] = dataclasses.replace(rows[1], tail="merge")
    speeds = speed_records(sizes, rng, spread=0.5)
    analysis = analyze(config(targets=(TARGET,)), facts(), rows, runs, speeds)
    assert "tail_merged" in codes(analysis, 4)
    assert any("speed_noisy" in codes(analysis, b) for b in sizes)
    assert "critical_batch_size_beyond" in codes(analysis)


def test_lower_is_better_all_the_way() -> None:
    error = Metric("error", higher_is_better=False, bounded=True)

    def turned(record: RunRecord) -> RunRecord:
        curve = tuple(
            dataclasses.replace(p, metrics={"error": 1 - p.metrics["accuracy"]})
            for p in record.curve
        )
        final = {
            split: {"loss": row["loss"], "error": 1 - row["accuracy"]}
            for split, row in record.final.items()
        }
        return dataclasses.replace(record, curve=curve, final=final)

    rng = np.random.default_rng(1)
    rows, runs = sweep_records(SIZES[:6], 3, rng)
    speeds = speed_records(SIZES[:6], rng)
    up = analyze(config(targets=(TARGET,)), facts(ACCURACY), rows, runs, speeds)
    down = analyze(
        config(targets=(TargetSpec("error", 1 - 0.95),)),
        facts(error),
        rows,
        [turned(r) for r in runs],
        speeds,
    )
    assert down.targets[0].critical_batch_size == up.targets[0].critical_batch_size
    assert down.recommendation and up.recommendation
    assert down.recommendation.batch_size == up.recommendation.batch_size
    gaps = [row.final.generalization_gap for a in (up, down) for row in a.batch_sizes if row.final]
    assert all(gap is not None and gap.value == pytest.approx(0.02, abs=1e-6) for gap in gaps)


def against(sweep: Sweep, test: float | None, **asked: object) -> list[dict[str, object]]:
    """Return the values of the caution against a baseline of this test accuracy."""
    known = dataclasses.replace(
        facts(), baseline=Baseline("most frequent class", {"accuracy": 0.0}, {"accuracy": test})
    )
    analysis = analyze(config(**asked), known, *sweep)
    found = [c for c in analysis.cautions if c.code == "not_better_than_baseline"]
    recommended = analysis.recommendation
    assert all(recommended is None or c.batch_size == recommended.batch_size for c in found)
    return [dict(caution.values) for caution in found]


def test_a_recommended_size_whose_interval_lies_above_the_baseline_is_no_caution(
    sweep: Sweep,
) -> None:
    assert against(sweep, 0.1, targets=(TARGET,)) == []
    assert against(sweep, None, targets=(TARGET,)) == []  # it means nothing there


@pytest.mark.parametrize(("trivial", "said"), [(0.90, False), (0.95, True), (0.96, True)])
def test_a_target_that_needs_no_training_is_told_of(
    sweep: Sweep, trivial: float, said: bool
) -> None:
    known = dataclasses.replace(
        facts(), baseline=Baseline("most frequent class", {"accuracy": trivial}, {"accuracy": 0.1})
    )
    found = analyze(config(targets=(TargetSpec("accuracy", 0.95),)), known, *sweep).cautions
    mine = [c.values for c in found if c.code == "target_below_baseline"]
    assert bool(mine) is said
    assert all((v["baseline"], v["source"]) == (trivial, "user") for v in mine)


def test_a_target_that_every_size_passes_and_none_keeps_is_told_of(sweep: Sweep) -> None:
    rows, runs, speeds = sweep

    def ends_at(run: RunRecord, value: float) -> RunRecord:
        if "validation" not in run.final:
            return run
        validation = {**run.final["validation"], "accuracy": value}
        return dataclasses.replace(run, final={**run.final, "validation": validation})

    def said(lost: Sequence[int]) -> list[Caution]:
        fallen = [ends_at(r, 0.9) if r.run.recipe.batch_size in lost else r for r in runs]
        found = analyze(config(targets=(TARGET,)), facts(), rows, fallen, speeds)
        return [c for c in found.cautions if c.code == "target_not_kept"]

    sizes = sorted({run.run.recipe.batch_size for run in runs})
    [caution] = said(sizes)
    assert caution.values["best"] == pytest.approx(0.9, abs=0.01)
    assert said(sizes[1:]) == said([]) == []


def with_spread(run: RunRecord) -> RunRecord:
    """Let the seeds end apart on test: by 0.01 from one to the next."""
    if "test" not in run.final:
        return run
    apart = run.final["test"]["accuracy"] + 0.01 * (run.run.seed - 2)
    test = {**run.final["test"], "accuracy": apart}
    return dataclasses.replace(run, final={**run.final, "test": test})


@pytest.mark.parametrize(
    ("limit", "likely", "worse"), [(0.96, True, False), (0.98, False, False), (0.999, False, True)]
)
def test_a_recommended_size_that_does_not_beat_the_baseline_for_sure_is_a_caution(
    sweep: Sweep, limit: float, likely: bool, worse: bool
) -> None:
    rows, runs, speeds = sweep
    apart = rows, [with_spread(run) for run in runs], speeds  # test 0.97 ± 0.02 of five seeds
    [values] = against(apart, limit, targets=(TARGET,))
    assert values["value"] == pytest.approx(0.97) and values["baseline"] == limit
    assert (values["likely"], values["worse"]) == (likely, worse)
    assert against(apart, 0.94, targets=(TARGET,)) == []


def test_of_a_single_seed_the_value_itself_is_compared(sweep: Sweep) -> None:
    rows, runs, speeds = sweep
    alone = rows, [run for run in runs if run.run.seed == 0], speeds
    assert against(alone, 0.96, targets=(TARGET,)) == []
    assert len(against(alone, 0.975, targets=(TARGET,))) == 1


def test_without_a_recommendation_the_size_best_on_validation_is_compared(sweep: Sweep) -> None:
    [values] = against(sweep, 1.0, targets=(TargetSpec("accuracy", 0.99999),))
    assert values["name"] == "most frequent class"


@pytest.mark.parametrize(("limit", "said"), [(1e-6, True), (1.0, False)])
def test_a_smaller_error_is_the_better_one(sweep: Sweep, limit: float, said: bool) -> None:
    known = dataclasses.replace(
        facts(Metric("loss", False)), baseline=Baseline("last value", {}, {"loss": limit})
    )
    analysis = analyze(config(), known, *sweep)
    assert ("not_better_than_baseline" in [c.code for c in analysis.cautions]) is said


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ([], "few_seeds"),
        ([Caution("quality_not_settled", {})], "quality_not_settled"),
        ([Caution("not_better_than_baseline", {"likely": True})], "not_better_than_baseline"),
        ([Caution("not_better_than_baseline", {"likely": False})], "few_seeds"),
    ],
)
def test_only_one_caution_asks_for_seeds_by_command(others: list[Caution], told: str) -> None:
    said = (*others, Caution("few_seeds", {"seeds": 2}))
    found = with_command(Analysis("accuracy", (), (), None, said), config())
    assert [c.code for c in found.cautions if "goes_on" in c.values] == [told]
    assert found.cautions[-1].values.get("asked_elsewhere", False) == (told != "few_seeds")


def test_a_size_whose_runs_blow_up_is_told_of_and_not_advised_to_train_longer() -> None:
    rows, runs = sweep_records(SIZES[4:9], 3)
    broken = rows[0]
    huge = {"validation_loss": 1e6, "metrics": {"accuracy": 0.0}}

    def blown(record: RunRecord) -> RunRecord:
        curve = (*record.curve[:-1], dataclasses.replace(record.curve[-1], **huge))
        return dataclasses.replace(record, curve=curve, final={"validation": {"accuracy": 0.01}})

    runs = [blown(r) if r.run.recipe == broken else r for r in runs]
    analysis = analyze(config(), facts(), rows, runs, [])
    assert codes(analysis, broken.batch_size) == ["blows_up"]
    (said,) = [c for c in analysis.cautions if c.code == "blows_up"]
    assert (said.values["runs"], said.values["of"], said.values["worst"]) == (3, 3, 0.01)
    assert analysis.targets[0].threshold >= 0.95
    (told,) = [c for c in analysis.cautions if c.code == "target_not_common"]
    assert told.values["sizes"] == (broken.batch_size,) and told.values["blown"]
    assert "lower learning rates may let all take part" in message(told)
