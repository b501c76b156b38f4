"""A disk without room: said in one line; what was stored is there, and it goes on with room."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bsx.data import scratch
from bsx.errors import StoreError
from bsx.render.report.markup import GENERATOR
from bsx.schema import BatchSizes
from bsx.store import Store
from tests import fakes
from tests.faults.appender import SWEEP_ID, unit
from tests.faults.processes import (
    BSX,
    STORE,
    assert_one_line,
    assert_sound,
    curves,
    environment,
)
from tests.here import bsx
from tests.test_store import begun, record

SMALL = ["sweep", "--batch-sizes", "32..256", "--learning-rate", "0.03,0.1", "--seeds", "3",
         "--epochs", "3", "--threads", "1", "--quiet"]  # fmt: skip


def appender(count: int) -> list[str]:
    """The program that stores units and says so."""
    return [sys.executable, "-m", "tests.faults.appender", STORE, "0", str(count)]


def within(kilobytes: int, command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that may make no file larger than so many KiB (RLIMIT_FSIZE)."""
    script = f'ulimit -f {kilobytes} && exec "$@"'
    return subprocess.run(
        ["bash", "-c", script, "bash", *command], cwd=cwd, env=environment(), capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip


def assert_all_told_is_there(folder: Path, out: str) -> int:
    """Assert that every unit that was told to be stored is there; return how many."""
    assert_sound(folder)
    told = [int(line) for line in out.splitlines()]
    with Store(folder) as store:
        runs = {run.run_id: run for run in store.runs(SWEEP_ID)}
    for number in told:
        assert [runs[r.run_id] for r in unit(number)] == unit(number)
    return len(told)


@pytest.mark.parametrize("kilobytes", [84, 92, 100, 108, 116])
def test_a_file_that_may_not_grow_is_one_line_and_keeps_what_was_stored(
    kilobytes: int, tmp_path: Path
) -> None:
    done = within(kilobytes, appender(200), tmp_path)
    assert done.returncode == 3, done.stderr
    assert_one_line(done.stderr)
    assert done.stderr.count("\n") == 1
    assert assert_all_told_is_there(tmp_path / STORE, done.stdout) < 200
    again = within(10_000, appender(200), tmp_path)
    assert again.returncode == 0, again.stderr
    assert assert_all_told_is_there(tmp_path / STORE, again.stdout) == 200


def test_no_room_for_a_new_store_is_one_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for kilobytes in (1, 8, 40):
        done = within(kilobytes, appender(1), tmp_path)
        assert (done.returncode, done.stdout) == (3, ""), done.stderr
        assert_one_line(done.stderr)
        assert [file.name for file in (tmp_path / STORE).iterdir()] == ["bsx.lock"]
    assert within(10_000, appender(1), tmp_path).returncode == 0


def test_a_full_disk_is_one_line_and_there_is_more_when_there_is_room(tmp_path: Path) -> None:
    """On a small disk of its own, where the system lets one be mounted."""
    (tmp_path / STORE).mkdir()
    script = (
        f"mount -t tmpfs -o size=160k none {STORE} || exit 77\n"
        '"$@" >told 2>said; echo $? >code\n'
        f"mount -o remount,size=16m {STORE}\n"
        '"$@" >told-again 2>said-again; echo $? >code-again\n'
        f"cp -r {STORE} kept"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *appender(200)],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("needs the right to mount")
    found = {file.name: file.read_text() for file in tmp_path.iterdir() if file.is_file()}
    assert (found["code"], found["code-again"]) == ("3\n", "0\n")
    assert_one_line(found["said"])
    assert "full" in found["said"]
    assert 0 < assert_all_told_is_there(tmp_path / "kept", found["told"]) < 200
    assert assert_all_told_is_there(tmp_path / "kept", found["told-again"]) == 200


def test_the_same_connection_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        store.append("aaa111", "one", [record()])
        [[pages]] = store._rows("PRAGMA page_count")
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match=r"full; check the folder, its room"):
            for seed in range(1, 200):
                store.append("aaa111", "two", [record(seed=seed, error="x" * 4000)])
        store._db.execute("PRAGMA max_page_count = 1000000")
        before = store.count_runs("aaa111")
        assert before >= 1
        store.append("aaa111", "three", [record(seed=999)])
        assert store.count_runs("aaa111") == before + 1


def test_a_report_on_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path: Path) -> None:
    fakes.run_sweep(tmp_path / STORE, fakes.config(batch_sizes=BatchSizes((8, 64)), seeds=2))
    report = tmp_path / "report.html"
    before = f'<meta name="generator" content="{GENERATOR} 0">the report before'
    report.write_text(before)
    done = within(40, [*BSX, "report", "--output", "report.html"], tmp_path)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert_one_line(done.stderr)
    assert "report.html" in done.stderr
    assert report.read_text() == before
    assert {file.name for file in tmp_path.iterdir()} == {STORE, "report.html"}


def test_data_that_there_is_no_room_to_keep_are_read_by_each_process() -> None:
    there = set(scratch.folder().iterdir())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        scratch.keep("too large", {"inputs": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert scratch.kept("too large") is None
    assert set(scratch.folder().iterdir()) == there


@pytest.mark.slow
def test_a_sweep_on_a_full_disk_ends_with_one_line_and_goes_on_with_room(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    assert bsx(*SMALL, cwd=whole).returncode == 0
    kept = 0
    for kilobytes in (80, 88, 100):
        folder = tmp_path / str(kilobytes)
        folder.mkdir()
        done = within(kilobytes, [*BSX, *SMALL], folder)
        assert done.returncode == 3, done.stderr
        assert_one_line(done.stderr)
        assert_sound(folder / STORE)
        found = curves(folder / STORE)
        kept += len(found)
        assert bsx(*SMALL, cwd=folder).returncode == 0
        assert curves(folder / STORE) == curves(whole / STORE)
        assert found.items() <= curves(whole / STORE).items()
    assert kept
