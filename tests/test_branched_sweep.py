"""Branched sweeps as a whole: planned, stored, taken up again, analysed and shown."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsx import plan, registry
from bsx.arithmetic import branch_evaluations
from bsx.conductor import Conductor
from bsx.errors import Stopped
from bsx.execute.base import Told, UnitError
from bsx.execute.inline import InlineExecutor
from bsx.schema import (
    BatchSizes,
    Branching,
    BranchUnit,
    Budget,
    CurvePoint,
    LearningRates,
    Report,
    Run,
    RunRecord,
    RunStatus,
    SweepConfig,
    Unit,
)
from bsx.store import Store
from tests.fakes import SWEEP_ID, Watcher, analysed, config, facts, stored_runs
from tests.here import Shell, here  # noqa: F401

BASE, SIZES, STEPS = 4, (4, 8, 16, 32, 64, 128), 800
TRAINED: list[str] = []  # the ids of the runs that the fake trained


# --- a fake world in which the critical batch size is known ----------------------------------


def critical(step: int) -> float:
    """Return B_crit at a step of the trunk: it grows."""
    return 20.0 + step / 2


def train_branches(unit: BranchUnit, report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Yield branches whose loss is the base size's at as many samples fewer as E(B) tells."""
    for number, run in enumerate(unit.runs):
        report(number / len(unit.runs), None)
        TRAINED.append(run.run_id)
        yield (_record(run),)


def _record(run: Run) -> RunRecord:
    size, trunk = run.recipe.batch_size, run.recipe.trunk
    assert trunk is not None
    samples = size * run.recipe.steps
    behind = (critical(trunk.steps) + size) / (critical(trunk.steps) + BASE)
    shared = np.random.default_rng([run.seed, trunk.steps]).normal(0, 0.05)
    own = np.random.default_rng([run.seed, trunk.steps, size]).normal(0, 2e-3)
    curve = []
    for step in (0, *branch_evaluations(samples, size)):
        loss = 1 + shared + own + 2.0 / (1 + step * size / behind / 256)
        seen = trunk.steps * BASE + step * size
        curve.append(CurvePoint(step, seen / 4096, seen, 0.0, loss, loss, {"accuracy": 0.5}))
    return RunRecord(run, RunStatus.COMPLETED, curve)


@contextlib.contextmanager
def fake_branches() -> Iterator[None]:
    """Let branch units find the fake trainer."""
    before = registry.INTERNAL["trainer"]
    registry.INTERNAL["trainer"] = {
        **before, "branches": "tests.test_branched_sweep:train_branches"
    }  # fmt: skip
    registry.targets.cache_clear()
    TRAINED.clear()
    try:
        yield
    finally:
        registry.INTERNAL["trainer"] = before
        registry.targets.cache_clear()


def asked(**changes: Any) -> SweepConfig:
    """Return a branched sweep in the fake world."""
    given: dict[str, Any] = {
        "branching": Branching(BASE, "linear", points=4, samples=1024),
        "batch_sizes": BatchSizes(SIZES),
        "learning_rates": LearningRates("fixed", (0.1,), "none"),
        "budget": Budget(steps=STEPS),
        "seeds": 6,
        "targets": (),
    }
    return config(**{**given, **changes})


def conducted(
    folder: Path,
    of: SweepConfig,
    watcher: Watcher | None = None,
    executor: InlineExecutor | None = None,
) -> str:
    """Conduct the sweep into the store in ``folder``; return its status."""
    recipes = plan.recipes(of, facts())
    with fake_branches(), Store(folder, create=True) as store:
        conductor = Conductor(
            SWEEP_ID, of, facts(), recipes, {"machine": "fake"}, store,
            executor or InlineExecutor(), watcher or Watcher(),
        )  # fmt: skip
        conductor.prepare()
        return conductor.run()


def test_a_growing_critical_batch_size_is_found_at_every_point(tmp_path: Path) -> None:
    assert conducted(tmp_path, asked(tolerance=0.0)) == "complete"
    found = analysed(tmp_path).branched
    assert found is not None
    assert found.learning_rate == 0.1
    assert [point.step for point in found.points] == [100, 200, 400, 800]
    values = []
    for point in found.points:
        truth = 1.2 * BASE + 0.2 * critical(point.step)
        estimate = point.critical_batch_size
        assert estimate is not None and estimate.low is not None and estimate.value is not None
        assert estimate.low <= truth
        assert estimate.high is None or truth <= estimate.high
        assert estimate.value == pytest.approx(truth, rel=0.25)
        values.append(estimate.value)
        assert point.margin_from == "samples"
    assert values == sorted(values)
    assert found.warmup is not None
    sizes = [stage.batch_size for stage in found.warmup.stages]
    assert sizes[0] == BASE and sizes == sorted(sizes) and len(sizes) >= 3
    assert found.warmup.steps < found.warmup.base_steps == STEPS


def test_a_tuned_rate_is_found_first_and_its_branches_follow(tmp_path: Path) -> None:
    rates = LearningRates("grid", (0.015625, 0.03125, 0.0625))
    assert conducted(tmp_path, asked(learning_rates=rates, seeds=3)) == "complete"
    records = stored_runs(tmp_path)
    tuning = [r for r in records if r.run.recipe.trunk is None]
    assert len(tuning) == 9
    assert {r.run.recipe.batch_size for r in tuning} == {BASE}
    found = analysed(tmp_path).branched
    assert found is not None
    assert found.learning_rate in rates.values
    assert len(records) - len(tuning) == 3 * 4 * len(SIZES)
    assert analysed(tmp_path).batch_sizes == ()


def test_an_interrupted_sweep_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        conducted(tmp_path / "a", asked(), Watcher(stops_after=2))
    before = {record.run_id for record in stored_runs(tmp_path / "a")}
    assert len(before) == 2 * 4 * len(SIZES)
    codes = {c.code for c in analysed(tmp_path / "a").cautions}
    assert "branches_missing" in codes
    conducted(tmp_path / "a", asked())
    assert len(TRAINED) == 4 * 4 * len(SIZES)
    assert not before & set(TRAINED)
    conducted(tmp_path / "b", asked())
    assert stored_runs(tmp_path / "a") == stored_runs(tmp_path / "b")
    assert analysed(tmp_path / "a").branched == analysed(tmp_path / "b").branched


class DiesOnce(InlineExecutor):
    """Ends a unit from outside after some of its branches, once."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    def wait(self) -> tuple[Unit, Told]:
        """Tell what the unit does, until it dies."""
        unit, told = super().wait()
        self._left -= 1
        if self._left == 0:
            self.stop()
            return unit, UnitError("the worker was ended by SIGKILL", worth_retrying=True)
        return unit, told


def test_a_unit_that_is_killed_is_tried_again_for_what_is_missing(tmp_path: Path) -> None:
    watcher = Watcher()
    assert conducted(tmp_path, asked(seeds=1), watcher, DiesOnce(8)) == "complete"
    assert len(stored_runs(tmp_path)) == 4 * len(SIZES)
    again = [run_id for run_id in set(TRAINED) if TRAINED.count(run_id) > 1]
    assert len(again) == 1  # the one that was under way
    assert any("trying again" in line for line in watcher.lines)


def test_seeds_and_points_are_added_to_what_is_there(tmp_path: Path) -> None:
    conducted(tmp_path, asked(seeds=3))
    conducted(tmp_path, asked(seeds=5))
    assert len(TRAINED) == 2 * 4 * len(SIZES)
    conducted(tmp_path, asked(seeds=5, branching=Branching(BASE, "linear", None, 5, 1024)))
    assert len(TRAINED) == 5 * len(SIZES)


def test_another_tolerance_is_read_without_training(tmp_path: Path) -> None:
    conducted(tmp_path, asked(tolerance=0.0))
    strict = analysed(tmp_path).branched
    conducted(tmp_path, asked(tolerance=0.02))
    lax = analysed(tmp_path).branched
    assert TRAINED == []
    assert strict is not None and lax is not None
    assert {point.margin_from for point in strict.points} == {"samples"}
    assert {point.margin_from for point in lax.points} == {"tolerance"}


def test_what_ran_out_of_memory_or_failed_is_shown(tmp_path: Path) -> None:
    class Fails(InlineExecutor):
        def wait(self) -> tuple[Unit, Told]:
            unit, told = super().wait()
            if unit.seed == 1 and told is None:  # type: ignore[union-attr]
                return unit, told
            if unit.seed == 1:  # type: ignore[union-attr]
                self.stop()
                return unit, UnitError("it broke")
            return unit, told

    assert conducted(tmp_path, asked(seeds=3), None, Fails()) == "failed"
    found = analysed(tmp_path)
    assert "failed" in {caution.code for caution in found.cautions}
    assert found.branched is not None
    assert found.branched.points[0].critical_batch_size is not None


# --- the program ----------------------------------------------------------------------------

ARGS = ["--dataset", "blobs", "--dataset-arg", "samples=400", "--dataset-arg", "classes=3",
        "--dataset-arg", "features=5", "--model", "logistic", "--method", "branched",
        "--batch-sizes", "2,4,8", "--seeds", "3", "--steps", "60", "--branch-points", "2",
        "--branch-samples", "128", "--threads", "1", "--executor", "inline"]  # fmt: skip


def swept(shell: Shell, *args: str) -> dict[str, Any]:
    """Run a small branched sweep; return its document."""
    code, out, err = shell.bsx("sweep", *ARGS, *args, "--format", "json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_document_has_the_critical_batch_size_along_the_run(here: Shell) -> None:  # noqa: F811
    found = swept(here, "--learning-rate", "0.05")
    assert found["status"] == "complete"
    assert found["batch_sizes"] == found["targets"] == []
    assert found["recommendation"] is None
    branched = found["branched"]
    assert branched["base_batch_size"] == 2
    assert branched["learning_rate_rule"] == "linear"
    assert branched["samples"] == 128
    assert [point["step"] for point in branched["points"]] == [30, 60]
    assert [point["samples"] for point in branched["points"]] == [60, 120]
    for point in branched["points"]:
        assert [b["batch_size"] for b in point["branches"]] == [2, 4, 8]
        assert [b["learning_rate"] for b in point["branches"]] == pytest.approx([0.05, 0.1, 0.2])
        assert [b["steps"] for b in point["branches"]] == [64, 32, 16]
        assert {b["seeds"] for b in point["branches"]} == {3}
        assert point["branches"][0]["difference"] is None
        assert point["branches"][1]["difference"]["n"] == 3
    assert branched["warmup"]["stages"][0]["batch_size"] == 2


def test_values_rows_and_tables_of_a_branched_sweep(here: Shell) -> None:  # noqa: F811
    shown = swept(here, "--learning-rate", "0.05", "--name", "mine")

    def got(path: str) -> str:
        code, out, err = here.bsx("show", "--get", path)
        assert code == 0, err
        return out.strip()

    assert got("branched.points.1.step") == "60"
    value = shown["branched"]["points"][1]["branches"][1]["loss"]["value"]
    assert float(got("branched.points.1.branches.4.loss.value")) == value
    assert got("branched.points.1.branches.batch_size").split() == ["2", "4", "8"]
    assert json.loads(here.bsx("show", "--format", "json")[1]) == shown
    rows = list(csv.DictReader(io.StringIO(here.bsx("show", "--format", "csv")[1])))
    assert [(row["step"], row["batch_size"]) for row in rows] == [
        (step, size) for step in ("30", "60") for size in ("2", "4", "8")
    ]
    assert len(here.bsx("show", "--format", "jsonl")[1].splitlines()) == 6
    markdown = here.bsx("show", "--format", "markdown")[1]
    assert "## Critical batch size along the training at batch size 2" in markdown


def test_tables_are_no_wider_than_the_terminal(
    here: Shell,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here.bsx("sweep", *ARGS, "--learning-rate", "0.05", "--branch-points", "6")
    for width in (40, 60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        out = here.bsx("show")[1]
        assert max(map(len, out.splitlines())) <= width
        assert "Critical batch size along the training" in " ".join(out.split())
        assert "warm-up" in out


def test_a_dry_run_foretells_tuning_and_branches(here: Shell) -> None:  # noqa: F811
    code, out, _ = here.bsx(
        "sweep", *ARGS, "--learning-rate", "0.01,0.1", "--dry-run", "--format", "json"
    )
    assert code == 0
    found = json.loads(out)
    rows = {row["batch_size"]: row["runs"] for row in found["batch_sizes"]}
    assert rows == {2: 2 * 3 + 2 * 3, 4: 2 * 3, 8: 2 * 3}
    assert found["runs"] == sum(rows.values())
    assert found["seconds"] > 0


def test_a_second_time_nothing_is_trained(here: Shell) -> None:  # noqa: F811
    first = swept(here, "--learning-rate", "0.01,0.1")
    code, out, err = here.bsx("sweep", *ARGS, "--learning-rate", "0.01,0.1", "--format", "json")
    assert code == 0
    assert "Everything asked for is stored already" in err
    assert json.loads(out)["branched"] == first["branched"]
    assert first["branched"]["learning_rate"] in (0.01, 0.1)


def test_a_branched_sweep_can_be_explained(here: Shell) -> None:  # noqa: F811
    swept(here, "--learning-rate", "0.05", "--name", "mine")
    code, out, _ = here.bsx("show", "--explain")
    assert code == 0
    for heading in ("The trunk and its branches", "The critical batch size", "The batch warm-up"):
        assert heading in out
    assert "trained at batch size 2 for 60 iterations" in " ".join(out.split())


def test_what_means_nothing_to_branches_is_refused(here: Shell) -> None:  # noqa: F811
    swept(here, "--learning-rate", "0.05", "--name", "mine")
    for flags in (("--target", "accuracy=0.5"), ("--objective", "steps")):
        code, _, err = here.bsx("show", *flags)
        assert code == 2
        assert flags[0] in err
    assert here.bsx("show", "--tolerance", "0.02")[0] == 0
    code, _, err = here.bsx("compare", "mine", "mine")
    assert code == 2
    assert "branched" in err


def test_few_seeds_batchnorm_and_short_branches_are_warned_of(here: Shell) -> None:  # noqa: F811
    found = swept(
        here, "--learning-rate", "0.05", "--seeds", "2", "--model", "mlp", "--model-arg",
        "norm=batch", "--model-arg", "hidden=4",
    )  # fmt: skip
    codes = {caution["code"] for caution in found["cautions"]}
    assert {"few_seeds", "branch_batchnorm", "branch_momentum"} <= codes
