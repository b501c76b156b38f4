"""Branches, and runs that are measured on their way, go on to the same bits as trainers do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bsx import registry
from bsx.errors import Stopped
from bsx.schema import (
    BranchUnit,
    DiagnosticRecord,
    DiagnosticUnit,
    Ingredient,
    Record,
    RunRecord,
    RunStatus,
    Sampling,
)
from bsx.train import keeper
from tests.contracts.test_trainers import values
from tests.test_branch_training import runs
from tests.train_setup import recipe

DROPOUT = Ingredient("mlp", {"hidden": (8,), "dropout": 0.2})
CASES = {
    "momentum": recipe(),
    "dropout": recipe(model=DROPOUT),
    "running statistics": recipe(model=Ingredient("mlp", {"hidden": (8,), "norm": "batch"})),
    "adam": recipe(optimizer=Ingredient("adam"), model=DROPOUT),
    "augmented": recipe(sampling=Sampling(augment=("noise",))),
}
QUICK = ("dropout", "augmented")
NAMES = [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CASES]


@pytest.fixture(autouse=True)
def heard_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let them look after each step whether they are to end."""
    monkeypatch.setattr(keeper, "SIGN_OF_LIFE", 0.0)


def worked(unit: BranchUnit | DiagnosticUnit, stop_after: int | None = None) -> list[Record]:
    """Return what a unit tells, up to when it is stopped; say by ``Stopped`` that it was."""
    heard = 0

    def report(_fraction: float, _best: float | None) -> None:
        nonlocal heard
        heard += 1
        if heard == stop_after:
            raise Stopped("the test")

    told: list[Record] = []
    try:
        for records in registry.worker(unit.kind, unit.worker)(unit, report):
            told += records
    except Stopped:
        return told
    assert stop_after is None or heard < stop_after
    return told


def branched(unit: BranchUnit, stop_after: int) -> tuple[list[RunRecord], int]:
    """Train a unit that is stopped again and again; return its records, and how often it was."""
    kept: list[RunRecord] = []
    for number in range(200):
        left = unit.without({record.run_id for record in kept})
        if not left.runs:
            return kept, number
        kept += [r for r in worked(left, stop_after) if isinstance(r, RunRecord)]
    raise AssertionError("it never came to its end")


def assert_same(ours: Sequence[RunRecord], theirs: Sequence[RunRecord]) -> None:
    """Assert that the records are equal to the bit, clocks aside."""
    assert [record.run_id for record in ours] == [record.run_id for record in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert (one.status, one.stopped_at) == (other.status, other.stopped_at)
        assert values(one).tobytes() == values(other).tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_branches_that_are_stopped_anywhere_go_on_to_the_same_bits(
    name: str, tmp_path: Path
) -> None:
    unit = BranchUnit(runs(CASES[name]), "cpu", 1)
    undisturbed = [r for r in worked(unit) if isinstance(r, RunRecord)]
    for after in (17, 60):
        found, times = branched(replace(unit, checkpoints=str(tmp_path)), after)
        assert times > 1
        assert_same(found, undisturbed)
        assert list(tmp_path.iterdir()) == []  # nothing is left of what is done


def test_a_branch_that_diverges_after_a_stop_is_the_same(tmp_path: Path) -> None:
    model = Ingredient("mlp", {"hidden": (8,)})
    unit = BranchUnit(runs(recipe(model=model), rule=13.0), "cpu", 1)
    undisturbed = [r for r in worked(unit) if isinstance(r, RunRecord)]
    assert {r.status for r in undisturbed} == {RunStatus.COMPLETED, RunStatus.DIVERGED}
    assert_same(branched(replace(unit, checkpoints=str(tmp_path)), 17)[0], undisturbed)


def test_branches_from_a_point_that_lies_behind_begin_at_the_start(tmp_path: Path) -> None:
    whole = BranchUnit(runs(recipe(model=DROPOUT)), "cpu", 1, checkpoints=str(tmp_path))
    later = replace(whole, runs=whole.runs[3:])
    worked(later, 25)  # the trunk is past the first point by now
    assert len(list(tmp_path.iterdir())) == 1
    found = [r for r in worked(whole) if isinstance(r, RunRecord)]
    undisturbed = worked(replace(whole, checkpoints=None))
    assert_same(found, [r for r in undisturbed if isinstance(r, RunRecord)])


def test_what_is_measured_on_the_way_is_measured_once_and_the_same(tmp_path: Path) -> None:
    of = recipe(model=DROPOUT, steps=12)
    measures = ("noise-scale", "gradients")
    unit = DiagnosticUnit(of, 0.05, 3, measures, (4, 16), "cpu", threads=1)
    undisturbed = worked(unit)
    assert len(undisturbed) == 2
    stopped = replace(unit, checkpoints=str(tmp_path))
    times = 0
    while not (found := worked(stopped, 9)):
        times += 1
    assert times > 1
    for one, other in zip(found, undisturbed, strict=True):
        assert isinstance(one, DiagnosticRecord)
        assert isinstance(other, DiagnosticRecord)
        assert one.observations == other.observations
        assert len(one.observations) > 2
    assert list(tmp_path.iterdir()) == []
