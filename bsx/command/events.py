"""Where reports are found: the sources by name, and TensorBoard's event files among them."""

from __future__ import annotations

from pathlib import Path

from bsx.command.reports import CsvFile, JsonLines, Report, Source
from bsx.errors import ConfigError


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
        began = min(wall for wall, _ in events.values())
        rows: dict[int, tuple[float, dict[str, float]]] = {}
        for (step, tag), (wall, value) in sorted(events.items()):
            _, values = rows.setdefault(step, (wall - began, {"step": float(step)}))
            values[tag] = value
        self._reports = [Report(values, seconds) for seconds, values in rows.values()]

    def found(self) -> list[Report]:
        """Return the reports so far."""
        return self._reports

    def _files(self) -> dict[Path, int]:
        paths = self._folder.rglob("*tfevents*") if self._folder.is_dir() else ()
        return {path: path.stat().st_size for path in paths}


def _events(path: Path) -> list[tuple[str, int, float, float]]:
    try:
        from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-not-found]
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
