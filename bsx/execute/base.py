"""The contract of an executor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bsx.schema import Facts, Record, Report, SweepConfig, Unit


class Executor(ABC):
    """Runs units, several at once if asked to, and brings their records home.

    Args:
        patience: seconds after which a unit that gives no sign of life is ended; None waits.
    """

    def __init__(self, patience: float | None = None) -> None:
        self.patience = patience

    @classmethod
    def of(cls, config: SweepConfig, folder: Path) -> Self:
        """Return the executor that a sweep asks for; ``folder`` is for files of its own, if any.

        Raises:
            ConfigError: where what it needs is not installed, or not there.
        """
        return cls(config.hang_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            self.release()

    def release(self) -> None:  # noqa: B027 — most hold nothing
        """Let go of what is held beside the units, which have ended."""

    def prepare(self) -> None:  # noqa: B027 — most have nothing to prepare
        """Be told that units will come: what takes time before the first may begin now."""

    def placed(self, facts: Facts, config: SweepConfig) -> Facts:
        """Return the facts as they are where units will run: here they were looked at there.

        Raises:
            ConfigError: where units cannot run there.
        """
        return facts

    @abstractmethod
    def start(self, unit: Unit, report: Report) -> None:
        """Begin ``unit``; what it reports on its way is told to ``report`` by :meth:`wait`."""

    @abstractmethod
    def wait(self) -> tuple[Unit, Told]:
        """Wait until one of the units that were started tells something.

        Raises:
            BsxError, Stopped: as the unit raised it, or ``report`` did.
        """

    @abstractmethod
    def stop(self) -> Sequence[tuple[Unit, Sequence[Record]]]:
        """End every unit that is running, after it has kept its state where it does that.

        Returns:
            the records that they still told.
        """

    def run(self, unit: Unit, report: Report) -> Iterator[Sequence[Record]]:
        """Run one unit alone; yield its records, those together that are to be stored together.

        Raises:
            UnitError: where the unit failed; what it yielded before is good.
            BsxError, Stopped: see :meth:`wait`.
        """
        self.start(unit, report)
        try:
            while (told := self.wait()[1]) is not None:
                if isinstance(told, UnitError):
                    raise told
                if not isinstance(told, Requeued):
                    yield told
        finally:
            self.stop()


class UnitError(Exception):
    """A unit failed by itself; ``reason`` is one line, ``detail`` its traceback if there is one.

    ``out_of_memory`` says that it was the memory: an outcome to record, not a fault.
    ``worth_retrying`` says that its process was ended by a signal, or hung: it may go well again.
    ``killed`` says that SIGKILL did it, which leaves open whether memory had run out.
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        out_of_memory: bool = False,
        worth_retrying: bool = False,
        killed: bool = False,
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.out_of_memory = out_of_memory
        self.worth_retrying = worth_retrying
        self.killed = killed


@dataclass(frozen=True)
class Requeued:
    """A unit was put off by who lends the machine, and goes on by itself: ``reason`` says why."""

    reason: str


# Records to be stored together, what the unit failed of, that it is put off, or None: it is done.
Told = Sequence[Record] | UnitError | Requeued | None


def ran_out_of_memory(error: BaseException) -> bool:
    """Say whether ``error`` is a lack of memory, by type where there is one."""
    if isinstance(error, MemoryError):
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    if "OutOfMemoryError" in names:
        return True
    # torch's CPU allocator raises a plain RuntimeError.
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator: can't allocate" in str(error)
