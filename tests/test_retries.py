"""What is tried after an attempt has failed, and what no longer is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bsx import plan
from bsx.execute.base import UnitError
from bsx.retries import Limits
from bsx.schema import BatchSizes, BranchUnit, Group, RunRecord, RunStatus, Unit
from bsx.store import Store
from tests import fakes
from tests.fakes import Truth, Watcher, analysed, config, facts, run_sweep

FULL = UnitError("MemoryError", out_of_memory=True)
KILLED = UnitError("the worker was ended by SIGKILL", worth_retrying=True, killed=True)


def lanes(size: int = 64, seeds: int = 3, rates: int = 4, trainer: str = "lanes") -> Group:
    """Return a group of so many lanes."""
    of = fakes.recipe(batch_size=size)
    members = tuple((0.1 * (1 + rate), seed) for rate in range(rates) for seed in range(seeds))
    return Group(of, members, trainer, "cpu", 1, round=0, predicted_seconds=12.0)


def sizes(units: tuple[Unit, ...]) -> list[int]:
    """How many lanes each has."""
    return [len(unit.members) for unit in units if isinstance(unit, Group)]


def test_a_process_that_was_ended_is_tried_once_more_and_then_given_up() -> None:
    limits, group = Limits(), lanes()
    assert limits.after(group, KILLED, 1) == (group,)
    assert limits.after(group, KILLED, 2) == ()
    assert limits.after(group, UnitError("ValueError: a bug"), 1) == ()


def test_lanes_that_do_not_fit_are_halved_between_seeds_down_to_one() -> None:
    limits, group = Limits(), lanes()
    halves = limits.after(group, FULL, 1)
    assert sizes(halves) == [8, 4]
    assert [{seed for _, seed in half.members} for half in halves if isinstance(half, Group)] == [
        {0, 1}, {2},
    ]  # fmt: skip
    assert sum(half.predicted_seconds for half in halves) == pytest.approx(12.0)
    assert "8 lanes at once" in limits.how(group, halves)
    [one, other] = limits.after(lanes(seeds=1, rates=2), FULL, 1)
    assert "one at a time" in limits.how(lanes(seeds=1, rates=2), (one, other))
    assert limits.after(one, FULL, 1) == ()
    assert limits.after(lanes(trainer="loop"), FULL, 1) == ()  # there is but one at a time anyway


def test_what_did_not_fit_is_not_tried_again_at_this_size_or_a_larger_one() -> None:
    limits = Limits()
    limits.after(lanes(64), FULL, 1)
    assert sizes(limits.fitting(lanes(32))) == [12]
    assert sizes(limits.fitting(lanes(64))) == [8, 4]
    assert sizes(limits.fitting(lanes(128))) == [8, 4]
    assert sizes(limits.fitting(lanes(64, seeds=2))) == [8]
    pieces = limits.fitting(lanes(128))
    together = [m for piece in pieces if isinstance(piece, Group) for m in piece.members]
    assert sorted(together) == sorted(lanes().members)


def test_smaller_passes_come_last_and_only_where_they_are_allowed() -> None:
    limits = Limits(accumulates=True, least_pass=2)
    unit: Unit = lanes(13, trainer="loop")
    passes = []
    while tries := limits.after(unit, FULL, 1):
        [unit] = tries
        assert isinstance(unit, Group)
        passes.append(unit.micro_batch_size)
        assert f"passes of {passes[-1]}," in limits.how(lanes(13), tries)
    assert passes == [6, 3]
    [larger] = limits.fitting(lanes(100, trainer="loop"))
    assert isinstance(larger, Group)
    assert larger.micro_batch_size == 3
    assert limits.fitting(lanes(8, trainer="loop")) == (lanes(8, trainer="loop"),)


def test_larger_sizes_than_one_that_does_not_fit_are_beyond() -> None:
    limits = Limits()
    full = RunRecord(lanes(64).runs[0], RunStatus.OUT_OF_MEMORY)
    assert limits.learn([RunRecord(lanes(4).runs[0], RunStatus.DIVERGED)]) is False
    assert limits.learn([full]) is True
    assert limits.learn([full]) is False
    assert [limits.is_beyond(lanes(size)) for size in (32, 64, 128)] == [False, False, True]
    of_branches = BranchUnit((dataclasses.replace(full.run),), "cpu", 1)
    assert not limits.is_beyond(of_branches)


def test_a_unit_that_had_told_of_all_its_runs_is_done() -> None:
    assert Limits().after(dataclasses.replace(lanes(), members=()), KILLED, 1) == ()


def test_sizes_above_one_that_ran_out_of_memory_are_put_down_untried_and_said(
    tmp_path: Path,
) -> None:
    asked = config(Truth(memory_ends_at=64), batch_sizes=BatchSizes((16, 64, 128, 256)))
    watcher = Watcher()
    assert run_sweep(tmp_path, asked, watcher=watcher) == "complete"
    rows = {row.batch_size: row.status for row in analysed(tmp_path).batch_sizes}
    assert rows == {16: "ok", 64: "out_of_memory", 128: "out_of_memory", 256: "out_of_memory"}
    lines = [line for line in watcher.lines if "not tried" in line]
    assert lines == ["Larger batch sizes are not tried: batch size 64 ran out of memory"]
    assert not {"batch size 128", "batch size 256"} & set(watcher.units)
    with Store(tmp_path) as store:
        errors = {r.run.recipe.batch_size: r.error for r in store.runs(fakes.SWEEP_ID)}
    assert errors[256] == "not tried: batch size 64 had run out of memory"
    again = Watcher()
    run_sweep(tmp_path, asked, watcher=again)
    assert again.units == []


def test_where_passes_are_allowed_what_ran_out_of_memory_before_is_tried_again(
    tmp_path: Path,
) -> None:
    asked = config(Truth(memory_ends_at=64), batch_sizes=BatchSizes((16, 64, 128)))
    run_sweep(tmp_path, asked)
    allowed = dataclasses.replace(asked, accumulate=True)
    watcher = Watcher()
    assert run_sweep(tmp_path, allowed, watcher=watcher) == "complete"
    assert "batch size 64" in watcher.units
    passes = [line for line in watcher.lines if "in passes of" in line]
    assert len(passes) == 6  # of 32, 16, 8, 4, 2 and 1 samples
    again = Watcher()
    run_sweep(tmp_path, allowed, watcher=again)
    assert again.units == []  # the smallest passes were tried


def test_the_plan_does_not_know_of_passes() -> None:
    group = lanes()
    assert dataclasses.replace(group, micro_batch_size=4).runs == group.runs
    assert dataclasses.replace(group, micro_batch_size=4).unit_id != group.unit_id
    of = plan.recipes(config(), facts())
    assert {recipe.training.micro_batch_size for recipe in of} == {None}
