"""What is common to executors whose units run apart from this process, wherever that is.

One that derives from this one says how a unit is begun, heard, asked to end, and ended; here is
kept who runs, who has been silent for too long, and what is told to whom.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from bsx.errors import BsxError, Stopped
from bsx.execute.base import Executor, Told, UnitError
from bsx.schema import Record, Report, Unit

GRACE = 20.0  # seconds for a unit that is told to end to keep its state

Handle = TypeVar("Handle")


class Message(NamedTuple, Generic[Handle]):
    """What a unit tells.

    ``kind``: waits, begun, report (with the arguments of a Report), records, requeued, done or
    error.
    """

    of: Handle
    kind: str
    content: Any = None


@dataclass
class Running:
    """A unit on its way."""

    unit: Unit
    report: Report
    heard: float | None  # when it last told something, by the monotonic clock; None: it waits

    @property
    def keeps_state(self) -> bool:
        """Whether it does something when it is told to end."""
        return getattr(self.unit, "checkpoints", None) is not None


class ApartExecutor(Executor, Generic[Handle]):
    """Runs units apart from this process."""

    waits = False  # whether a unit may have to wait before it begins

    def __init__(self, patience: float | None = None) -> None:
        super().__init__(patience)
        self._running: dict[Handle, Running] = {}
        self._mail: deque[Message[Handle]] = deque()

    def start(self, unit: Unit, report: Report) -> None:
        """Begin ``unit``."""
        self.prepare()
        handle = self._begin(unit)
        self._running[handle] = Running(unit, report, None if self.waits else time.monotonic())

    def wait(self) -> tuple[Unit, Told]:
        """Wait for the first unit that tells something; pass on what is reported meanwhile."""
        while True:
            if not self._mail:
                self._mail.extend(self._listen(self._patience_left()))
            while self._mail:
                of, kind, content = self._mail.popleft()
                running = self._running.get(of)
                if running is None:
                    continue
                running.heard = time.monotonic()
                if kind == "report":
                    running.report(*content)
                if kind == "waits":
                    running.heard = None
                if kind in ("begun", "report", "waits"):
                    continue
                if kind in ("done", "error"):
                    self._forget(of)
                if isinstance(content, BsxError | Stopped):
                    raise content
                return running.unit, content
            silent = self._silent()
            if silent is not None:
                unit = self._running[silent].unit
                self._forget(silent)
                reason = f"no sign of life for {self.patience:g} seconds: the worker was ended"
                return unit, UnitError(reason, worth_retrying=True)

    def stop(self) -> list[tuple[Unit, Sequence[Record]]]:
        """End every unit; those that can keep their state have a while for it."""
        told: list[tuple[Unit, Sequence[Record]]] = []
        for handle, running in list(self._running.items()):
            if running.keeps_state and running.heard is not None:
                self._ask_to_end(handle)
            else:
                self._forget(handle)
        until = time.monotonic() + GRACE
        while self._running and (left := until - time.monotonic()) > 0:
            for of, kind, content in self._mail or self._listen(left):
                if of not in self._running:
                    continue
                if kind == "records":
                    told.append((self._running[of].unit, content))
                elif kind in ("done", "error", "requeued"):
                    self._forget(of)
            self._mail.clear()
        for handle in list(self._running):
            self._forget(handle)
        self._mail.clear()
        return told

    @abstractmethod
    def _begin(self, unit: Unit) -> Handle:
        """Have ``unit`` begin, apart from this process."""

    @abstractmethod
    def _listen(self, seconds: float | None) -> Iterable[Message[Handle]]:
        """Return what units tell next; nothing after so many seconds at the latest."""

    @abstractmethod
    def _ask_to_end(self, handle: Handle) -> None:
        """Ask a unit to end as soon as it has kept its state."""

    @abstractmethod
    def _end(self, handle: Handle) -> None:
        """End what a unit runs in, at once; it may have ended by itself."""

    def _forget(self, handle: Handle) -> None:
        del self._running[handle]
        self._end(handle)

    def _patience_left(self) -> float | None:
        """Seconds until the first unit has been silent for too long."""
        heard = [one.heard for one in self._running.values() if one.heard is not None]
        if self.patience is None or not heard:
            return None
        return max(0.0, min(heard) + self.patience - time.monotonic())

    def _silent(self) -> Handle | None:
        """A unit that has been silent for too long."""
        if self.patience is None:
            return None
        long_ago = time.monotonic() - self.patience
        return next(
            (
                handle
                for handle, running in self._running.items()
                if running.heard is not None and running.heard <= long_ago
            ),
            None,
        )
