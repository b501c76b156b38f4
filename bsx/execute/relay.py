"""The far side of a cluster's executor: one unit, run there in a process of its own.

Whatever lends the machine runs :func:`relay` in a thread of a process that does nothing else. The
unit itself runs as it would at home, in a worker process beside: how it died is told apart, and the
memory that is measured is its own.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bsx.errors import BsxError, Stopped
from bsx.execute.base import Requeued, UnitError
from bsx.execute.inline import unit_error
from bsx.execute.workers import WorkersExecutor
from bsx.schema import Unit

Send = Callable[[str, object], None]


@dataclass(frozen=True)
class Place:
    """Where this process finds the user's files and modules; the far side must find them alike."""

    folder: str
    path: tuple[str, ...]

    @classmethod
    def here(cls) -> Place:
        """Return that of this process."""
        return cls(str(Path.cwd()), tuple(entry or str(Path.cwd()) for entry in sys.path))

    def enter(self) -> None:
        """Look for everything where the coordinator does, as far as it is there."""
        with contextlib.suppress(OSError):
            os.chdir(self.folder)
        sys.path.extend(entry for entry in self.path if entry not in sys.path)


def relay(
    unit: Unit,
    patience: float | None,
    send: Send,
    to_end: threading.Event,
    *,
    once: bool = False,
) -> None:
    """Run ``unit`` in a process beside this one, and pass on all that it tells.

    ``to_end`` ends it after it has kept its state; ``once``: no other unit will be run from here.
    """

    def report(fraction: float, best: float | None) -> None:
        send("report", (fraction, best))
        if to_end.is_set():
            raise Stopped("the coordinator")

    executor = WorkersExecutor(patience, once=once)
    try:
        executor.start(unit, report)
        while (told := executor.wait()[1]) is not None:
            if isinstance(told, UnitError):
                send("error", told)
                return
            if not isinstance(told, Requeued):
                send("records", told)
        send("done", None)
    except Stopped as stopped:
        for _, records in executor.stop():
            send("records", records)
        send("error", stopped)
    except BsxError as error:
        send("error", error)
    except Exception as error:
        send("error", unit_error(error))
    finally:
        executor.stop()
