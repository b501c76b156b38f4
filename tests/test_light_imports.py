"""What starts often must start light: no library of training is imported to help or to count."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "scipy", "sklearn", "matplotlib")
PROBE = """
import json, sys
from bsx.cli.app import main
try:
    main()
finally:
    found = [name for name in json.loads(sys.argv.pop()) if name in sys.modules]
    print("\\nimported:", json.dumps(found), file=sys.stderr)
"""


def imported(args: list[str], **environment: str) -> list[str]:
    """Run bsx with ``args`` in a fresh process and return the heavy libraries it imported."""
    probe = PROBE.replace("sys.argv.pop()", repr(json.dumps(HEAVY)))
    done = subprocess.run(
        [sys.executable, "-c", probe, *args],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("imported:"), done.stderr
    found: list[str] = json.loads(last.removeprefix("imported:"))
    return found


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--help"],
        ["--version"],
        ["calc", "--help"],
        ["calc", "--samples", "1024", "--batch-size", "2..64", "--epochs", "10", "--classes", "10"],
        ["calc", "--samples", "1024", "--batch-size", "8", "--get", "last-batch"],
        ["calc", "--samples", "1024", "--batch-size", "8", "--format", "csv"],
        ["calc", "--samples", "0"],
        ["import", "--help"],
        ["export", "--help"],
        ["import", "no such file"],
        ["nonsense"],
    ],
)
def test_help_version_and_calc_import_no_library_of_training(args: list[str]) -> None:
    assert imported(args) == []


@pytest.mark.parametrize("words", ["bsx ", "bsx calc --", "bsx calc --format "])
def test_shell_completion_imports_no_library_of_training(words: str) -> None:
    environment = {
        "_BSX_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": words,
    }
    assert imported([], **environment) == []
