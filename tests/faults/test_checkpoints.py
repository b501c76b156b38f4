"""Checkpoints under crashes, damage, a full disk and a disk that cannot be trusted.

The process that writes is a real one, and is killed by SIGKILL at each of its system calls in turn.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bsx.train.checkpoint import Checkpoints

KEY = "unit"
# For each line of stdin a process, forked from one that has torch imported: it writes checkpoint 1,
# then checkpoint 2, of whose calls the one numbered in the line is the last; the word says whether
# the process dies before it, after it, or halfway through writing. Told: calls, where it came to
# the end of them, and the exit code.
WRITER = """
import os, pathlib, signal, sys
from tests.faults.test_checkpoints import saved

def write(folder, last, when):
    saved(folder, 1)
    calls = 0

    def watched(place, name):
        real = getattr(place, name)
        def call(*args, **options):
            nonlocal calls
            calls += 1
            if calls == last and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            if calls == last and when == "halfway" and name == "write":
                real(args[0], bytes(args[1])[: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return real(*args, **options)
            finally:
                if calls == last and when == "after":
                    os.kill(os.getpid(), signal.SIGKILL)
        setattr(place, name, call)

    for name in ("open", "write", "fsync", "close", "replace", "rename", "unlink", "mkdir"):
        watched(os, name)
    saved(folder, 2)
    return calls

for line in sys.stdin:
    last, when, folder = line.rstrip().split(" ", 2)
    child = os.fork()
    if child == 0:
        print(write(folder, int(last), when), end=" ", flush=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def state(number: int) -> dict[str, object]:
    """Return the state of checkpoint ``number``."""
    return {"step": number, "weights": {"layer": torch.full((100, 100), float(number))}}


def saved(folder: str | Path, number: int) -> None:
    """Write checkpoint ``number``."""
    Checkpoints(folder, KEY).save(state(number))


def step_of(folder: Path) -> int | None:
    """Return which checkpoint is taken up, after seeing that it is whole."""
    found = Checkpoints(folder, KEY).load().state
    if found is None:
        return None
    number = int(found["step"])
    assert torch.equal(found["weights"]["layer"], torch.full((100, 100), float(number)))
    return number


def written(*asked: tuple[Path, int, str]) -> list[list[int]]:
    """Write two checkpoints for each folder, in a process that ends at a call of the second."""
    lines = "".join(f"{last} {when} {folder}\n" for folder, last, when in asked)
    done = subprocess.run([sys.executable, "-c", WRITER], input=lines, capture_output=True,
                          text=True, check=True)  # fmt: skip
    return [[int(word) for word in line.split()] for line in done.stdout.splitlines()]


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    saved(tmp_path, 2)
    assert step_of(tmp_path) == 2


def test_there_is_nothing_to_take_up_where_nothing_was_saved(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "none", KEY).load().state is None


def test_only_the_newest_two_are_kept(tmp_path: Path) -> None:
    for number in range(6):
        saved(tmp_path, number)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_unit_sees_its_own_checkpoints_only(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    assert Checkpoints(tmp_path, "another").load().state is None


def test_nothing_is_left_of_a_unit_that_is_done(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    (tmp_path / f"{KEY}.000001.part").write_bytes(b"half")
    Checkpoints(tmp_path, KEY).clear()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_after_a_crash_at_any_call_the_old_or_the_new_one_loads(tmp_path: Path) -> None:
    [[calls, _]] = written((tmp_path / "whole", 0, "never"))
    assert calls >= 8  # opened, written twice, synced, closed, renamed, and the folder's three
    asked = [
        (tmp_path / f"{when}-{last}", last, when)
        for when in ("before", "halfway", "after")
        for last in range(1, calls + 1)
    ]
    found = set()
    for (folder, _, when), told in zip(asked, written(*asked), strict=True):
        if when != "halfway":
            assert told == [-signal.SIGKILL]
        step = step_of(folder)
        assert step in (1, 2)
        found.add(step)
        saved(folder, 3)  # and what the crash left is no hindrance
        assert step_of(folder) == 3
    assert found == {1, 2}


def test_a_checkpoint_is_synced_before_it_takes_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, 1)
    told: list[str] = []

    def watch(place: object, name: str) -> None:
        real = getattr(place, name)

        def call(*args: object, **options: object) -> object:
            told.append(name)
            return real(*args, **options)

        monkeypatch.setattr(place, name, call)

    for place, name in ((os, "fsync"), (os, "close"), (Path, "replace")):
        watch(place, name)
    saved(tmp_path, 2)
    assert told == ["fsync", "close", "replace", "fsync", "close"]


@pytest.mark.parametrize("length", [0, 1, 16, 17, 40, 57, 200, 20_000, -1])
def test_a_truncated_checkpoint_is_passed_over_for_the_one_before(
    tmp_path: Path, length: int
) -> None:
    saved(tmp_path, 1)
    saved(tmp_path, 2)
    newest = max(tmp_path.iterdir())
    newest.write_bytes(newest.read_bytes()[:length])
    found = Checkpoints(tmp_path, KEY).load()
    assert found.state is not None and found.state["step"] == 1
    assert found.damaged == (newest,)


def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    drawn = random.Random(0)
    for place in [*range(60), *(drawn.randrange(len(whole)) for _ in range(300))]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << drawn.randrange(8)
        path.write_bytes(bytes(flipped))
        found = Checkpoints(tmp_path, KEY).load()
        assert found.state is None and found.damaged == (path,)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "made"),)

    Checkpoints(tmp_path, KEY).save({"step": 1, "of": Hostile()})
    assert Checkpoints(tmp_path, KEY).load().state is None
    assert not (tmp_path / "made").exists()


def test_a_failing_sync_leaves_the_one_before_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, 1)

    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="Input/output"):
            saved(tmp_path, 2)
    assert step_of(tmp_path) == 1
    assert not list(tmp_path.glob("*.part"))


def test_a_full_disk_leaves_the_one_before(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: writing past it fails alike."""
    saved(tmp_path, 1)
    program = (
        "import resource, signal, sys; from tests.faults.test_checkpoints import saved\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "saved(sys.argv[1], 2)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "File too large" in done.stderr
    assert step_of(tmp_path) == 1
    saved(tmp_path, 2)  # there is room again
    assert step_of(tmp_path) == 2
