"""Real programs: started, watched from outside, and ended in every way there is."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bsx.store import Store

ROOT = Path(__file__).parents[2]
BSX = [sys.executable, "-m", "bsx"]
STORE = "bsx-runs"
FILE = "bsx-runs/bsx.sqlite3"

# Training writes down in which process it is; while there is a file `slowly`, steps take a while.
_MODEL = """
import math, os, pathlib, time
from torch import nn

class Slow(nn.Module):
    def __init__(self, input_shape, output_size):
        super().__init__()
        self.layer = nn.Linear(math.prod(input_shape), output_size)
        self.is_tried = False

    def forward(self, x):
        if self.training and not self.is_tried:  # by the sweep, before it has a model trained
            self.is_tried = True
        elif self.training and pathlib.Path("slowly").exists():
            pathlib.Path(f"{os.getpid()}").write_text(str(os.getpid()))
            os.replace(f"{os.getpid()}", f"pid-{len(x)}")
            time.sleep(0.04)
        return self.layer(x.flatten(1))
"""
SLOW = ["sweep", "--model", "slow.py:Slow", "--batch-sizes", "16,32", "--learning-rate", "0.05",
        "--seeds", "3", "--steps", "800", "--engine", "loop", "--threads", "1",
        "--workers", "2"]  # fmt: skip


def environment(**more: str) -> dict[str, str]:
    """The environment of a program, without settings of bsx that happen to be there."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BSX_") and k != "COLUMNS"}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def bsx(
    *args: str, cwd: Path, timeout: float = 300, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run bsx to its end."""
    return subprocess.run(
        [*BSX, *args], cwd=cwd, env=environment(**env), capture_output=True, text=True,
        timeout=timeout,
    )  # fmt: skip


def started(*command: str, cwd: Path, **env: str) -> subprocess.Popen[str]:
    """Start a program in a process group of its own."""
    return subprocess.Popen(
        command, cwd=cwd, env=environment(**env), start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def slow_model(folder: Path) -> Path:
    """Put the slow model into a folder, slow at first."""
    (folder / "slow.py").write_text(_MODEL)
    (folder / "slowly").touch()
    return folder


def kill_group(process: subprocess.Popen[str]) -> None:
    """End the process and all of its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def curves(store: Path) -> dict[str, Any]:
    """What was learned of the newest sweep, clocks aside; nothing where there is none yet."""
    if not Store.exists(store):
        return {}
    with Store(store) as opened:
        sweeps = opened.sweeps()
        records = opened.runs(sweeps[-1].sweep_id) if sweeps else []
    return {
        record.run_id: (
            record.status,
            record.final,
            record.stopped_at,
            # repr: equal to the bit, and NaN is NaN
            repr([(p.step, p.train_loss, p.validation_loss, p.metrics) for p in record.curve]),
        )
        for record in records
    }


def attempts(store: Path) -> list[tuple[str, str | None]]:
    """What was tried, and what came of it."""
    with Store(store) as opened:
        return opened.attempts()


def assert_sound(store: Path) -> None:
    """Assert that SQLite finds nothing wrong with the file, by all that it can check."""
    if not Store.exists(store):
        return
    Store(store, create=True).close()  # as the next sweep does: what was cut off is undone first
    with contextlib.closing(sqlite3.connect(store / "bsx.sqlite3")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def assert_one_line(err: str) -> None:
    """Assert that what went wrong was said once, in a line."""
    assert "Traceback" not in err, err
    assert err.count("bsx: error:") == 1, err


def wait_until(true: Callable[[], object], seconds: float = 300, what: str = "it") -> None:
    """Wait for something to come true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)


def wait_for_runs(store: Path, least: int) -> None:
    """Wait until so many runs are stored."""
    wait_until(lambda: len(curves(store)) >= least, what=f"run {least}")


def processes() -> Mapping[int, tuple[int, int]]:
    """Return (parent, group) of every process that lives, by its number."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for line in listed.splitlines():
        pid, parent, group, state = line.split()
        if not state.startswith("Z"):
            found[int(pid)] = int(parent), int(group)
    return found


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that these did."""
    parents, found, frontier = processes(), [], [pid]
    while frontier:
        frontier = [child for child, (parent, _) in parents.items() if parent in frontier]
        found += frontier
    return found
