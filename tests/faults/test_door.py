"""stdout, stderr and terminals under bad conditions: no traceback, nothing lost."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bsx.store import Store
from bsx.store.file import FILE_NAME

BSX = f"{sys.executable} -m bsx"
PROGRAM = f"""--command "{sys.executable} train.py {{batch_size}} {{seed}}" --train-samples 64 \
    --batch-sizes 4,8,16 --seeds 2 --metric accuracy"""
TRAIN = """
import sys, time
size, seed = map(int, sys.argv[1:])
for step in (1, 2, 4, 8):
    print(f'{{"step": {step}, "val_accuracy": {1 - 1 / (step + size + seed)}}}', flush=True)
    time.sleep(PAUSE)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program that trains in no time."""
    (tmp_path / "train.py").write_text(TRAIN.replace("PAUSE", "0"))
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    """The environment of a shell that knows nothing of our tests."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("BSX_")}
    kept |= {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUTF8": "1"}
    return kept | more


def shell(command: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a line as a shell does; ``PIPESTATUS`` of its first command is the exit code."""
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr, done.stderr
    assert "Exception ignored" not in done.stderr, done.stderr
    return done


def stored(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return status and curves of what is stored, after a look at the file's integrity."""
    with contextlib.closing(sqlite3.connect(folder / "bsx-runs" / FILE_NAME)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Store(folder / "bsx-runs") as store:
        return {
            run.run_id: [(point.step, point.metrics["accuracy"]) for point in run.curve]
            for run in store.runs(store.sweep().sweep_id)
        }


COMMANDS = {
    "calc": f"{BSX} calc --samples 100 --batch-size 1..64:1",
    "list": f"{BSX} list datasets",
    "help": f"{BSX} --help",
    "show": f"{BSX} show",
    "show json": f"{BSX} show --format json",
    "sweep": f"{BSX} sweep {PROGRAM}",
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a sweep is stored."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "train.py").write_text(TRAIN.replace("PAUSE", "0"))
    assert shell(COMMANDS["sweep"], folder).returncode == 0
    return folder


WHERE = {
    "| head -1": 0, "| true": 0, ">&-": 0, "> /dev/full": 3, "2>&-": 0, "2> /dev/full": 0,
    "<&- >&- 2>&-": 0, ">&- 2> /dev/full": 0,
}  # fmt: skip
# A table's stderr is a document's too; sweeps that nobody reads are below.
ENOUGH = {
    "show json": ("| head -1", "| true", ">&-", "> /dev/full"),
    "sweep": ("| head -1", "> /dev/full", "2>&-", ">&- 2> /dev/full"),
}


@pytest.mark.parametrize(
    ("command", "where", "code"),
    [(command, where, code) for command in COMMANDS for where, code in WHERE.items()
     if where in ENOUGH.get(command, WHERE)],
)  # fmt: skip
def test_a_result_that_cannot_be_written_ends_without_a_traceback(
    swept: Path, command: str, where: str, code: int
) -> None:
    done = shell(f"{COMMANDS[command]} {where}", swept)
    assert done.returncode == code, done.stderr
    if where == "> /dev/full":
        said = "bsx: error: cannot write the result to stdout: No space left on device\n"
        assert done.stderr.endswith(said)


@pytest.mark.parametrize("where", [">&-", "> /dev/full", "<&- >&- 2>&-", "2>&1 | true"])
def test_a_sweep_that_nobody_reads_is_stored_all_the_same(
    folder: Path, swept: Path, where: str
) -> None:
    """Nothing that is printed may end in the store's file, whose descriptor might be 1 or 2."""
    shell(f"{BSX} sweep {PROGRAM} {where}", folder)
    assert len(stored(folder)) == 6
    assert sorted(stored(folder).values()) == sorted(stored(swept).values())


def test_results_are_whole_where_messages_cannot_be_told(folder: Path) -> None:
    done = shell(f"{BSX} sweep {PROGRAM} --format json 2> /dev/full", folder)
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "complete"


# --- terminals --------------------------------------------------------------------------------


class Terminal:
    """A pseudo-terminal with a program on it, and what that wrote there."""

    def __init__(self, command: str, cwd: Path, columns: int = 80, **more: str) -> None:
        self.process, self._master = pty.fork()
        if self.process == 0:
            os.chdir(cwd)
            args = ["bash", "-c", f"stty cols {columns} rows 24; exec {command}"]
            os.execvpe("bash", args, environment(**more))
        self.text = ""

    def read(self, until: str | None = None) -> str:
        """Read until that is written, or to the end."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and (until is None or until not in self.text):
            try:
                chunk = os.read(self._master, 65_536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            self.text += chunk.decode("utf-8", "replace")
        return self.text

    def vanish(self) -> None:
        """Close the terminal, as a window is closed or a connection lost."""
        with contextlib.suppress(OSError):
            os.close(self._master)

    def wait(self) -> int:
        """Return the exit code; that of a signal is negative."""
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


@contextlib.contextmanager
def terminal(command: str, cwd: Path, columns: int = 80, **more: str) -> Iterator[Terminal]:
    """Run a program on a terminal, and leave nothing of either behind."""
    made = Terminal(command, cwd, columns, **more)
    try:
        yield made
    finally:
        made.vanish()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(made.process, signal.SIGKILL)
            os.waitpid(made.process, 0)


ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3|4|9|10)[0-7][0-9;]*m")


@pytest.mark.parametrize("command", ["sweep", "show", "calc", "help"])
def test_a_dumb_terminal_gets_no_escapes(swept: Path, command: str) -> None:
    fresh = " --fresh" if command == "sweep" else ""
    with terminal(COMMANDS[command] + fresh, swept, TERM="dumb") as found:
        text = found.read()
        assert found.wait() == 0, text
    assert "\x1b" not in text and len(text) > 100


@pytest.mark.parametrize("command", ["sweep", "show", "calc"])
def test_no_color_is_honoured(swept: Path, command: str) -> None:
    fresh = " --fresh" if command == "sweep" else ""
    more = {"TERM": "xterm-256color", "NO_COLOR": "1"}
    with terminal(COMMANDS[command] + fresh, swept, **more) as found:
        text = found.read()
        assert found.wait() == 0, text
    assert not COLOUR.search(text)


@pytest.mark.parametrize("command", ["sweep", "show", "calc", "list", "help"])
@pytest.mark.parametrize("columns", [40, 20, 1])
def test_a_narrow_terminal_is_no_reason_to_fail(swept: Path, command: str, columns: int) -> None:
    with terminal(COMMANDS[command], swept, columns, TERM="xterm") as found:
        text = found.read()
        assert found.wait() == 0, text
    assert "Traceback" not in text and "internal error" not in text


# --- a terminal that is lost ------------------------------------------------------------------


def test_a_terminal_that_is_lost_loses_nothing(folder: Path, swept: Path) -> None:
    """Whether it goes on or stops then: it ends, and the same command finishes it."""
    (folder / "train.py").write_text(TRAIN.replace("PAUSE", "0.1"))
    with terminal(COMMANDS["sweep"], folder, TERM="xterm") as lost:
        lost.read(until="runs of the program")
        time.sleep(1.0)
        lost.vanish()
        lost.wait()
    shell(COMMANDS["sweep"], folder)
    assert sorted(stored(folder).values()) == sorted(stored(swept).values())


def test_a_sweep_that_was_told_to_outlive_its_terminal_goes_on(folder: Path, swept: Path) -> None:
    (folder / "train.py").write_text(TRAIN.replace("PAUSE", "0.1"))
    command = f'bash -c \'trap "" HUP; exec "$@"\' - {COMMANDS["sweep"]}'
    with terminal(command, folder, TERM="xterm") as lost:
        lost.read(until="runs of the program")
        lost.vanish()
        code = lost.wait()
    assert code in (0, 3)  # there is nowhere to write the result to
    assert sorted(stored(folder).values()) == sorted(stored(swept).values())
    with Store(folder / "bsx-runs") as store:
        assert store.sweep().status == "complete"
