"""Units run in processes of their own, one fresh process a unit.

A crash, a killed process or a leak takes down one unit only, and the memory that is measured is
that unit's. On Linux the processes are forked from a server that has imported torch once, so that
a unit starts in a few hundredths of a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any

from bsx import processes, registry, streams
from bsx.errors import BsxError, Stopped
from bsx.execute.apart import ApartExecutor, Message
from bsx.execute.base import UnitError
from bsx.execute.inline import unit_error
from bsx.kills import MemoryKills, told
from bsx.schema import Report, Unit

PRELOADED = "bsx.execute.preload"

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_REPORT_SECONDS = 0.4  # each report costs the coordinator as much as a step of training


class WorkersExecutor(ApartExecutor[Connection]):
    """Runs each unit in a child process.

    Args:
        patience: see the contract.
        once: whether it is for one unit, for which nothing is worth being imported ahead.
    """

    def __init__(self, patience: float | None = None, *, once: bool = False) -> None:
        super().__init__(patience)
        self._once = once
        self._context: BaseContext | None = None
        self._processes: dict[Connection, Any] = {}
        self._kills: dict[Connection, MemoryKills] = {}  # since it was started

    def prepare(self) -> None:
        """Start the server that processes are forked from: it imports torch meanwhile."""
        self._context = self._context or _context(self._once)

    def _begin(self, unit: Unit) -> Connection:
        assert self._context is not None
        kills = MemoryKills()
        ours, theirs = self._context.Pipe()
        process: Any = self._context.Process(  # type: ignore[attr-defined]
            target=_work, args=(unit, theirs, list(sys.path)), daemon=True
        )
        with processes.without_the_script():
            process.start()
        theirs.close()
        self._processes[ours] = process
        self._kills[ours] = kills
        return ours

    def _listen(self, seconds: float | None) -> Iterator[Message[Connection]]:
        for connection in wait(list(self._running), seconds):
            assert isinstance(connection, Connection)
            yield Message(connection, *self._heard(connection))

    def _ask_to_end(self, handle: Connection) -> None:
        with contextlib.suppress(OSError):
            handle.send(processes.STOP)

    def _heard(self, connection: Connection) -> tuple[str, Any]:
        """Return what a worker tells, or how it ended."""
        try:
            kind, content = connection.recv()
        except (EOFError, ConnectionResetError):
            self._processes[connection].join()
            return "error", self._died(connection)
        return kind, content

    def _died(self, connection: Connection) -> UnitError:
        """Tell how a worker ended that said nothing."""
        code = self._processes[connection].exitcode
        if code is None or code >= 0:
            return UnitError(f"the worker ended by itself with exit code {code}")
        kills = self._kills[connection]
        killed = -code == signal.SIGKILL
        by_memory = killed and kills.found()
        if by_memory:  # one kill is of one process: the others that ran meanwhile were not it
            for other in self._kills.values():
                if other is not kills:
                    other.found()
        reason = f"the worker was ended by {told(-code, out_of_memory=by_memory)}"
        if killed and not kills.known:
            reason += "; the system does that, too, when memory runs out"
        return UnitError(
            reason, out_of_memory=by_memory, worth_retrying=not by_memory, killed=killed
        )

    def _end(self, handle: Connection) -> None:
        process = self._processes.pop(handle)
        del self._kills[handle]
        handle.close()
        process.kill()
        process.join()


def _work(unit: Unit, connection: Connection, path: list[str]) -> None:
    """Do the unit and send home what comes of it: the body of a worker process."""
    processes.leave_signals_to_the_parent()
    sys.path[:] = path
    _keep_memory()
    streams.print_nothing_but_messages()  # stdout is for the coordinator's results
    multiprocessing.current_process().daemon = False  # it may have helpers, which end with it
    to_end = processes.end_with(connection)
    try:
        for records in registry.worker(unit.kind, unit.worker)(unit, _reporter(connection, to_end)):
            connection.send(("records", records))
        connection.send(("done", None))
    except (BsxError, Stopped) as error:
        connection.send(("error", error))
    except Exception as error:
        connection.send(("error", unit_error(error)))


def _keep_memory() -> None:
    """Have glibc keep what large tensors took, for the next ones (mallopt(3)).

    They come and go at every step, and glibc would hand each back to the system and fetch it anew,
    page by page; told to keep them, large batches train a sixth faster.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 2**30)
        ctypes.CDLL(None).mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def _reporter(connection: Connection, to_end: threading.Event) -> Report:
    """Return what tells home how far a unit is: at first, at the end, and now and then between."""
    due = 0.0

    def report(fraction: float, best: float | None) -> None:
        nonlocal due
        if fraction >= 1 or time.monotonic() >= due:
            connection.send(("report", (fraction, best)))
            due = time.monotonic() + _REPORT_SECONDS
        if to_end.is_set():
            raise Stopped("the coordinator")

    return report


def start_once() -> float:
    """Start a process as those of units, hear from it, and return how long that took, in seconds.

    Raises:
        OSError: where no process can be started, or it is not heard of.
    """
    context: Any = _context(once=False)
    began = time.monotonic()
    ours, theirs = context.Pipe()
    process = context.Process(target=_greet, args=(theirs,), daemon=True)
    with processes.without_the_script():
        process.start()
    theirs.close()
    try:
        if not ours.poll(60) or ours.recv() != "here":
            raise OSError("a process was started and did not answer")
    except EOFError:
        raise OSError("a process was started and ended at once") from None
    finally:
        process.join(10)
        ours.close()
    return time.monotonic() - began


def _greet(connection: Connection) -> None:
    connection.send("here")
    connection.close()


def _context(once: bool) -> BaseContext:
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    # Threads that wait must let go of their core soon: on a machine with anything else to do, those
    # that spin for long make a small step ten to a hundred times slower. A short spin costs an idle
    # machine next to nothing, no spin at all a third. Read when torch is first imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    if once:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    # Started now, it imports torch on another core while the coordinator looks at the data.
    from multiprocessing import forkserver

    forkserver.ensure_running()
    return context
