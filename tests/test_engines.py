"""What is measured of trainers decides which of them does the work, and is kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bsx import engines, plan
from bsx.execute.base import Told
from bsx.execute.inline import InlineExecutor
from bsx.schema import CalibrationUnit, CostModel, Record, Report, Unit
from tests.fakes import config, facts

QUICK_WHEN_SMALL = CostModel(1e-3, 1e-4, 0.0)
QUICK_WHEN_LARGE = CostModel(1e-2, 1e-6, 0.0)


class Timer(InlineExecutor):
    """Answers calibration with costs it was given, and counts how often it was asked."""

    def __init__(self, costs: dict[str, CostModel]) -> None:
        super().__init__()
        self.costs = costs
        self.asked: list[str] = []

    def run(self, unit: Unit, report: Report) -> Iterator[Sequence[Record]]:
        assert isinstance(unit, CalibrationUnit)
        self.asked.append(unit.trainer)
        yield (self.costs[unit.trainer],)

    def wait(self) -> tuple[Unit, Told]:
        raise AssertionError("calibration runs alone")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


KNOWN = facts(trainer="loop", rivals=("channels-last",))
COSTS = {"loop": QUICK_WHEN_SMALL, "channels-last": QUICK_WHEN_LARGE}


def measured(timer: Timer, machine: str = "a", *, fresh: bool = False) -> CostModel:
    of = plan.recipes(config(), KNOWN)
    return engines.measured(config(), KNOWN, of, {"machine": machine}, timer, fresh)


def test_each_batch_size_is_trained_by_what_is_quickest_at_it() -> None:
    cost = measured(Timer(COSTS))
    found = plan.next_round(config(), KNOWN, plan.recipes(config(), KNOWN), {}, cost)
    assert found is not None
    for group in found.groups:
        small = group.recipe.batch_size < 90  # where 1e-3 + 1e-4 B crosses 1e-2 + 1e-6 B
        assert group.trainer == ("loop" if small else "channels-last")
    assert len({group.trainer for group in found.groups}) == 2


def test_what_was_measured_is_kept_for_this_machine_until_asked_anew() -> None:
    first, again, elsewhere, anew = (Timer(COSTS) for _ in range(4))
    assert measured(first) == measured(again)
    assert (first.asked, again.asked) == (["loop", "channels-last"], [])
    measured(elsewhere, "b")
    measured(anew, fresh=True)
    assert elsewhere.asked == anew.asked == first.asked


def test_a_damaged_cache_is_measured_again(tmp_path: Path) -> None:
    measured(Timer(COSTS))
    for file in (tmp_path / "bsx").iterdir():
        file.write_text("{")
    again = Timer(COSTS)
    measured(again)
    assert len(again.asked) == 2


def test_what_was_not_used_for_three_months_is_removed(tmp_path: Path) -> None:
    measured(Timer(COSTS), "old")
    old = set((tmp_path / "bsx").iterdir())
    for file in old:
        os.utime(file, (0, 0))
    measured(Timer(COSTS), "new")
    assert not old & set((tmp_path / "bsx").iterdir())
    for file in (tmp_path / "bsx").iterdir():
        os.utime(file, (0, 0))
    measured(Timer(COSTS), "new")  # is used, and so is there to stay
    measured(Timer(COSTS), "newer")
    assert len(list((tmp_path / "bsx").iterdir())) == 4


def test_without_a_place_to_keep_it_the_sweep_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert measured(Timer(COSTS)).rivals == {"channels-last": QUICK_WHEN_LARGE}
