"""Logging while a sweep goes: what is stored is logged at once; no failure of it ends a sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bsx.exchange.trackers.runs import Summary, Tracker, tracked_runs
from bsx.schema import RunRecord, Sweep, Watcher


@dataclass
class LiveLog:
    """The trackers of one sweep; one that fails is told of once, and asked no more.

    What it lacks then is logged when the sweep is run again: a tracker knows what it has.
    """

    found: Callable[[], Sweep]  # as it is stored, once it is
    trackers: list[Tracker]
    tell: Callable[[str], None] = lambda _: None
    _failed: set[str] = field(default_factory=set)
    _done: set[str] = field(default_factory=set)  # runs that were logged, or tried, since it began

    @property
    def sweep(self) -> Sweep:
        """The sweep that is logged."""
        return self.found()

    def log(self, records: Iterable[RunRecord]) -> None:
        """Log what is done with and not there yet, or was something else there."""
        runs = list(tracked_runs(self.sweep, records))
        self._each(lambda tracker: tracker.log(runs))
        self._done |= {run.run_id for run in runs}

    def finish(self, records: Sequence[RunRecord]) -> None:
        """Log what is missing of all that the sweep has."""
        self.log([record for record in records if record.run_id not in self._done])

    def summarize(self, summary: Summary) -> None:
        """Put down what the sweep came to."""
        self._each(lambda tracker: tracker.summarize(summary))

    def close(self) -> None:
        """Let the trackers go, once."""
        self._each(lambda tracker: tracker.close())
        self.trackers = []

    def _each(self, ask: Callable[[Tracker], object]) -> None:
        for tracker in self._asked():
            try:
                ask(tracker)
            except Exception as error:
                self._failed.add(tracker.name)
                self.tell(
                    f"Logging to {tracker.name} has ended: {error}. The sweep goes on; run the "
                    "same command again to log what is missing"
                )

    def _asked(self) -> Sequence[Tracker]:
        return [tracker for tracker in self.trackers if tracker.name not in self._failed]


@dataclass(frozen=True)
class LoggedWatcher:
    """Who watches a sweep, and the log beside: of what is stored both are told."""

    watcher: Watcher
    log: LiveLog

    def started(self, units: int, predicted_seconds: float) -> None:
        """Pass it on."""
        self.watcher.started(units, predicted_seconds)

    def unit_started(self, unit: str, description: str) -> None:
        """Pass it on."""
        self.watcher.unit_started(unit, description)

    def unit_progress(self, unit: str, fraction: float, best: float | None) -> None:
        """Pass it on."""
        self.watcher.unit_progress(unit, fraction, best)

    def unit_done(self, unit: str, seconds: float) -> None:
        """Pass it on."""
        self.watcher.unit_done(unit, seconds)

    def stored(self, runs: Sequence[RunRecord]) -> None:
        """Log them, and pass it on."""
        self.log.log(runs)
        self.watcher.stored(runs)

    def announce(self, line: str) -> None:
        """Pass it on."""
        self.watcher.announce(line)
