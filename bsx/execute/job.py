"""What a job of a batch system and its coordinator tell each other, through files they share.

A job appends what it tells to ``told-0``, and to ``told-1`` and so on when it is begun anew; each
message is a frame with its length and checksum. The coordinator writes ``orders``: what is to be
done, and a beat by which the job sees that the coordinator lives. Every file is opened anew for
every look, as network file systems want it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bsx.execute.relay import Place, relay
from bsx.schema import Group, RunRecord, Unit

GO, STOP, END = "go", "stop", "end"
MOST_SILENT = 90.0  # seconds without a beat after which a job has lost its coordinator
_LAST_WORDS = 60.0  # seconds for a unit to keep its state when the job is put off
_LOOKS = 0.5  # seconds between two looks at the orders
_HEAD = 8  # bytes before each frame: length and checksum


class Told:
    """Reads what a job tells, from where it was read before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = self._at = 0

    def news(self) -> Iterator[tuple[str, Any]]:
        """Yield (kind, content) of what is new; that the job was begun anew is ``requeued``."""
        while True:
            yield from self._frames()
            if not _told(self._folder, self._number + 1).exists():
                return
            yield from self._frames()  # what was written before the next was begun
            self._number, self._at = self._number + 1, 0
            yield "requeued", None

    def _frames(self) -> Iterator[tuple[str, Any]]:
        with contextlib.suppress(FileNotFoundError):
            with _told(self._folder, self._number).open("rb") as file:
                file.seek(self._at)
                content = file.read()
            start = self._at
            for end, message in _frames(content, 0):
                self._at = start + end
                yield message


class Orders:
    """Writes what a job is to do."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "orders"
        self.order = GO
        self._beats = 0
        self._lock = threading.Lock()
        self.beat()

    def give(self, order: str) -> None:
        """Tell the job what to do from now on."""
        self.order = order
        self.beat()

    def beat(self) -> None:
        """Tell that the coordinator lives."""
        with self._lock:
            self._beats += 1
            part = self._file.with_suffix(".part")
            part.write_text(f"{self.order} {self._beats}", encoding="ascii")
            part.replace(self._file)


class Job:
    """What runs as a job: a unit, of which records that were told before are left out.

    submitit calls it, and calls :meth:`checkpoint` where the job is put off.
    """

    def __init__(self, unit: Unit, folder: str, place: Place, patience: float | None) -> None:
        self._unit, self._folder = unit, folder
        self._place, self._patience = place, patience

    def __call__(self) -> None:
        """Run the unit to its end, or until it is to end."""
        self._place.enter()
        folder = Path(self._folder)
        before = list(_files(folder))
        file = _told(folder, len(before))
        self._to_end = threading.Event()
        lock = threading.Lock()

        def send(kind: str, content: object) -> None:
            with lock:
                _append(file, (kind, content))

        if _order(folder)[0] == END:
            return
        send("begun", os.getpid())
        unit = _left(self._unit, before)
        asked = (unit, self._patience, send, self._to_end)
        self._work = threading.Thread(target=relay, args=asked, kwargs={"once": True}, daemon=True)
        self._work.start()
        self._obey(folder)

    def _obey(self, folder: Path) -> None:
        """Wait for the unit to end, and do what is ordered meanwhile."""
        order, beat = _order(folder)
        heard = time.monotonic()
        while self._work.is_alive():
            self._work.join(_LOOKS)
            order, now = _order(folder)
            if now != beat:
                beat, heard = now, time.monotonic()
            silent = time.monotonic() - heard
            if order == END or silent > MOST_SILENT + _LAST_WORDS:
                os._exit(1)
            if order == STOP or silent > MOST_SILENT:
                self._to_end.set()

    def checkpoint(self) -> Any:
        """Have the unit keep its state; return what is to go on from there."""
        from submitit.helpers import DelayedSubmission

        self._to_end.set()
        self._work.join(_LAST_WORDS)
        return DelayedSubmission(Job(self._unit, self._folder, self._place, self._patience))


def _left(unit: Unit, before: Sequence[Path]) -> Unit:
    """Return what is left of a unit of which some records came home before it was put off."""
    done = {
        record.run_id
        for file in before
        for _, (kind, records) in _frames(file.read_bytes(), 0)
        if kind == "records"
        for record in records
        if isinstance(record, RunRecord)
    }
    return unit.without(done) if done and isinstance(unit, Group) else unit


def _told(folder: Path, number: int) -> Path:
    return folder / f"told-{number}"


def _files(folder: Path) -> Iterator[Path]:
    number = 0
    while (file := _told(folder, number)).exists():
        yield file
        number += 1


def _append(file: Path, message: object) -> None:
    body = pickle.dumps(message)
    head = len(body).to_bytes(4, "little") + zlib.crc32(body).to_bytes(4, "little")
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        left = memoryview(head + body)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _frames(content: bytes, start: int) -> Iterator[tuple[int, Any]]:
    """Yield (where it ends, message) of each whole frame; what is cut off comes later, or never."""
    while start + _HEAD <= len(content):
        length, check = (int.from_bytes(content[a : a + 4], "little") for a in (start, start + 4))
        body = content[start + _HEAD : start + _HEAD + length]
        if len(body) < length or zlib.crc32(body) != check:
            return
        start += _HEAD + length
        yield start, pickle.loads(body)


def _order(folder: Path) -> tuple[str, str]:
    """Return the order and the beat; a folder that is gone orders the end."""
    try:
        order, _, beat = (folder / "orders").read_text(encoding="ascii").partition(" ")
    except OSError:
        return (GO if folder.is_dir() else END), ""
    return order, beat
