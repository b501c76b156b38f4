"""Units run in processes of their own, one fresh process a unit.

A crash, a killed process or a leak takes down one unit only, and the memory that is measured is
that unit's. On Linux the processes are forked from a server that has imported torch once, so that
a unit starts in a few hundredths of a second.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any

from bsx import registry, streams
from bsx.errors import BsxError, Stopped
from bsx.execute.base import Executor, Told, UnitError
from bsx.execute.inline import unit_error
from bsx.kills import MemoryKills, told
from bsx.schema import Record, Report, Unit

PRELOADED = "bsx.execute.preload"
GRACE = 20.0  # seconds for a unit that is told to end to keep its state

_STOP = "stop"
# What the system or a person sends to all processes at once; the coordinator decides.
_NOT_OURS = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


@dataclass
class _Running:
    unit: Unit
    process: Any
    report: Report
    heard: float  # when it last told something, by the monotonic clock
    kills: MemoryKills  # since it was started

    @property
    def keeps_state(self) -> bool:
        """Whether it does something when it is told to end."""
        return getattr(self.unit, "checkpoints", None) is not None


class WorkersExecutor(Executor):
    """Runs each unit in a child process."""

    def __init__(self, patience: float | None = None) -> None:
        super().__init__(patience)
        self._context: BaseContext | None = None
        self._running: dict[Connection, _Running] = {}

    def prepare(self) -> None:
        """Start the server that processes are forked from: it imports torch meanwhile."""
        self._context = self._context or _context()

    def start(self, unit: Unit, report: Report) -> None:
        """Start a process for ``unit``."""
        self.prepare()
        assert self._context is not None
        kills = MemoryKills()
        ours, theirs = self._context.Pipe()
        process: Any = self._context.Process(  # type: ignore[attr-defined]
            target=_work, args=(unit, theirs, list(sys.path)), daemon=True
        )
        with _without_the_script():
            process.start()
        theirs.close()
        self._running[ours] = _Running(unit, process, report, time.monotonic(), kills)

    def wait(self) -> tuple[Unit, Told]:
        """Wait for the first process that tells something; pass on what is reported meanwhile."""
        while True:
            for connection in wait(list(self._running), self._patience_left()):
                assert isinstance(connection, Connection)
                running = self._running[connection]
                running.heard = time.monotonic()
                kind, content = self._heard(connection)
                if kind == "report":
                    running.report(*content)
                    continue
                if kind in ("done", "error"):
                    self._end(connection)
                if isinstance(content, BsxError):
                    raise content
                return running.unit, content
            silent = self._silent()
            if silent is not None:
                unit = self._running[silent].unit
                self._end(silent)
                reason = f"no sign of life for {self.patience:g} seconds: the worker was ended"
                return unit, UnitError(reason, worth_retrying=True)

    def stop(self) -> list[tuple[Unit, Sequence[Record]]]:
        """End every process; those that can keep their state have a while for it."""
        told: list[tuple[Unit, Sequence[Record]]] = []
        for connection, running in list(self._running.items()):
            if running.keeps_state:
                with contextlib.suppress(OSError):
                    connection.send(_STOP)
            else:
                self._end(connection)
        until = time.monotonic() + GRACE
        while self._running and time.monotonic() < until:
            for ready in wait(list(self._running), until - time.monotonic()):
                assert isinstance(ready, Connection)
                running = self._running[ready]
                kind, content = self._heard(ready)
                if kind == "records":
                    told.append((running.unit, content))
                elif kind in ("done", "error"):
                    self._end(ready)
        for connection in list(self._running):
            self._end(connection)
        return told

    def _heard(self, connection: Connection) -> tuple[str, Any]:
        """Return what a worker tells, or how it ended."""
        running = self._running[connection]
        try:
            kind, content = connection.recv()
        except (EOFError, ConnectionResetError):
            running.process.join()
            return "error", self._died(running)
        return kind, content

    def _died(self, running: _Running) -> UnitError:
        """Tell how a worker ended that said nothing."""
        code = running.process.exitcode
        if code is None or code >= 0:
            return UnitError(f"the worker ended by itself with exit code {code}")
        killed = -code == signal.SIGKILL
        by_memory = killed and running.kills.found()
        if by_memory:  # one kill is of one process: the others that ran meanwhile were not it
            for other in self._running.values():
                if other is not running:
                    other.kills.found()
        reason = f"the worker was ended by {told(-code, out_of_memory=by_memory)}"
        if killed and not running.kills.known:
            reason += "; the system does that, too, when memory runs out"
        return UnitError(
            reason, out_of_memory=by_memory, worth_retrying=not by_memory, killed=killed
        )

    def _patience_left(self) -> float | None:
        """Seconds until the first unit has been silent for too long."""
        if self.patience is None:
            return None
        first = min(running.heard for running in self._running.values())
        return max(0.0, first + self.patience - time.monotonic())

    def _silent(self) -> Connection | None:
        """A unit that has been silent for too long."""
        if self.patience is None:
            return None
        long_ago = time.monotonic() - self.patience
        return next((c for c, running in self._running.items() if running.heard <= long_ago), None)

    def _end(self, connection: Connection) -> None:
        process = self._running.pop(connection).process
        connection.close()
        process.kill()
        process.join()


def _work(unit: Unit, connection: Connection, path: list[str]) -> None:
    """Do the unit and send home what comes of it: the body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides what Ctrl-C means
    for name in _NOT_OURS:
        if hasattr(signal, name):  # by a handler, so that programs it starts do not inherit it
            signal.signal(getattr(signal, name), lambda _number, _frame: None)
    sys.path[:] = path
    streams.print_nothing_but_messages()  # stdout is for the coordinator's results
    multiprocessing.current_process().daemon = False  # it may have helpers, which end with it
    to_end = _end_with(connection)
    try:
        for records in registry.worker(unit.kind, unit.worker)(unit, _reporter(connection, to_end)):
            connection.send(("records", records))
        connection.send(("done", None))
    except BsxError as error:
        connection.send(("error", error))
    except Exception as error:
        connection.send(("error", unit_error(error)))


def _reporter(connection: Connection, to_end: threading.Event) -> Report:
    def report(fraction: float, best: float | None) -> None:
        connection.send(("report", (fraction, best)))
        if to_end.is_set():
            raise Stopped("the coordinator")

    return report


def _end_with(connection: Connection) -> threading.Event:
    """End this process as soon as the coordinator is gone, whatever ended it.

    Returns:
        what is set when the coordinator asks for the end.
    """
    to_end = threading.Event()

    def watch() -> None:
        with contextlib.suppress(OSError, EOFError):
            while connection.recv() == _STOP:
                to_end.set()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return to_end


@contextlib.contextmanager
def _without_the_script() -> Iterator[None]:
    """Hide the program that runs from processes that start.

    They would run it again to find what it defines, and need nothing of it: of a script that calls
    ``bsx.sweep`` outside of ``if __name__ == "__main__"`` each would start a sweep of its own.
    """
    program = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def _context() -> BaseContext:
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    # Threads that wait must let go of their core soon: on a machine with anything else to do, those
    # that spin for long make a small step ten to a hundred times slower. A short spin costs an idle
    # machine next to nothing, no spin at all a third. Read when torch is first imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    # Started now, it imports torch on another core while the coordinator looks at the data.
    from multiprocessing import forkserver

    forkserver.ensure_running()
    return context
