"""The program run in this process: a subprocess each would take longer than the sweeps do."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from bsx.cli.app import run
from tests.faults.processes import environment

# Two sizes, of which one has a tail, and enough steps for a rate to matter.
QUICK = ["--batch-sizes", "5,8", "--steps", "4", "--seeds", "2", "--learning-rate", "0.01",
         "--threads", "1", "--executor", "inline"]  # fmt: skip


def bsx(*args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run bsx to its end as :func:`tests.faults.processes.bsx` does, but in this process.

    Whoever writes, also by the descriptor or from a worker, is heard. What is timed is timed
    shortly where it runs in this process.
    """
    before, inside, folder = dict(os.environ), environment(**env), Path.cwd()
    with pytest.MonkeyPatch.context() as patch, _caught(1) as out, _caught(2) as err:
        time_shortly(patch)
        try:
            os.environ.clear()
            os.environ.update(inside)
            os.chdir(cwd)
            code = run(args)
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)
    return subprocess.CompletedProcess(args, code, *(_read(file) for file in (out, err)))


@contextlib.contextmanager
def _caught(number: int) -> Iterator[IO[bytes]]:
    """Let what goes to stdout or stderr go to a file."""
    name = {1: "stdout", 2: "stderr"}[number]
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
    stream, kept = getattr(sys, name), os.dup(number)
    stream.flush()
    os.dup2(file.fileno(), number)
    with open(number, "w", encoding="utf-8", closefd=False) as text:
        setattr(sys, name, text)
        try:
            yield file
        finally:
            text.flush()
            setattr(sys, name, stream)
            os.dup2(kept, number)
            os.close(kept)


def _read(file: IO[bytes]) -> str:
    with file:
        file.seek(0)
        return file.read().decode()


def document(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return what a command that must have succeeded printed as JSON."""
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def time_shortly(patch: pytest.MonkeyPatch) -> None:
    """Let nothing be timed for long in this process."""
    patch.setattr("bsx.measure.speed.DRAW_SECONDS", 0.001)
    patch.setattr("bsx.measure.speed.WARM_UP_SECONDS", 0.001)


@dataclass
class Shell:
    """A folder in which commands are run."""

    folder: Path
    _captured: pytest.CaptureFixture[str]

    def bsx(self, *args: str) -> tuple[int, str, str]:
        """Run a command; return its exit code and what it wrote to stdout and stderr."""
        self._captured.readouterr()
        code = run(list(args))
        out, err = self._captured.readouterr()
        return code, out, err

    def swept(self, *args: str) -> dict[str, Any]:
        """Run a quick sweep that must succeed; return its document."""
        code, out, err = self.bsx("sweep", *QUICK, *args, "--format", "json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out, parse_constant=_refuse)
        return found


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Shell:
    """A shell in an empty folder, where nothing is timed for long."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("BSX_")]:
        monkeypatch.delenv(name)
    time_shortly(monkeypatch)
    return Shell(tmp_path, capfd)


def numbers(document: Any) -> Iterator[float]:
    """Yield every number in a document."""
    if isinstance(document, dict | list):
        for part in document.values() if isinstance(document, dict) else document:
            yield from numbers(part)
    elif isinstance(document, float | int):
        yield document


def assert_trained(document: dict[str, Any]) -> None:
    """Assert that every size was trained to its end, was measured, and every number is one."""
    assert all(map(math.isfinite, numbers(document)))
    assert document["status"] == "complete"
    for row in document["batch_sizes"]:
        assert row["status"] in ("ok", "censored"), row
        assert row["diverged_fraction"] == 0
        assert row["final"]["train"]["loss"]["value"] is not None
        assert row["final"]["test"][document["metric"]]["value"] is not None
        assert row["speed"]["samples_per_second"]["value"] > 0


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")
