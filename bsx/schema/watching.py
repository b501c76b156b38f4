"""What those are told who watch a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bsx.schema.records import RunRecord


class Watcher(Protocol):
    """Who is told how the sweep goes."""

    def started(self, units: int, predicted_seconds: float) -> None:
        """The units of a round are about to run."""

    def unit_started(self, unit: str, description: str) -> None:
        """A unit of this id begins; others may be under way."""

    def unit_progress(self, unit: str, fraction: float, best: float | None) -> None:
        """A unit has come so far; ``best`` is its best validation metric."""

    def unit_done(self, unit: str, seconds: float) -> None:
        """A unit has ended."""

    def stored(self, runs: Sequence[RunRecord]) -> None:
        """These runs are in the store."""

    def announce(self, line: str) -> None:
        """Something worth a line."""
