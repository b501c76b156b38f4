"""Sweeps whose batches grow: what is planned, and what comes of it beside the arm that decays."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from bsx import plan
from bsx.errors import ConfigError
from bsx.plan import memory
from bsx.schema import BatchSizes, Budget, CostModel, Run, SweepConfig, Training
from tests.fakes import config, facts
from tests.here import bsx, document

KNOWN = facts(train_samples=800)
COST = CostModel(1e-3, 1e-6)
DECAYING = Training("step")
GROWING = Training("step", decay="batch-size")


def asked(training: Training = GROWING, *sizes: int) -> SweepConfig:
    """Return a sweep over these sizes, of ten epochs."""
    sizes = sizes or (4, 16, 64)
    return config(batch_sizes=BatchSizes(sizes), budget=Budget(epochs=10), training=training)


def test_a_size_that_cannot_grow_is_the_run_of_the_other_arm() -> None:
    growing, decaying = (plan.recipes(asked(t), KNOWN) for t in (GROWING, DECAYING))
    same = [
        Run(a, 0.1, 0).run_id == Run(b, 0.1, 0).run_id
        for a, b in zip(growing, decaying, strict=True)
    ]
    assert same == [False, False, True]
    assert [recipe.largest_batch(800) for recipe in growing] == [80, 80, 64]
    assert [recipe.steps for recipe in growing] == [recipe.steps for recipe in decaying]


def test_a_sweep_in_which_nothing_can_grow_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigError) as refused:
        plan.recipes(asked(GROWING, 64, 128), KNOWN)
    for said in ("--decay batch-size", "batches of 64", "up to 80", "--batch-sizes", "--grow-to"):
        assert said in str(refused.value)
    further = dataclasses.replace(GROWING, grow_to=128)
    assert plan.recipes(asked(further, 64, 128), KNOWN)


def test_the_size_that_batches_grow_to_is_timed_too_and_none_twice() -> None:
    for sizes, timed in (((4, 16), [4, 16, 80]), ((4, 80), [4, 80]), ((6, 64), [6, 60, 64, 78])):
        of = plan.recipes(asked(GROWING, *sizes), KNOWN)
        units = plan.speed_units(asked(GROWING, *sizes), KNOWN, of, {}, COST)
        found = [unit.recipe.batch_size for unit in units]
        assert set(found) <= set(timed) and set(found) >= {*sizes, of[0].largest_batch(800)}
        assert found == sorted(set(found)) * 2  # visits
        assert {unit.recipe.training.decay for unit in units} == {"rate"}
    steady = plan.speed_units(asked(), KNOWN, plan.recipes(asked(DECAYING), KNOWN), {}, COST)
    growing = plan.speed_units(asked(), KNOWN, plan.recipes(asked(GROWING), KNOWN), {}, COST)
    assert {unit.unit_id for unit in steady} < {unit.unit_id for unit in growing}


def test_lanes_are_as_many_as_fit_at_the_largest_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LANES_BYTES", 16 * (80 * 50 + 100) * 7)
    of = plan.recipes(asked(GROWING, 4), KNOWN)
    found = plan.next_round(asked(GROWING, 4), KNOWN, of, {}, COST)
    assert found is not None
    assert max(len(group.members) for group in found.groups) == 6  # 7 fit; a seed has 6 rates


def test_a_growing_run_is_foretold_to_take_its_own_steps_and_samples() -> None:
    per_step, per_sample = CostModel(1.0, 0.0, 0.0), CostModel(0.0, 1.0, 0.0)
    lanes = facts(train_samples=800, trainer="lanes")
    seconds = {}
    for training in (DECAYING, GROWING):
        of = plan.recipes(asked(training, 4), lanes)
        for cost in (per_step, per_sample):
            found = plan.next_round(asked(training, 4), lanes, of, {}, cost)
            assert found is not None
            seconds[training, cost] = sum(group.predicted_seconds for group in found.groups)
    assert seconds[GROWING, per_step] == plan.recipes(asked(GROWING, 4), lanes)[0].length(800)
    assert seconds[GROWING, per_step] < 0.6 * seconds[DECAYING, per_step]
    assert seconds[GROWING, per_sample] == pytest.approx(seconds[DECAYING, per_sample], rel=0.1)


SMALL = ["--batch-sizes", "4,16,96", "--learning-rate", "0.05,0.1", "--seeds", "3", "--epochs", "4",
         "--threads", "1", "--schedule", "exponential", "--vary", "decay=rate,batch-size",
         "--target", "accuracy=0.94", "--executor", "inline"]  # fmt: skip


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A folder with both arms, and their documents."""
    folder = tmp_path_factory.mktemp("growing")
    return folder, document(bsx("sweep", *SMALL, "--format", "json", cwd=folder))["arms"]


def test_both_arms_see_the_same_and_one_takes_fewer_iterations(
    arms: tuple[Path, list[dict[str, Any]]],
) -> None:
    steady, growing = ({row["batch_size"]: row for row in arm["batch_sizes"]} for arm in arms[1])
    assert [row["grows_to"] for row in growing.values()] == [140, 128, None]
    assert {row["grows_to"] for row in steady.values()} == {None}
    for size, row in growing.items():
        assert row["epochs"] == steady[size]["epochs"] == 4
        assert (row["steps"] < steady[size]["steps"]) == (size < 96)
    for size, row in list(growing.items())[:2]:
        reach = row["to_target"][0]
        assert reach["samples"]["value"] > size * reach["steps"]["value"]
        assert reach["epochs"]["value"] == pytest.approx(
            reach["samples"]["value"] / size / row["steps_per_epoch"]
        )
    for key in ("to_target", "final", "steps"):
        assert growing[96][key] == steady[96][key]


def test_no_critical_batch_size_is_given_of_runs_that_grow_and_it_is_said(
    arms: tuple[Path, list[dict[str, Any]]],
) -> None:
    growing = arms[1][1]
    assert growing["targets"][0]["verdict"] == "growing_batches"
    said = {caution["code"]: caution for caution in growing["cautions"]}
    assert "grows on the way, to 128" in said["batch_grows"]["message"]
    assert "growth_not_timed" not in said
    assert "batch_grows" not in {caution["code"] for caution in arms[1][0]["cautions"]}


def test_the_table_says_that_a_size_is_the_first_one(
    arms: tuple[Path, list[dict[str, Any]]],
) -> None:
    folder, found = arms
    for width in ("60", "80", "160"):
        shown = bsx("show", found[1]["sweep_id"], cwd=folder, COLUMNS=width).stdout
        assert "at start" in shown
        assert max(map(len, shown.splitlines())) <= int(width)
    assert "at start" not in bsx("show", found[0]["sweep_id"], cwd=folder).stdout
    ids = [arm["sweep_id"] for arm in found]
    compared = bsx("compare", *ids, cwd=folder, COLUMNS="160").stdout
    assert "samples," in compared
    rows = document(bsx("compare", *ids, "--format", "json", cwd=folder))["batch_sizes"]
    for row in rows[:2]:  # the third does not grow
        assert row["steps_ratio"]["value"] < row["samples_ratio"]["value"]


def test_a_dry_run_counts_the_iterations_that_are_taken(tmp_path: Path) -> None:
    flags = ["--schedule", "step", "--epochs", "4", "--batch-sizes", "4", "--learning-rate", "0.1",
             "--dry-run", "--format", "json"]  # fmt: skip
    rows = [
        json.loads(bsx("sweep", *flags, "--decay", decay, cwd=tmp_path).stdout)["batch_sizes"][0]
        for decay in ("rate", "batch-size")
    ]
    assert rows[0]["epochs"] == rows[1]["epochs"] == 4
    assert rows[1]["steps"] < 0.6 * rows[0]["steps"]
