"""Units run in this process: the simplest executor, and the one to debug with."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from bsx import registry
from bsx.errors import BsxError
from bsx.execute.base import UnitError, ran_out_of_memory
from bsx.schema import Record, Report, Unit


class InlineExecutor:
    """Runs each unit where it is called."""

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
        try:
            yield from registry.worker(unit.kind, unit.worker)(unit, report)
        except BsxError:
            raise
        except Exception as error:
            raise unit_error(error) from error


def unit_error(error: Exception) -> UnitError:
    """Return the UnitError that tells of ``error``."""
    reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    return UnitError(reason, traceback.format_exc(), out_of_memory=ran_out_of_memory(error))
