"""The program run in this process: a subprocess each would take longer than the sweeps do."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bsx.cli.app import run

# Two sizes, of which one has a tail, and enough steps for a rate to matter.
QUICK = ["--batch-sizes", "5,8", "--steps", "4", "--seeds", "2", "--learning-rate", "0.01",
         "--threads", "1", "--executor", "inline"]  # fmt: skip


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
    monkeypatch.setattr("bsx.measure.speed.DRAW_SECONDS", 0.001)
    monkeypatch.setattr("bsx.measure.speed.WARM_UP_SECONDS", 0.001)
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
