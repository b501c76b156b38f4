"""Workers that end badly, each in its own way."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bsx.errors import ConfigError
from bsx.schema import Group, Report, RunRecord, RunStatus


def raise_error(_unit: Group, _report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Fail as code with a bug does, after a first good record."""
    yield (RunRecord(_unit.runs[0], RunStatus.COMPLETED),)
    raise ZeroDivisionError("a bug\nand a second line")


def raise_config_error(_unit: Group, _report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Fail for something that a person can mend."""
    raise ConfigError("--model x: mend it")
    yield ()


def run_out_of_memory(_unit: Group, _report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Fail for want of memory."""
    raise MemoryError
    yield ()


def kill_itself(_unit: Group, _report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """End as the system ends a process when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    yield ()


def segfault(_unit: Group, _report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Read where there is no memory."""
    ctypes.string_at(0)
    yield ()


def abort(_unit: Group, _report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """End as native code does that finds something wrong."""
    os.abort()
    yield ()


def bus_error(_unit: Group, _report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Read behind the end of a mapped file that was cut short."""
    with tempfile.TemporaryFile() as file:
        file.truncate(2 * mmap.PAGESIZE)
        mapped = mmap.mmap(file.fileno(), 2 * mmap.PAGESIZE)
        file.truncate(0)
        assert mapped[mmap.PAGESIZE]
    yield ()


def leave(_unit: Group, _report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """End the process without a word."""
    os._exit(7)
    yield ()


def write_pid_and_wait(unit: Group, report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Say which process works, to the file in the model's argument, and never come to an end."""
    file = Path(unit.recipe.model.args["file"])
    part = file.with_suffix(".part")
    part.write_text(str(os.getpid()))
    part.replace(file)
    while True:
        time.sleep(0.05)
        report(0.5, None)
    yield ()
