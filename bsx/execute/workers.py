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
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple

from bsx import registry
from bsx.errors import BsxError
from bsx.execute.base import Executor, Told, UnitError
from bsx.execute.inline import unit_error
from bsx.schema import Report, Unit

PRELOADED = "bsx.execute.preload"


class _Running(NamedTuple):
    unit: Unit
    process: Any
    report: Report


class WorkersExecutor(Executor):
    """Runs each unit in a child process."""

    def __init__(self) -> None:
        self._context: BaseContext | None = None
        self._running: dict[Connection, _Running] = {}

    def prepare(self) -> None:
        """Start the server that processes are forked from: it imports torch meanwhile."""
        self._context = self._context or _context()

    def start(self, unit: Unit, report: Report) -> None:
        """Start a process for ``unit``."""
        self.prepare()
        assert self._context is not None
        ours, theirs = self._context.Pipe()
        process: Any = self._context.Process(  # type: ignore[attr-defined]
            target=_work, args=(unit, theirs, list(sys.path)), daemon=True
        )
        process.start()
        theirs.close()
        self._running[ours] = _Running(unit, process, report)

    def wait(self) -> tuple[Unit, Told]:
        """Wait for the first process that tells something; pass on what is reported meanwhile."""
        while True:
            for connection in wait(list(self._running)):
                assert isinstance(connection, Connection)
                unit, process, report = self._running[connection]
                try:
                    kind, content = connection.recv()
                except (EOFError, ConnectionResetError):
                    process.join()
                    kind, content = "error", _died(process.exitcode)
                if kind == "report":
                    report(*content)
                    continue
                if kind in ("done", "error"):
                    self._end(connection)
                if isinstance(content, BsxError):
                    raise content
                return unit, content

    def stop(self) -> None:
        """Kill every process."""
        for connection in list(self._running):
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        process = self._running.pop(connection).process
        connection.close()
        process.kill()
        process.join()


def _died(exitcode: int | None) -> UnitError:
    """Tell how a worker ended that said nothing."""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        killed = -exitcode == signal.SIGKILL
        hint = "; the system ends processes so when memory runs out" if killed else ""
        return UnitError(f"the worker was ended by {name}{hint}", worth_retrying=True)
    return UnitError(f"the worker ended by itself with exit code {exitcode}")


def _work(unit: Unit, connection: Connection, path: list[str]) -> None:
    """Do the unit and send home what comes of it: the body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides what Ctrl-C means
    sys.path[:] = path
    multiprocessing.current_process().daemon = False  # it may have helpers, which end with it
    _end_with(connection)
    try:
        for records in registry.worker(unit.kind, unit.worker)(unit, _reporter(connection)):
            connection.send(("records", records))
        connection.send(("done", None))
    except BsxError as error:
        connection.send(("error", error))
    except Exception as error:
        connection.send(("error", unit_error(error)))


def _reporter(connection: Connection) -> Report:
    def report(fraction: float, best: float | None) -> None:
        connection.send(("report", (fraction, best)))

    return report


def _end_with(connection: Connection) -> None:
    """End this process as soon as the coordinator is gone, whatever ended it."""

    def watch() -> None:
        with contextlib.suppress(OSError, EOFError):
            connection.poll(None)  # nothing is ever sent: it wakes when the other end closes
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
