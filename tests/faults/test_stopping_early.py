"""A sweep that is told to end before anything of it is stored: it says so, and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import bsx as api
from bsx import sweeping
from bsx.errors import Stopped, StoreError
from tests.faults.processes import BSX, environment
from tests.here import QUICK, bsx

# Its import takes a while, and Ctrl-C comes meanwhile.
_INTERRUPTED = """
import os, signal, time
os.kill(os.getpid(), signal.SIGINT)
time.sleep(10)
"""


@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_ctrl_c_while_something_is_imported_is_a_stop_and_no_failing_import(
    kind: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(_INTERRUPTED)
    done = subprocess.run(
        [*BSX, "sweep", f"--{kind}", "mine.py:made", *QUICK],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert done.stderr == "Stopped by Ctrl-C; nothing measured is lost.\n"
    assert done.stdout == ""


def test_stopped_before_the_sweep_is_stored_nothing_is_shown_and_nothing_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "changes", _stopping("Ctrl-C"))
    done = bsx("sweep", *QUICK, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert done.stderr == "Stopped by Ctrl-C; the same command goes on from here.\n"
    assert done.stdout == ""


def test_in_python_patience_that_is_over_is_an_error_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = _stopping("--within: another process still trains the same")
    monkeypatch.setattr("bsx.store.Store.held", over)
    with pytest.raises(StoreError, match=r"^within: another process still trains the same$"):
        api.sweep(
            batch_sizes=[8], steps=4, seeds=1, learning_rate=0.01, executor="inline",
            store=tmp_path, progress=False,
        )  # fmt: skip


def _stopping(why: str) -> Callable[..., None]:
    def stop(*_: object, **__: object) -> None:
        raise Stopped(why)

    return stop
