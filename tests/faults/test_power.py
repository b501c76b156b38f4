"""Power cuts and disks on which synchronizing fails: what was told to be stored is there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bsx.store import Store
from tests.faults.appender import SWEEP_ID, unit
from tests.faults.processes import (
    BSX,
    FILE,
    STORE,
    assert_one_line,
    assert_sound,
    curves,
    environment,
)
from tests.here import bsx

SMALL = ["--batch-sizes", "64,256", "--learning-rate", "0.1", "--seeds", "3", "--epochs", "1",
         "--threads", "1"]  # fmt: skip


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that keeps what a power cut would leave."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler and Linux")
    library = tmp_path_factory.mktemp("disk") / "disk.so"
    source = Path(__file__).with_name("disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def appended(
    disk: Path, folder: Path, count: int, **more: str
) -> tuple[subprocess.CompletedProcess[str], dict[int, int]]:
    """Store some units; return the process, and after how many synchronizations each was told."""
    kept = folder / "disk"
    kept.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.appender", STORE, "0", str(count)],
        cwd=folder, capture_output=True, text=True, timeout=240,
        env=environment(LD_PRELOAD=str(disk), DISK_FROM=str(folder / STORE), DISK_TO=str(kept),
                        **more),
    )  # fmt: skip
    told = dict(tuple(map(int, line.split())) for line in done.stdout.splitlines())
    return done, told


def power_cut(state: Path, folder: Path) -> Path:
    """Return a folder as it is found after the power was cut."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = state / "names"
    for line in names.read_text().splitlines() if names.exists() else ():
        inode, _, name = line.partition(" ")
        kept = state / f"i{inode}"
        (folder / name).write_bytes(kept.read_bytes() if kept.exists() else b"")
    return folder


def assert_all_that_was_told_is_there(kept: Path, told: dict[int, int], folder: Path) -> int:
    """Cut the power after every synchronization; return how often that was."""
    states = sorted(int(state.name) for state in kept.iterdir())
    for number in states:
        found = power_cut(kept / str(number), folder)
        safe = [record for n, after in told.items() if after <= number for record in unit(n)]
        if not Store.exists(found):
            assert not safe
            continue
        assert_sound(found)
        with Store(found) as store:
            runs = {run.run_id: run for run in store.runs(SWEEP_ID)}
        assert [runs.get(record.run_id) for record in safe] == safe, f"after {number}"
        assert len(runs) % 2 == 0  # of a unit all or none
    return len(states)


def test_after_a_power_cut_all_that_was_told_to_be_stored_is_there(
    disk: Path, tmp_path: Path
) -> None:
    done, told = appended(disk, tmp_path, 8)
    assert done.returncode == 0, done.stderr
    assert list(told) == list(range(8))
    cuts = assert_all_that_was_told_is_there(tmp_path / "disk", told, tmp_path / "found")
    assert cuts >= 8 * 3
    print(f"{cuts} power cuts")


@pytest.mark.slow
def test_where_synchronizing_fails_nothing_is_told_that_is_not_safe(
    disk: Path, tmp_path: Path
) -> None:
    assert appended(disk, tmp_path / "whole", 2)[0].returncode == 0
    most = len(list((tmp_path / "whole" / "disk").iterdir()))
    refused = cuts = 0
    for number in range(1, most + 1):
        folder = tmp_path / str(number)
        done, told = appended(disk, folder, 2, DISK_FAILS_AT=str(number))
        # SQLite takes no notice where the folder is not synchronized for a new journal; it is
        # synchronized again when the journal is deleted.
        assert done.returncode in (0, 3), done.stderr
        if done.returncode:
            refused += 1
            assert_one_line(done.stderr)
            assert len(told) < 2
        cuts += assert_all_that_was_told_is_there(folder / "disk", told, folder / "found")
        assert_sound(folder / STORE)
        shutil.rmtree(folder / "disk")
        again, told = appended(disk, folder, 2)  # on a disk that works
        assert (again.returncode, len(told)) == (0, 2), again.stderr
    assert refused >= most / 2
    print(f"{most} failures, {refused} of them told, and {cuts} power cuts")


@pytest.mark.slow
def test_a_sweep_on_a_failing_disk_ends_with_one_line_and_goes_on_on_a_good_one(
    disk: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    assert bsx("sweep", *SMALL, "--quiet", cwd=whole).returncode == 0
    for number in (3, 12, 20):
        folder = tmp_path / str(number)
        (folder / "disk").mkdir(parents=True)
        done = subprocess.run(
            [*BSX, "sweep", *SMALL, "--quiet"], cwd=folder, capture_output=True, text=True,
            env=environment(LD_PRELOAD=str(disk), DISK_FROM=str(folder / FILE),
                            DISK_TO=str(folder / "disk"), DISK_FAILS_AT=str(number),
                            DISK_ALL_FAIL="1"),
        )  # fmt: skip
        assert done.returncode == 3, done.stderr
        assert_one_line(done.stderr)
        assert_sound(folder / STORE)
        kept = curves(folder / STORE)
        assert bsx("sweep", *SMALL, "--quiet", cwd=folder).returncode == 0
        finished = curves(folder / STORE)
        assert finished == curves(whole / STORE)
        assert kept.items() <= finished.items()
