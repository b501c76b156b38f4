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
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from types import TracebackType
from typing import Any, Self

from bsx import registry
from bsx.errors import BsxError
from bsx.execute.base import UnitError
from bsx.execute.inline import unit_error
from bsx.schema import Record, Report, Unit

PRELOADED = "bsx.execute.preload"


class WorkersExecutor:
    """Runs each unit in a child process."""

    def __init__(self) -> None:
        self._context = _context()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def run(self, unit: Unit, report: Report) -> Iterator[Sequence[Record]]:
        """Yield the records of ``unit``; see :class:`bsx.execute.base.Executor`."""
        ours, theirs = self._context.Pipe()
        process: Any = self._context.Process(  # type: ignore[attr-defined]
            target=_work, args=(unit, theirs, list(sys.path)), daemon=True
        )
        process.start()
        theirs.close()
        try:
            yield from _received(ours, process, report)
        finally:
            ours.close()
            process.kill()
            process.join()


def _received(connection: Connection, process: Any, report: Report) -> Iterator[Sequence[Record]]:
    while True:
        try:
            kind, content = connection.recv()
        except (EOFError, ConnectionResetError):
            process.join()
            raise _died(process.exitcode) from None
        if kind == "report":
            report(*content)
        elif kind == "records":
            yield content
        elif kind == "error":
            raise content
        else:
            return


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
