"""Where reports are found: the sources by name, and TensorBoard's event files among them."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

from bsx.command.reports import CsvFile, JsonLines, Report, Source
from bsx.errors import ConfigError

_ROUNDED = 1.0  # seconds by which a time may be off that is written down rounded


def source(where: str) -> Source:
    """Return the source that ``stdout``, ``csv:FILE`` or ``tensorboard:FOLDER`` names."""
    kind, _, place = where.partition(":")
    if kind == "csv":
        return CsvFile(Path(place))
    return EventFiles(Path(place)) if kind == "tensorboard" else JsonLines()


class EventFiles:
    """The scalars in TensorBoard event files that the program writes below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._began = time.monotonic()
        self._before = self._files()
        self._reports: list[Report] = []

    def output(self, chunk: bytes, seconds: float) -> None:
        """Do nothing: what is printed is for people."""

    def look(self, seconds: float) -> None:
        """Do nothing: events carry their own time."""

    def finish(self) -> None:
        """Read the files that are new or have grown."""
        new = [path for path, size in self._files().items() if self._before.get(path) != size]
        events: dict[tuple[int, str], tuple[float, float]] = {}
        for path in sorted(new):
            for tag, step, wall, value in _events(path):
                events[step, tag] = (wall, value)
        if not events:
            return
        rows: dict[int, tuple[float, dict[str, float]]] = {}
        for (step, tag), (wall, value) in sorted(events.items()):
            _, values = rows.setdefault(step, (wall, {"step": float(step)}))
            values[tag] = value
        seconds = since_the_first(
            [wall for wall, _ in rows.values()], time.monotonic() - self._began
        )
        numbers = [values for _, values in rows.values()]
        self._reports = [Report(*pair) for pair in zip(numbers, seconds, strict=True)]

    def found(self) -> list[Report]:
        """Return the reports so far."""
        return self._reports

    def _files(self) -> dict[Path, int]:
        paths = self._folder.rglob("*tfevents*") if self._folder.is_dir() else ()
        return {path: path.stat().st_size for path in paths}


def since_the_first(walls: list[float], most: float) -> list[float | None]:
    """Return seconds since the first of the times of day; None of all where they cannot be true.

    The clock of the day may be set meanwhile: then times go back, or last longer than ``most``.
    """
    in_order = all(before <= after for before, after in pairwise(walls))
    if not in_order or walls[-1] - walls[0] > most + _ROUNDED:
        return [None] * len(walls)
    return [wall - walls[0] for wall in walls]


def _events(path: Path) -> list[tuple[str, int, float, float]]:
    try:
        from tensorboard.backend.event_processing.event_accumulator import (
            EventAccumulator,
        )
    except ImportError:
        raise ConfigError(
            "--metrics-from tensorboard needs the library that reads event files: "
            "pip install tensorboard"
        ) from None
    events = EventAccumulator(str(path), size_guidance={"scalars": 0})
    events.Reload()
    return [
        (tag, event.step, event.wall_time, event.value)
        for tag in events.Tags()["scalars"]
        for event in events.Scalars(tag)
    ]
