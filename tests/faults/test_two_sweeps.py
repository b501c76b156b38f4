"""Two programs on one store: no work is done twice, nobody is in the way of who reads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bsx.errors import Stopped
from bsx.schema import Run
from bsx.store import Store
from bsx.store.lock import Lock
from tests.faults.appender import RECIPE, SWEEP_ID, begin, record
from tests.faults.processes import (
    BSX,
    SLOW,
    STORE,
    assert_sound,
    attempts,
    curves,
    environment,
    kill_group,
    slow_model,
    started,
    wait_until,
)

READ_SECONDS = float(os.environ.get("BSX_READ_SECONDS", "10"))
SMALL = ["sweep", "--batch-sizes", "16,64", "--learning-rate", "0.03,0.1", "--seeds", "3",
         "--epochs", "4", "--threads", "1", "--engine", "lanes"]  # fmt: skip
OTHER = [*SMALL, "--model-arg", "hidden=32"]

# Holds the lock of a recipe until it is told to let go, or ended.
HOLDER = """
import sys
from pathlib import Path
from bsx.store import Store
from tests.faults.appender import RECIPE
with Store(Path(sys.argv[1]), create=True) as store, store.held([RECIPE], print):
    print("held", flush=True)
    sys.stdin.readline()
"""
READER = """
import sys, time
from pathlib import Path
from bsx.store import Store
from tests.faults.appender import SWEEP_ID, record
until, seen, reads = time.monotonic() + float(sys.argv[2]), 0, 0
while time.monotonic() < until:
    with Store(Path(sys.argv[1])) as store:
        runs = store.runs(SWEEP_ID) if store.sweeps() else []
        count = store.count_runs(SWEEP_ID)
    seeds = [run.run.seed for run in runs]
    assert len(runs) % 2 == 0, "half a unit"
    assert seeds == list(range(len(seeds))), "a gap"
    assert seen <= len(runs) <= count, "what was there is gone"
    assert all(run == record(run.run.seed) for run in runs[-4:])
    seen, reads = len(runs), reads + 1
print(reads, seen)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Start a program that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder], env=environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_who_waits_is_told_who_holds_the_lock_and_goes_on_when_it_is_free(tmp_path: Path) -> None:
    process = holder(tmp_path)
    said: list[str] = []

    def told(line: str) -> None:
        said.append(line)
        process.communicate("let go\n")

    with Store(tmp_path, create=True) as store, store.held([RECIPE], told):
        assert f"Process {process.pid} on " in said[0]
        assert "waiting for it" in said[0]
    assert len(said) == 1


def test_a_lock_ends_with_its_process_however_that_ended(tmp_path: Path) -> None:
    for _ in range(5):
        process = holder(tmp_path)
        process.kill()
        process.communicate()
        with Store(tmp_path, create=True) as store, store.held([RECIPE], pytest.fail):
            pass


def test_patience_ends_the_waiting(tmp_path: Path) -> None:
    process = holder(tmp_path)
    with (
        Store(tmp_path, create=True) as store,
        pytest.raises(Stopped, match=f"Process {process.pid} on"),
        store.held([RECIPE], lambda _: None, patience=0.5),
    ):
        pytest.fail("the lock is not free")
    process.communicate("let go\n")


def test_other_recipes_are_not_waited_for(tmp_path: Path) -> None:
    process = holder(tmp_path)
    other = replace(RECIPE, batch_size=999)
    with Store(tmp_path, create=True) as store:
        with store.held([other], pytest.fail):
            pass
        lock = Lock(tmp_path / "bsx.lock", [])
        assert lock.take() is None
        lock.release()
    process.communicate("let go\n")


@pytest.mark.slow
def test_of_two_sweeps_of_one_question_each_run_is_trained_by_one(tmp_path: Path) -> None:
    both = [started(*BSX, *SMALL, cwd=tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0]  # they come to one answer
    errors = [err for _, err in said]
    assert not any("Traceback" in err for err in errors)
    assert sum("waiting for it" in err for err in errors) == 1
    assert sum("stored already" in err for err in errors) == 1
    assert set(Counter(attempts(tmp_path / STORE)).values()) == {1}
    assert len(curves(tmp_path / STORE)) == 12
    assert_sound(tmp_path / STORE)


@pytest.fixture
def training(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A sweep that trains for long, unless the file ``slowly`` goes."""
    slow_model(tmp_path)
    process = started(*BSX, *SLOW, cwd=tmp_path)
    try:
        wait_until((tmp_path / STORE / "bsx.sqlite3").exists)
        wait_until(lambda: attempts(tmp_path / STORE), what="the first unit")
        yield process
    finally:
        kill_group(process)


def waiting(first: subprocess.Popen[str], folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start another, which comes to wait for the first."""
    second = started(*BSX, *SLOW, *more, cwd=folder)
    assert second.stderr is not None
    line = second.stderr.readline()
    assert f"Process {first.pid} on " in line, line
    assert "waiting for it" in line
    return second


@pytest.mark.slow
def test_who_waits_takes_over_from_one_that_is_killed(
    tmp_path: Path, training: subprocess.Popen[str]
) -> None:
    second = waiting(training, tmp_path)
    training.kill()
    (tmp_path / "slowly").unlink()
    _, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
    assert len(curves(tmp_path / STORE)) == 6
    assert_sound(tmp_path / STORE)


@pytest.mark.slow
def test_a_sweep_with_more_seeds_waits_and_trains_only_what_is_new(
    tmp_path: Path, training: subprocess.Popen[str]
) -> None:
    second = waiting(training, tmp_path, "--seeds", "4")
    (tmp_path / "slowly").unlink()
    _, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
    assert "2 runs to train" in err
    assert len(curves(tmp_path / STORE)) == 8


@pytest.mark.slow
def test_waiting_is_ended_by_ctrl_c(tmp_path: Path, training: subprocess.Popen[str]) -> None:
    second = waiting(training, tmp_path)
    second.send_signal(signal.SIGINT)
    _, err = second.communicate(timeout=240)
    assert second.returncode == 4
    assert "Traceback" not in err
    assert training.poll() is None


@pytest.mark.slow
def test_two_questions_are_worked_on_side_by_side(tmp_path: Path) -> None:
    both = [started(*BSX, *args, cwd=tmp_path) for args in (SMALL, OTHER)]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert not any("waiting" in err or "Traceback" in err for _, err in said)
    with Store(tmp_path / STORE) as store:
        assert [store.count_runs(sweep.sweep_id) for sweep in store.sweeps()] == [12, 12]


@pytest.mark.slow
def test_readers_see_whole_units_and_never_keep_the_writer_from_writing(tmp_path: Path) -> None:
    Store(tmp_path, create=True).close()
    command = [sys.executable, "-m", "tests.faults.appender", str(tmp_path), "0", "0", "--seconds"]
    writer = started(*command, str(READ_SECONDS), cwd=tmp_path)
    readers = [
        started(sys.executable, "-c", READER, str(tmp_path), str(READ_SECONDS), cwd=tmp_path)
        for _ in range(3)
    ]
    written, err = writer.communicate(timeout=READ_SECONDS + 240)
    assert writer.returncode == 0, err
    reads = 0
    for reader in readers:
        out, err = reader.communicate(timeout=240)
        assert reader.returncode == 0, err
        times, seen = map(int, out.split())
        assert times and seen
        reads += times
    units = len(written.splitlines())
    with Store(tmp_path) as store:
        assert store.count_runs(SWEEP_ID) == 2 * units
    assert_sound(tmp_path)
    print(f"{units} writes, {reads} reads")


def test_two_programs_may_write_to_one_store(tmp_path: Path) -> None:
    with Store(tmp_path, create=True) as one, Store(tmp_path, create=True) as other:
        begin(one)
        one.append(SWEEP_ID, "one", [record(0)])
        other.append(SWEEP_ID, "two", [record(1)])
        assert one.runs(SWEEP_ID) == other.runs(SWEEP_ID) == [record(0), record(1)]


def test_a_run_of_another_recipe_that_is_stored_between_two_looks_is_no_damage(
    tmp_path: Path,
) -> None:
    with Store(tmp_path, create=True) as one, Store(tmp_path, create=True) as other:
        begin(one)
        one.append(SWEEP_ID, "one", [record(0)])
        later = replace(record(1), run=Run(replace(RECIPE, batch_size=32), 0.1, 1))

        def just_before(statement: str) -> None:
            if "FROM runs" in statement:
                other.append(SWEEP_ID, "two", [later])

        one._db.set_trace_callback(just_before)
        found = one.runs(SWEEP_ID)
        one._db.set_trace_callback(None)
        assert other.runs(SWEEP_ID) == [record(0), later]
    assert found in ([record(0)], [record(0), later])


def test_a_store_is_shown_while_a_sweep_holds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bsx.cli.app import run

    with Store(tmp_path, create=True) as store:
        begin(store)
        store.append(SWEEP_ID, "one", [record(0)])
    process = holder(tmp_path)
    assert run(["list", "sweeps", "--store", str(tmp_path), "--format", "csv"]) == 0
    assert SWEEP_ID in capsys.readouterr().out
    process.communicate("let go\n")
