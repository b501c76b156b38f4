"""SIGKILL: of the coordinator at any moment, of a worker, of everything at once."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bsx.store import Store
from tests.faults import warm
from tests.faults.appender import SWEEP_ID, unit
from tests.faults.processes import (
    BSX,
    SLOW,
    STORE,
    assert_sound,
    attempts,
    curves,
    descendants,
    kill_group,
    processes,
    slow_model,
    started,
    wait_until,
)
from tests.here import bsx

KILLS = int(os.environ.get("BSX_KILLS", "60"))
SMALL = ["--batch-sizes", "64,256", "--learning-rate", "0.03,0.1", "--seeds", "3", "--epochs", "2",
         "--threads", "1", "--quiet"]  # fmt: skip


def stored(folder: Path) -> list[Any]:
    """What the appender stored."""
    if not Store.exists(folder):
        return []
    with Store(folder) as store:
        return store.runs(SWEEP_ID)


def test_what_was_told_to_be_stored_is_there_when_its_program_is_killed(tmp_path: Path) -> None:
    moments = random.Random(0)
    told: set[int] = set()
    folder = tmp_path / STORE
    for _ in range(10):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.appender", str(folder), str(len(told)), "100000"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        told.add(int(process.stdout.readline()))
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        told.update(int(line) for line in process.stdout if line.endswith("\n"))
        process.wait()
        process.stdout.close()
        assert_sound(folder)
        runs = {run.run_id: run for run in stored(folder)}
        for number in told:
            assert all(runs[record.run_id] == record for record in unit(number))
        assert len(runs) in (2 * len(told), 2 * len(told) + 2)  # the last may not have been told
        told = set(range(len(runs) // 2))


def test_nothing_half_made_is_left_when_the_store_is_made(tmp_path: Path) -> None:
    moments = random.Random(1)
    for number in range(10):
        folder = tmp_path / str(number)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.appender", str(folder), "0", "0"]
        )
        wait_until(folder.exists)
        time.sleep(moments.uniform(0, 0.02))
        process.kill()
        process.wait()
        Store(folder, create=True).close()
        assert_sound(folder)
        left = {file.name: file.read_bytes() for file in folder.iterdir()}
        # killed as it begins to write to the store it has made, SQLite leaves a journal that says
        # nothing yet, and takes it for the next
        assert not left.pop("bsx.sqlite3-journal", b"").startswith(b"\xd9\xd5\x05\xf9")
        assert left.keys() <= {"bsx.sqlite3", "bsx.lock"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the small sweep comes to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    result = bsx("sweep", *SMALL, "--executor", "inline", cwd=folder)
    assert result.returncode == 0, result.stderr
    return curves(folder / STORE)


@pytest.mark.slow
@pytest.mark.parametrize(("executor", "kills"), [("inline", KILLS), ("workers", KILLS // 10)])
def test_a_coordinator_killed_at_any_moment_has_lost_nothing(
    executor: str, kills: int, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    args = ["sweep", *SMALL, "--executor", executor]
    moments, seconds = random.Random(kills), _seconds(args, tmp_path)
    killed = resumed = 0
    folders = (tmp_path / f"sweep-{number}" for number in itertools.count())
    folder = next(folders)
    folder.mkdir()
    while killed < kills:
        process = warm.started(args, folder)
        process.join(moments.uniform(0, 1.1) * seconds)
        before = curves(folder / STORE)
        process.kill()
        process.join()
        assert_sound(folder / STORE)
        after = curves(folder / STORE)
        assert before.items() <= after.items() <= undisturbed.items()
        killed += process.exitcode == -signal.SIGKILL
        resumed += process.exitcode != 0 and bool(after)
        if process.exitcode == 0:
            assert after == undisturbed
            folder = next(folders)
            folder.mkdir()
        else:
            assert process.exitcode == -signal.SIGKILL, (folder / "err").read_text()
    last = warm.started(args, folder)
    last.join()
    assert last.exitcode == 0
    assert curves(folder / STORE) == undisturbed
    # The moments were spread over the sweep; few of them may all come before its first record.
    assert kills < 20 or resumed >= killed / 5
    print(f"{killed} kills, {resumed} of them with results already stored")


def _seconds(args: list[str], tmp_path: Path) -> float:
    """Return how long the sweep takes; the first knows not yet which engine is quickest."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        begun = time.monotonic()
        process = warm.started(args, tmp_path / name)
        process.join()
        assert process.exitcode == 0, (tmp_path / name / "err").read_text()
    return time.monotonic() - begun


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A folder with a slow model in it."""
    return slow_model(tmp_path)


@pytest.fixture
def training(slow: Path) -> Iterator[subprocess.Popen[str]]:
    """A sweep whose two batch sizes train side by side."""
    process = started(*BSX, *SLOW, "--quiet", cwd=slow)
    try:
        wait_until(lambda: len(_workers(slow)) == 2, what="training")
        assert process.poll() is None
        yield process
    finally:
        kill_group(process)


def _workers(folder: Path) -> dict[int, int]:
    """Return the two processes that train side by side, by batch size.

    What is timed has the machine to itself, and what is foretold is measured in one process.
    """
    files = {size: folder / f"pid-{size}" for size in (16, 32)}
    pids = {size: int(file.read_text()) for size, file in files.items() if file.exists()}
    both = set(pids.values())
    return pids if len(both) == 2 and both <= set(processes()) else {}


@pytest.mark.slow
def test_a_killed_worker_takes_its_own_attempt_along_and_no_other(
    slow: Path, training: subprocess.Popen[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    os.kill(_workers(slow)[16], signal.SIGKILL)
    (slow / "slowly").unlink()
    training.communicate(timeout=300)
    assert training.returncode == 0
    outcomes: dict[str, list[str | None]] = {}
    for known_by, outcome in attempts(slow / STORE):
        outcomes.setdefault(known_by, []).append(outcome)
    assert sorted(outcomes.values(), key=str) == [["done"]] * 5 + [["failed", "done"]]
    whole = slow_model(tmp_path_factory.mktemp("whole"))
    (whole / "slowly").unlink()
    assert bsx(*SLOW, "--quiet", cwd=whole).returncode == 0
    assert curves(slow / STORE) == curves(whole / STORE)


@pytest.mark.slow
@pytest.mark.parametrize("of", ["coordinator", "group"])
def test_no_process_outlives_what_was_killed_and_the_same_command_goes_on(
    slow: Path, training: subprocess.Popen[str], of: str
) -> None:
    others = descendants(training.pid)
    assert set(_workers(slow).values()) <= set(others)
    (os.killpg if of == "group" else os.kill)(training.pid, signal.SIGKILL)
    wait_until(lambda: not set(others) & set(processes()), what="the end of the workers")
    wait_until(
        lambda: not [pid for pid, (_, group) in processes().items() if group == training.pid],
        what="the end of the group",  # one that was being started is no descendant yet
    )
    kept = curves(slow / STORE)
    (slow / "slowly").unlink()
    result = bsx(*SLOW, "--quiet", cwd=slow)
    assert result.returncode == 0, result.stderr
    finished = curves(slow / STORE)
    assert len(finished) == 6
    assert kept.items() <= finished.items()
