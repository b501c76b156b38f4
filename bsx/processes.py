"""What every process keeps to that does a part of the work: it ends with its parent."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator
from multiprocessing.connection import Connection

STOP = "stop"  # what a parent sends to a process that is to end when it has kept its state
# What the system or a person sends to all processes at once; the coordinator decides.
_NOT_OURS = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


def leave_signals_to_the_parent() -> None:
    """Do nothing about signals that end a program, of which the parent hears, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides what Ctrl-C means
    for name in _NOT_OURS:
        if hasattr(signal, name):  # by a handler, so that programs it starts do not inherit it
            signal.signal(getattr(signal, name), lambda _number, _frame: None)


def end_with(connection: Connection) -> threading.Event:
    """End this process as soon as the one at the other end is gone, whatever ended it.

    Returns:
        what is set when the other asks for the end.
    """
    to_end = threading.Event()

    def watch() -> None:
        with contextlib.suppress(OSError, EOFError):
            while connection.recv() == STOP:
                to_end.set()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return to_end


@contextlib.contextmanager
def without_the_script() -> Iterator[None]:
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
