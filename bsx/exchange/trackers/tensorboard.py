"""Runs as TensorBoard's event files: a folder a run, with its curves and what it was trained with.

    FOLDER/SWEEP/RUN/events.out.tfevents.bsx

A file is written whole, so that a run is there or it is not. Numbers have the single precision of
TensorBoard's scalars. What the run came to is marked in the file, so that another end is seen.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bsx.errors import ConfigError
from bsx.exchange.exports.writing import written
from bsx.exchange.trackers.runs import Summary, TrackedRun, plainly

_FILE = "events.out.tfevents.bsx"  # one a folder; TensorBoard asks for tfevents in its name
_SUMMARY = "summary"
_VERSION = "brain.Event:2"
# Of a row a batch size, what is drawn against it: TensorBoard's name ← the row's
_OF_ROWS = {
    "to_target/iterations": "to_target_steps",
    "to_target/epochs": "to_target_epochs",
    "to_target/seconds": "to_target_seconds",
    "speed/samples_per_second": "speed_samples_per_second",
    "speed/peak_memory_bytes": "speed_peak_memory_bytes",
    "end/generalization_gap": "final_generalization_gap",
}


class TensorBoard:
    """Event files below a folder.

    Raises:
        ConfigError: where there is no tensorboard.
        DataError: where they cannot be written.
    """

    def __init__(self, where: str, sweep: str, sweep_id: str, *, force: bool = False) -> None:
        self.name = f"tensorboard:{where}"
        self._events = _Events()
        self._folder = Path(where) / _as_name(sweep)
        self._force = force
        with self._plainly():
            self._folder.mkdir(parents=True, exist_ok=True)
            # what the sweep was called before
            self._former = [f for f in _of_sweep(Path(where), sweep_id) if f != self._folder]

    def log(self, runs: Iterable[TrackedRun]) -> int:
        """Write those that have no file yet, or one that says something else."""
        count = 0
        for run in runs:
            path, mark = self._place(f"{run.name}-{run.run_id[:8]}"), _writer(run)
            with self._plainly():
                there = path.exists() and mark.encode() in path.read_bytes()
            if self._force or not there:
                with written(path, "--output", force=True) as file:
                    file.write(self._events.of_run(run))
                count += 1
            self._take_from_former(f"*-{run.run_id[:8]}")
        return count

    def summarize(self, summary: Summary) -> None:
        """Write what every batch size comes to, with the batch size as the step."""
        with written(self._place(_SUMMARY), "--output", force=True) as file:
            file.write(self._events.of_summary(summary))
        self._take_from_former(_SUMMARY)

    def close(self) -> None:
        """Everything is written."""

    def _plainly(self) -> contextlib.AbstractContextManager[None]:
        return plainly(f"write TensorBoard's files in {self._folder}")

    def _take_from_former(self, run: str) -> None:
        """Remove, under the sweep's other names, what is written under its name now."""
        with self._plainly():
            for folder in self._former:
                for path in list(folder.glob(f"{run}/{_FILE}")):
                    path.unlink(missing_ok=True)
                    _remove_empty(path.parent)
                _remove_empty(folder)

    def _place(self, run: str) -> Path:
        folder = self._folder / _as_name(run)
        with self._plainly():
            folder.mkdir(parents=True, exist_ok=True)
        return folder / _FILE


class _Events:
    """Event files' contents, by TensorBoard's own messages."""

    def __init__(self) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata
            from tensorboard.compat.proto.summary_pb2 import Summary as Message
            from tensorboard.plugins.hparams import summary_v2 as hparams
            from tensorboard.plugins.text import summary_v2 as text
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError:
            raise ConfigError(
                "tensorboard is not installed: pip install 'bsx[tensorboard]'"
            ) from None
        self._event, self._message, self._writer = Event, Message, RecordWriter
        self._hparams, self._text, self._source = hparams, text, SourceMetadata

    def of_run(self, run: TrackedRun) -> bytes:
        start = self._hparams.hparams_pb(
            {**run.params, "status": run.status},
            trial_id=run.run_id,
            start_time_secs=run.began,
        )
        source = self._source(writer=_writer(run))
        events = [
            self._event(wall_time=run.began, file_version=_VERSION, source_metadata=source),
            self._event(wall_time=run.began, summary=start),
        ]
        for point in run.points:
            events.append(self._scalars(point.values, point.step, run.began + point.seconds))
        if run.ends:
            end = run.began + (run.points[-1].seconds if run.points else 0.0)
            ends = {f"end/{name}": value for name, value in run.ends.items()}
            events.append(self._scalars(ends, run.last_step, end))
        return self._written(events)

    def of_summary(self, summary: Summary) -> bytes:
        events = [self._event(file_version=_VERSION)]
        for row in summary.rows:
            found = {name: row.get(of) for name, of in _OF_ROWS.items()}
            found |= {
                f"end/{key.removeprefix('final_')}": value
                for key, value in row.items()
                if key.startswith(("final_validation_", "final_test_"))
                and not key.endswith(("_low", "_high"))
            }
            known = {name: float(v) for name, v in found.items() if isinstance(v, int | float)}
            events.append(self._scalars(known, row.get("batch_size", 0), 0.0))
        for name, content in summary.texts.items():
            if name.endswith(".md"):
                events.append(self._event(summary=self._text.text_pb(name, content)))
        return self._written(events)

    def _scalars(self, values: Mapping[str, float], step: int, time: float) -> Any:
        made = self._message(
            value=[
                self._message.Value(tag=name, simple_value=value) for name, value in values.items()
            ]
        )
        return self._event(wall_time=time, step=step, summary=made)

    def _written(self, events: Iterable[Any]) -> bytes:
        content = io.BytesIO()
        writer = self._writer(content)
        for event in events:
            writer.write(event.SerializeToString())
        return content.getvalue()


def _writer(run: TrackedRun) -> str:
    """Return the name of the writer of a run's file: it says what the run came to."""
    return f"bsx {run.run_id} {run.mark}"


def _of_sweep(where: Path, sweep_id: str) -> list[Path]:
    """Return the folders of a sweep, under whatever name."""
    return [
        folder
        for folder in where.iterdir()
        if folder.name == sweep_id or folder.name.endswith(f"-{sweep_id[:8]}")
    ]


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else has put something there
        folder.rmdir()


def _as_name(text: str) -> str:
    """Return a text that can be the name of a folder, and leads nowhere else."""
    kept = "".join(c if c.isalnum() or c in "-_.=+" else "-" for c in text)
    return kept.strip(".")[:100] or "sweep"
