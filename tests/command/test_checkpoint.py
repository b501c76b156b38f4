"""A program of the user's that goes on where it was interrupted, in a folder of its own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bsx.command.trainer import train
from bsx.errors import Stopped, StoreError
from bsx.schema import Group, RunRecord, RunStatus
from tests.command.programs import ACCURACY, recipe

# Keeps its steps in its folder, and falls over after the fourth of its first attempt.
SCRIPT = """
import json, os, sys
folder, kind = sys.argv[2:4]
file = os.path.join(folder, "lines")
lines = open(file).read().splitlines() if os.path.exists(file) else []
first = not lines
for line in lines:
    print(line)
for step in range(len(lines) + 1, 9):
    line = json.dumps({"step": step, "accuracy": step / 10})
    print(line, flush=True)
    with open(file, "a") as out:
        out.write(line + chr(10))
    with open("taken", "a") as out:
        out.write(".")
    if first and step == 4:
        import time
        os.abort() if kind == "abort" else time.sleep(900)
"""


def group_of(folder: Path, kind: str) -> Group:
    """Return the group of two runs of the script."""
    script = folder / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    text = f"{sys.executable} {script} {{batch_size}} {{checkpoint}} {kind} {{seed}}"
    members = ((0.1, 0), (0.1, 1))
    kept = str(folder / "kept")
    return Group(
        recipe(text), members, "command", "cpu", 1, 0, judged_by=ACCURACY, checkpoints=kept
    )


def trained(group: Group) -> list[RunRecord]:
    """Run the program for each member."""
    return [record for records in train(group, lambda *_: None) for record in records]


def test_a_program_that_fell_over_goes_on_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    group = group_of(tmp_path, "abort")
    failed = trained(group)
    assert [record.status for record in failed] == [RunStatus.FAILED] * 2
    assert "SIGABRT (it aborted itself" in str(failed[0].error)
    assert len(list((tmp_path / "kept").iterdir())) == 2  # one for each run
    done = trained(group)
    assert [record.status for record in done] == [RunStatus.COMPLETED] * 2
    assert [[point.step for point in record.curve] for record in done] == [list(range(1, 9))] * 2
    assert (tmp_path / "taken").stat().st_size == 16  # no step was taken twice
    assert list((tmp_path / "kept").iterdir()) == []


def test_one_that_was_stopped_goes_on_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    group = replace(group_of(tmp_path, "sleep"), members=((0.1, 0),))

    def stop_at_the_fourth(_fraction: float, _best: float | None) -> None:
        if Path("taken").exists() and Path("taken").stat().st_size == 4:
            raise Stopped("the test")

    with pytest.raises(Stopped):
        list(train(group, stop_at_the_fourth))
    [record] = trained(group)
    assert record.status is RunStatus.COMPLETED
    assert Path("taken").stat().st_size == 8


def test_a_folder_that_cannot_be_made_is_told_in_a_line(tmp_path: Path) -> None:
    group = group_of(tmp_path, "abort")
    (tmp_path / "kept").write_text("no folder")
    with pytest.raises(StoreError, match=r"no folder for \{checkpoint\} can be made"):
        trained(group)
