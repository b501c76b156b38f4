"""The contract of an executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from bsx.schema import Record, Report, Unit


class Executor(Protocol):
    """Runs one unit at a time and brings its records home as they are complete."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def run(self, unit: Unit, report: Report) -> Iterator[Sequence[Record]]:
        """Yield the records of ``unit``, those together that are to be stored together.

        Raises:
            UnitError: where the unit failed; what it yielded before is good.
            Stopped: where ``report`` raised it.
        """
        ...


class UnitError(Exception):
    """A unit failed by itself; ``reason`` is one line, ``detail`` its traceback if there is one.

    ``out_of_memory`` says that it was the memory: an outcome to record, not a fault.
    ``worth_retrying`` says that the cause lay outside of the unit: its process was ended.
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        out_of_memory: bool = False,
        worth_retrying: bool = False,
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.out_of_memory = out_of_memory
        self.worth_retrying = worth_retrying


def ran_out_of_memory(error: BaseException) -> bool:
    """Say whether ``error`` is a lack of memory, by type where there is one."""
    if isinstance(error, MemoryError):
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    if "OutOfMemoryError" in names:
        return True
    # torch's CPU allocator raises a plain RuntimeError.
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator: can't allocate" in str(error)
