"""A sweep that is told to end, or whose model hangs: a real program, real signals, real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bsx.store import Store
from tests.faults.processes import BSX, curves, environment
from tests.here import bsx

# Its steps take a while, and are written down; `hang` names a file: with it there, the step that
# comes to its number never ends, and takes the file away first if it is to hang only once.
MODEL = """
import math, pathlib, time
from torch import nn

class Slow(nn.Module):
    def __init__(self, input_shape, output_size):
        super().__init__()
        self.layer = nn.Linear(math.prod(input_shape), output_size)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        if self.training:
            time.sleep(0.002)
            with open("steps", "ab") as file:
                file.write(b".")
            once, always = pathlib.Path("hang-once"), pathlib.Path("hang-always")
            if len(x) == 16 and once.exists():
                once.unlink()
                time.sleep(1000)
            if len(x) == 16 and always.exists():
                time.sleep(1000)
        return self.layer(self.dropout(x.flatten(1)))
"""
SLOW = ["--model", "slow.py:Slow", "--batch-sizes", "16", "--learning-rate", "0.05", "--seeds", "1",
        "--steps", "2400", "--engine", "loop", "--threads", "1", "--workers", "1"]  # fmt: skip
BEFORE_TRAINING = 250  # steps: what is timed beforehand takes fewer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the model in it."""
    (tmp_path / "slow.py").write_text(MODEL)
    return tmp_path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the sweep comes to when nothing happens."""
    made = tmp_path_factory.mktemp("undisturbed")
    (made / "slow.py").write_text(MODEL)
    result = bsx("sweep", *SLOW, "--quiet", cwd=made)
    assert result.returncode == 0, result.stderr
    assert not (made / "bsx-runs" / "checkpoints").exists() or not any(
        (made / "bsx-runs" / "checkpoints").iterdir()
    )
    return curves(made / "bsx-runs")


# Whoever runs the tests under nohup ignores SIGHUP, and so would what they start.
HEARING = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])",
]


def started(folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start the sweep in a session of its own."""
    return subprocess.Popen(
        [*HEARING, *BSX, "sweep", *SLOW, *more], cwd=folder, env=environment(),
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def steps(folder: Path) -> int:
    """How many training steps were taken."""
    file = folder / "steps"
    return file.stat().st_size if file.exists() else 0


def wait_for_training(folder: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the run is well on its way."""
    until = time.monotonic() + 300
    while steps(folder) < BEFORE_TRAINING + 400:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until, "the training did not begin"
        time.sleep(0.02)


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints there are."""
    return list((folder / "bsx-runs" / "checkpoints").rglob("*.checkpoint"))


@pytest.mark.parametrize(
    "name",
    [
        "SIGTERM",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("SIGINT", "SIGHUP", "SIGUSR1")),
    ],
)
def test_told_to_end_it_keeps_the_state_of_the_run_and_exits_4(
    name: str, folder: Path, undisturbed: dict[str, Any]
) -> None:
    process = started(folder)
    wait_for_training(folder, process)
    # To every process of the group, as a terminal and some schedulers send it.
    os.killpg(process.pid, getattr(signal, name))
    _, err = process.communicate(timeout=240)
    assert process.returncode == 4, err
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert len(checkpoints(folder)) == 1
    taken = steps(folder)
    result = bsx("sweep", *SLOW, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert curves(folder / "bsx-runs") == undisturbed
    assert steps(folder) - taken < 2400 - 300  # most of the run was not trained again
    assert checkpoints(folder) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_told_twice_it_ends_at_once(name: str, code: int, folder: Path) -> None:
    process = started(folder)
    wait_for_training(folder, process)
    os.kill(process.pid, signal.SIGSTOP)  # so that both are heard before it can end by the first
    os.kill(process.pid, getattr(signal, name))
    os.kill(process.pid, signal.SIGCONT)
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        os.kill(process.pid, getattr(signal, name))
        time.sleep(0.005)
    process.communicate(timeout=120)
    assert process.returncode in (code, 4)  # 4: the first was done before the second came


@pytest.mark.slow
def test_under_nohup_a_closed_terminal_is_not_heard(folder: Path) -> None:
    program = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
        "os.execv(sys.executable, [sys.executable, '-m', 'bsx', 'sweep', *sys.argv[1:]])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, *SLOW, "--quiet"], cwd=folder, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for_training(folder, process)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err


@pytest.mark.slow
def test_a_model_that_hangs_once_is_ended_tried_again_and_told_of(
    folder: Path, undisturbed: dict[str, Any]
) -> None:
    process = started(folder, "--hang-timeout", "8s")
    wait_for_training(folder, process)
    (folder / "hang-once").touch()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "no sign of life for 8 seconds" in err
    assert "trying again" in err
    assert curves(folder / "bsx-runs") == undisturbed
    with Store(folder / "bsx-runs") as store:
        outcomes = [outcome for _, outcome in store.attempts()]
    assert outcomes.count("failed") == 1


@pytest.mark.slow
def test_a_model_that_always_hangs_is_given_up_and_told_of(folder: Path) -> None:
    process = started(folder, "--hang-timeout", "8s")
    wait_for_training(folder, process)
    (folder / "hang-always").touch()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 5, err
    assert err.count("no sign of life for 8 seconds") >= 2
    assert "failed" in out
    assert "Traceback" not in err
