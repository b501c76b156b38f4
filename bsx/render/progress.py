"""Live progress of a sweep on stderr, and its silent twin.

A bar is drawn on terminals only. Lines announced are shown on anything but ``--quiet``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

from bsx.render import numbers, phrases
from bsx.schema import Metric, RunRecord


class QuietProgress:
    """Progress that says nothing."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """End."""

    def started(self, units: int, predicted_seconds: float) -> None:
        """Ignore it."""

    def unit_started(self, unit: str, description: str) -> None:
        """Ignore it."""

    def unit_progress(self, unit: str, fraction: float, best: float | None) -> None:
        """Ignore it."""

    def unit_done(self, unit: str, seconds: float) -> None:
        """Ignore it."""

    def stored(self, runs: Sequence[RunRecord]) -> None:
        """Ignore it."""

    def announce(self, line: str) -> None:
        """Ignore it."""


class TimeLeft:
    """How long is left: from the prediction at first, more and more from the pace kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self.units = 0
        self.done = 0.0  # units, the part of the one under way included
        self.predicted = 0.0  # seconds, of all units

    @property
    def fraction(self) -> float:
        """The share of the units that is done, 0 to 1."""
        return min(1.0, self.done / self.units) if self.units else 0.0

    def seconds(self) -> float | None:
        """Return the seconds left, or None before anything is known."""
        if not self.units:
            return None
        elapsed, share = self._clock() - self._begun, self.fraction
        by_prediction = max(0.0, self.predicted - elapsed)
        by_pace = elapsed * (1 - share) / share if share else by_prediction
        return (1 - share) * by_prediction + share * by_pace


class SweepProgress:
    """A bar on stderr: units done, best validation metric so far, time left.

    Rounds add up: ``started`` may be called again when more is planned.
    """

    def __init__(
        self,
        console: Console | None = None,
        metric: Metric | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console(stderr=True)
        self._metric = metric
        self._left = TimeLeft(clock)
        self._whole = 0  # units done
        self._doing: dict[str, str] = {}  # unit → what it does, of those under way
        self._parts: dict[str, float] = {}  # unit → how much of it is done
        self._best: float | None = None
        self._bar = Progress(
            BarColumn(bar_width=16),
            _Words(self),
            console=self._console,
            transient=True,
            # a terminal that cannot move its cursor would get a line at every refresh
            disable=not self._console.is_terminal or self._console.is_dumb_terminal,
        )
        self._task = self._bar.add_task("", total=1.0)

    def __enter__(self) -> Self:
        """Draw the bar."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away, whatever happened."""
        self._bar.stop()

    def judges_by(self, metric: Metric) -> None:
        """Be told the metric later than at the beginning."""
        self._metric = metric

    def started(self, units: int, predicted_seconds: float) -> None:
        """Add ``units`` that are predicted to take ``predicted_seconds`` altogether."""
        self._left.units += units
        self._left.predicted += predicted_seconds
        self._update()

    def unit_started(self, unit: str, description: str) -> None:
        """Show what is being done."""
        self._doing[unit] = phrases.clean(description)
        self._parts[unit] = 0.0
        self._update()

    def unit_progress(self, unit: str, fraction: float, best: float | None) -> None:
        """Show how much of a unit is done, and its best validation metric if it beats others."""
        self._parts[unit] = min(1.0, max(0.0, fraction))
        if best is not None and self._beats(best):
            self._best = best
        self._update()

    def unit_done(self, unit: str, seconds: float) -> None:
        """Count a unit as done."""
        self._doing.pop(unit, None)
        self._parts.pop(unit, None)
        self._whole += 1
        self._update()

    def stored(self, runs: Sequence[RunRecord]) -> None:
        """Nothing of it is shown: units are counted."""

    def announce(self, line: str) -> None:
        """Print a line above the bar; without a terminal it never wraps."""
        self._console.print(Text(phrases.clean(line)), soft_wrap=not self._console.is_terminal)

    def _beats(self, value: float) -> bool:
        if self._best is None:
            return True
        higher = self._metric is None or self._metric.higher_is_better
        return value > self._best if higher else value < self._best

    def _update(self) -> None:
        self._left.done = self._whole + sum(self._parts.values())
        self._bar.update(self._task, completed=self._left.fraction)

    def words(self) -> str:
        """Say how far it is: ``7 of 24, best accuracy 97.8 %, 38 s left: batch size 64``."""
        parts = [f"{self._whole} of {self._left.units}"] if self._left.units else []
        if self._best is not None:
            bounded = self._metric is None or self._metric.bounded
            value = (numbers.percent if bounded else numbers.significant)(self._best)
            parts.append(f"best {self._metric.name if self._metric else 'so far'} {value}")
        seconds = self._left.seconds()
        if seconds is not None:
            parts.append(f"{numbers.duration(max(1, round(seconds)))} left")
        # what is being done comes last: where the terminal is narrow, it can be spared
        return ": ".join(
            part for part in (", ".join(parts), ", ".join(self._doing.values())) if part
        )


class _Words(ProgressColumn):
    """The words behind the bar: on one line, cut where the terminal ends."""

    def __init__(self, progress: SweepProgress) -> None:
        super().__init__(Column(no_wrap=True, overflow="ellipsis"))
        self._progress = progress

    def render(self, task: Task) -> Text:
        """Return the words of the moment."""
        return Text(self._progress.words(), no_wrap=True, overflow="ellipsis")
