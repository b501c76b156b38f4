"""Units run in this process: the simplest executor, and the one to debug with."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Iterator, Sequence

from bsx import registry
from bsx.errors import BsxError, ProcessEnded
from bsx.execute.base import Executor, Told, UnitError, ran_out_of_memory
from bsx.schema import Record, Report, Unit


class InlineExecutor(Executor):
    """Runs each unit where it is waited for, one after another."""

    def __init__(self, patience: float | None = None) -> None:
        super().__init__(patience)
        self._waiting: deque[tuple[Unit, Iterator[Sequence[Record]]]] = deque()

    def start(self, unit: Unit, report: Report) -> None:
        """Put ``unit`` behind those that wait."""
        self._waiting.append((unit, _records(unit, report)))

    def wait(self) -> tuple[Unit, Told]:
        """Run the first unit until it has something to tell."""
        unit, records = self._waiting[0]
        try:
            told: Told = next(records, None)
        except BsxError:
            raise
        except Exception as error:
            told = unit_error(error)
        if told is None or isinstance(told, UnitError):
            self._waiting.popleft()
        return unit, told

    def stop(self) -> Sequence[tuple[Unit, Sequence[Record]]]:
        """Forget what waits."""
        self._waiting.clear()
        return []


def _records(unit: Unit, report: Report) -> Iterator[Sequence[Record]]:
    """Look for the worker only when the unit's turn has come."""
    yield from registry.worker(unit.kind, unit.worker)(unit, report)


def unit_error(error: Exception) -> UnitError:
    """Return the UnitError that tells of ``error``."""
    reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    return UnitError(
        reason,
        traceback.format_exc(),
        out_of_memory=ran_out_of_memory(error),
        worth_retrying=isinstance(error, ProcessEnded),
    )
