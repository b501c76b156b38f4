"""Plan → conductor → store → analysis → rendering, where the truth is known and torch is absent."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bsx import plan
from bsx.analyze import analyze
from bsx.errors import Stopped
from bsx.schema import BatchSizes, CostModel, LearningRates, RunRecord, RunStatus, TargetSpec
from bsx.store import Store
from bsx.tuning import first_rates
from tests import fakes
from tests.fakes import Truth, Watcher, analysed, config, facts, run_sweep, stored_runs

SMALL = BatchSizes((4, 16, 64, 256))
WITHOUT_TORCH = """
import io, json, sys
from pathlib import Path
from tests.fakes import Truth, SWEEP_ID, analysed, config, run_sweep
from bsx.render import document, rows, tables
from bsx.render.formats import Format, machine_text
from bsx.store import Store
from rich.console import Console

folder = Path(sys.argv[1])
status = run_sweep(folder, config(Truth(critical=96.0)))
analysis = analysed(folder)
with Store(folder) as store:
    sweep = store.sweep(SWEEP_ID)
out = io.StringIO()
tables.print_sweep(Console(file=out, width=120), sweep, analysis)
assert "critical batch size" in out.getvalue().lower(), out.getvalue()
found = document.document(sweep, analysis)
for form in Format:
    if form.value in ("json", "jsonl", "csv"):
        assert machine_text(found, rows.rows(found), form)
heavy = [name for name in ("torch", "sklearn", "matplotlib") if name in sys.modules]
print(json.dumps({"heavy": heavy, "status": status, "document": found}))
"""


def records_of(truth: Truth, **changes: object) -> list[RunRecord]:
    """Train the first round of a fake sweep, without a store."""
    asked = config(truth, **changes)
    of = plan.recipes(asked, facts())
    coming = plan.next_round(asked, facts(), of, {}, CostModel(1e-3, 1e-6))
    assert coming is not None
    groups = [fakes.train(group, lambda _f, _b: None) for group in coming.groups]
    return [record for group in groups for records in group for record in records]


def test_the_whole_way_needs_no_torch_and_finds_the_critical_batch_size(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["heavy"] == []
    assert found["status"] == "complete"
    target = found["document"]["targets"][0]
    critical = target["critical_batch_size"]
    assert critical["low"] <= 96.0 <= critical["high"]
    assert target["min_steps"]["value"] == pytest.approx(50.0, rel=0.1)
    assert [row["status"] for row in found["document"]["batch_sizes"]] == ["ok"] * 9
    assert found["document"]["recommendation"]["batch_size"] in range(32, 1025)


def test_the_critical_batch_size_comes_back_inside_its_interval() -> None:
    inside = 0
    truths = [
        Truth(critical=critical, min_steps=min_steps, noise=noise)
        for critical, min_steps in ((24.0, 60.0), (60.0, 40.0), (150.0, 30.0))
        for noise in (0.02, 0.05, 0.08)
    ]
    for truth in truths:
        asked = config(truth)
        of = plan.recipes(asked, facts())
        found = analyze(asked, facts(), of, records_of(truth), [])
        estimate = found.targets[0].critical_batch_size
        assert estimate is not None and estimate.value is not None
        assert estimate.low is not None and estimate.high is not None
        assert truth.critical / 1.35 < estimate.value < truth.critical * 1.35, truth
        inside += estimate.low <= truth.critical <= estimate.high
    assert inside >= len(truths) - 1, f"{inside} of {len(truths)} intervals hold the truth"


def test_steps_to_target_follow_the_truth_at_every_batch_size() -> None:
    truth = Truth(noise=0.01)
    asked = config(truth)
    found = analyze(asked, facts(), plan.recipes(asked, facts()), records_of(truth), [])
    for row in found.batch_sizes:
        steps = row.to_target[0].steps
        assert steps is not None and steps.value is not None
        assert steps.value == pytest.approx(truth.steps(row.batch_size), rel=0.12)


def test_another_target_is_answered_from_the_same_curves(tmp_path: Path) -> None:
    run_sweep(tmp_path, config(batch_sizes=SMALL))
    before = stored_runs(tmp_path)
    easy = analysed(tmp_path, targets=[TargetSpec("accuracy", 0.8)])
    hard = analysed(tmp_path, targets=[TargetSpec("accuracy", 0.95)])
    for a, b in zip(easy.batch_sizes, hard.batch_sizes, strict=True):
        fewer, more = a.to_target[0].steps, b.to_target[0].steps
        assert fewer is not None and fewer.value is not None
        assert more is None or more.value is None or fewer.value < more.value
    assert stored_runs(tmp_path) == before


# From a best rate just below the grid, from one so far below that all of the grid diverges, and
# from one above.
@pytest.mark.parametrize("rate", [2.0**-7, 2.0**-10, 2.0**6])
def test_the_grid_widens_when_the_best_rate_lies_outside_of_it(tmp_path: Path, rate: float) -> None:
    truth = Truth(rate=rate, noise=0.01)
    asked = config(truth, batch_sizes=BatchSizes((16, 64)), learning_rates=LearningRates())
    first = list(first_rates(asked, (16, 64))[64])
    assert truth.best_rate(64) < first[0] or truth.best_rate(64) > first[-1]
    run_sweep(tmp_path, asked)
    for row in analysed(tmp_path).batch_sizes:
        target = row.to_target[0]
        assert target.learning_rate == pytest.approx(truth.best_rate(row.batch_size), rel=1.0)
        assert target.learning_rate_at_edge is False
    tried = {r.run.learning_rate for r in stored_runs(tmp_path)}
    assert tried > set(first)


def test_scouts_find_the_same_rates_with_half_of_the_runs(tmp_path: Path) -> None:
    truth = Truth(noise=0.01)
    found = []
    for scout in (False, True):
        asked = config(truth, batch_sizes=SMALL, seeds=5, learning_rates=LearningRates(scout=scout))
        assert run_sweep(tmp_path / str(scout), asked) == "complete"
        rows = analysed(tmp_path / str(scout)).batch_sizes
        best = [row.to_target[0].learning_rate for row in rows]
        found.append((best, len(stored_runs(tmp_path / str(scout)))))
    (full, runs), (scouted, fewer) = found
    assert scouted == full
    assert fewer < 0.6 * runs


def test_rates_that_are_too_high_are_recorded_as_diverged(tmp_path: Path) -> None:
    run_sweep(
        tmp_path, config(batch_sizes=SMALL, learning_rates=LearningRates("grid", (0.1, 99.0)))
    )
    for record in stored_runs(tmp_path):
        high = record.run.learning_rate == 99.0
        assert record.status is (RunStatus.DIVERGED if high else RunStatus.COMPLETED)
    assert {row.diverged_fraction for row in analysed(tmp_path).batch_sizes} == {0.5}


def test_sizes_whose_runs_all_diverged_are_not_compared_after_equal_lengths(tmp_path: Path) -> None:
    rates = LearningRates("grid", (98.0, 99.0))
    run_sweep(tmp_path, config(batch_sizes=SMALL, learning_rates=rates))
    found = analysed(tmp_path)
    assert {row.status for row in found.batch_sizes} == {"diverged"}
    assert (found.equal_epochs, found.equal_steps) == (None, None)
    assert not [r for r in found.batch_sizes if r.at_equal_epochs or r.at_equal_steps]


def test_an_interrupted_sweep_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    asked = config(batch_sizes=SMALL, learning_rates=LearningRates())
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    undisturbed = Watcher()
    assert run_sweep(calm, asked, watcher=undisturbed) == "complete"
    taken: list[str] = []
    interruptions = 0
    while True:
        watcher = Watcher(stops_after=3)
        try:
            status = run_sweep(rough, asked, watcher=watcher)
        except Stopped:
            interruptions += 1
            taken += watcher.groups[:-1] if watcher.units[-1] in watcher.groups else watcher.groups
            with Store(rough) as store:
                assert store.sweep().status == "stopped"
            continue
        taken += watcher.groups
        break
    assert interruptions >= 2
    assert status == "complete"
    assert sorted(taken) == sorted(undisturbed.groups)
    assert stored_runs(rough) == stored_runs(calm)
    assert analysed(rough) == analysed(calm)


def test_a_finished_sweep_trains_nothing_again_unless_it_is_to_be_fresh(tmp_path: Path) -> None:
    asked = config(batch_sizes=SMALL)
    run_sweep(tmp_path, asked)
    again, fresh = Watcher(), Watcher()
    assert run_sweep(tmp_path, asked, watcher=again) == "complete"
    assert again.units == []
    assert run_sweep(tmp_path, asked, watcher=fresh, fresh=True) == "complete"
    assert len(fresh.groups) == 4


def test_more_seeds_and_sizes_train_only_what_is_missing(tmp_path: Path) -> None:
    run_sweep(tmp_path, config(batch_sizes=BatchSizes((4, 16)), seeds=3))
    watcher = Watcher()
    run_sweep(tmp_path, config(batch_sizes=BatchSizes((4, 16, 64)), seeds=4), watcher=watcher)
    with Store(tmp_path) as store:
        [units] = store._rows("SELECT count(DISTINCT unit_id) FROM runs")
    assert sorted(watcher.groups) == ["batch size 16", "batch size 4", "batch size 64"]
    assert units[0] == 2 + 3  # two first groups, and for three sizes what was missing


def test_out_of_time_ends_with_what_is_known(tmp_path: Path) -> None:
    asked = config(Truth(slow=0.5), batch_sizes=SMALL, within_seconds=2.4)
    assert run_sweep(tmp_path, asked) == "out_of_time"
    with Store(tmp_path) as store:
        assert store.sweep().status == "out_of_time"
    rows = analysed(tmp_path).batch_sizes
    assert [row.batch_size for row in rows] == [4, 16, 64, 256]
    assert {"not_run"} < {row.status for row in rows}
    later = dataclasses.replace(asked, within_seconds=None)
    assert run_sweep(tmp_path, later) == "complete"
    assert {row.status for row in analysed(tmp_path).batch_sizes} == {"ok"}


@pytest.mark.parametrize("workers", [1, 2])
def test_each_size_is_timed_again_when_everything_else_is_done(
    tmp_path: Path, workers: int
) -> None:
    truth = Truth(rate=2.0**-7)  # the grid widens: there is a further round
    asked = config(truth, batch_sizes=BatchSizes((16, 64)), learning_rates=LearningRates())
    known = dataclasses.replace(facts(), workers=workers)
    assert run_sweep(tmp_path, asked, known) == "complete"
    of = plan.recipes(asked, known)
    visits = {
        unit.unit_id: unit.visit
        for unit in plan.speed_units(asked, known, of, {"machine": "fake"}, CostModel(1e-3, 1e-6))
    }
    with Store(tmp_path) as store:
        begun = [visits.get(unit_id) for unit_id, _ in store.attempts()]
        draws = [record.step_seconds for record in store.speeds(fakes.SWEEP_ID)]
    assert begun[-2:] == [1, 1] and 1 not in begun[:-2]
    assert len([visit for visit in begun if visit is None]) > 2  # groups of more than one round
    for row in analysed(tmp_path).batch_sizes:
        assert row.speed is not None
        assert row.speed.step_seconds.n == sum(map(len, draws)) / 2 == 10


def test_what_is_timed_anew_is_not_mixed_with_what_was_timed_before(tmp_path: Path) -> None:
    asked = config(batch_sizes=SMALL)
    run_sweep(tmp_path, asked)

    class Impatient(Watcher):
        def unit_started(self, unit: str, description: str) -> None:
            super().unit_started(unit, description)
            if unit.endswith("-1"):
                raise Stopped

    with pytest.raises(Stopped):
        run_sweep(tmp_path, asked, watcher=Impatient(), fresh=True)
    sizes = len(SMALL.sizes or ())
    with Store(tmp_path) as store:
        assert len(store.speeds(fakes.SWEEP_ID)) == sizes
    assert run_sweep(tmp_path, asked) == "complete"
    with Store(tmp_path) as store:
        assert len(store.speeds(fakes.SWEEP_ID)) == 2 * sizes


def test_a_unit_that_fails_is_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    watcher = Watcher()
    asked = config(Truth(fails_at=16), batch_sizes=SMALL)
    assert run_sweep(tmp_path, asked, watcher=watcher) == "failed"
    rows = {row.batch_size: row.status for row in analysed(tmp_path).batch_sizes}
    assert rows == {4: "ok", 16: "failed", 64: "ok", 256: "ok"}
    assert watcher.lines == ["batch size 16: ValueError: no training at batch size 16"]
    cautions = [c for c in analysed(tmp_path).cautions if c.code == "failed"]
    assert [c.batch_size for c in cautions] == [16]
    again = Watcher()
    run_sweep(tmp_path, asked, watcher=again)
    assert again.groups == ["batch size 16"]  # what failed is tried again, what is settled is not


def test_running_out_of_memory_is_an_outcome(tmp_path: Path) -> None:
    asked = config(Truth(memory_ends_at=256), batch_sizes=SMALL)
    assert run_sweep(tmp_path, asked) == "complete"
    rows = {row.batch_size: row.status for row in analysed(tmp_path).batch_sizes}
    assert rows[256] == "out_of_memory"
    again = Watcher()
    run_sweep(tmp_path, asked, watcher=again)
    assert again.units == []
