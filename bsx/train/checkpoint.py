"""Checkpoints: the state of a unit on its way, kept so that a crash costs minutes at most.

A checkpoint is written to a temporary file, synced and renamed, and its folder is synced, so that
after a crash at any moment the old or the new one is there, whole. Each carries a checksum; the one
before is kept, and is what is taken up where the newest turns out damaged.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bsx import files

MAGIC = b"bsx checkpoint 1\n"
KEPT = 2  # the newest, and the one before
_DIGEST = hashlib.sha256().digest_size
_SUFFIX = ".checkpoint"


class DamagedCheckpoint(Exception):
    """A checkpoint is not what was written."""


@dataclass(frozen=True)
class TakenUp:
    """What was found: the state of the newest good checkpoint, and the files passed over."""

    state: Mapping[str, Any] | None
    damaged: tuple[Path, ...] = ()


class Checkpoints:
    """The checkpoints of one unit in a folder.

    Args:
        folder: where they lie; made where it is missing.
        key: of the unit; part of the files' names.
    """

    def __init__(self, folder: Path | str, key: str) -> None:
        self.folder = Path(folder)
        self._key = key

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep ``state``: tensors, numbers, text, and lists and dicts of them.

        When this returns the state is safe on the disk.

        Raises:
            OSError: where it cannot be written; the checkpoints from before are untouched.
        """
        content = packed(state)
        self.folder.mkdir(parents=True, exist_ok=True)
        there = self._files()
        number = self._number(there[-1]) + 1 if there else 0
        path = self.folder / f"{self._key}.{number:06d}{_SUFFIX}"
        _write_safely(path, *content)
        for old in there[: -(KEPT - 1)]:
            with contextlib.suppress(OSError):
                old.unlink()

    def load(self, device: torch.device | str = "cpu") -> TakenUp:
        """Return the newest state that is good; damaged ones are passed over, and named."""
        damaged: list[Path] = []
        for path in reversed(self._files()):
            try:
                return TakenUp(_read(path, device), tuple(damaged))
            except (DamagedCheckpoint, OSError):
                damaged.append(path)
        return TakenUp(None, tuple(damaged))

    def clear(self) -> None:
        """Remove them: the unit is done."""
        for path in [*self._files(), *self.folder.glob(f"{self._key}.*.part")]:
            with contextlib.suppress(OSError):
                path.unlink()

    def _files(self) -> list[Path]:
        """The checkpoints there are, the newest last."""
        return sorted(self.folder.glob(f"{self._key}.*{_SUFFIX}"), key=self._number)

    def _number(self, path: Path) -> int:
        number = path.name.removesuffix(_SUFFIX).rpartition(".")[2]
        return int(number) if number.isdecimal() else -1


class Interval:
    """When the next checkpoint is due: so seldom that writing them costs under ``share``.

    Args:
        least: seconds between two at least.
        share: of the time that writing may take.
    """

    def __init__(self, least: float = 30.0, share: float = 0.015) -> None:
        self._least, self._share = least, share
        self._next = time.monotonic() + least

    @property
    def due(self) -> bool:
        """Whether it is time for one."""
        return time.monotonic() >= self._next

    def written(self, seconds: float) -> None:
        """Note that one was just written, which took ``seconds``."""
        self._next = time.monotonic() + max(self._least, seconds / self._share)


def packed(state: Mapping[str, Any]) -> tuple[bytes, memoryview]:
    """Return what a file of ``state`` consists of, its checksum first."""
    content = io.BytesIO()
    torch.save(dict(state), content)
    body = content.getbuffer()
    return MAGIC + hashlib.sha256(body).digest() + len(body).to_bytes(8, "little"), body


def unpacked(content: bytes, device: torch.device | str) -> Mapping[str, Any]:
    """Return the state that :func:`packed` was given.

    Raises:
        DamagedCheckpoint: where this is not what was written.
    """
    start = len(MAGIC) + _DIGEST + 8
    head, body = content[:start], memoryview(content)[start:]
    if not head.startswith(MAGIC) or int.from_bytes(head[-8:], "little") != len(body):
        raise DamagedCheckpoint("not a whole checkpoint")
    if head[len(MAGIC) : -8] != hashlib.sha256(body).digest():
        raise DamagedCheckpoint("not what was written")
    try:
        stream = io.BytesIO(body)
        files.check_unpacked(stream)
        state: Mapping[str, Any] = torch.load(stream, map_location=device, weights_only=True)
    except Exception as error:  # whatever a reader of pickles may raise
        raise DamagedCheckpoint(f"it cannot be read: {error}") from None
    return state


def _write_safely(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file so that after a crash it is there whole or not at all."""
    part = path.with_suffix(".part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            for content in parts:
                _write_all(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    _sync_folder(path.parent)


def _write_all(handle: int, content: bytes | memoryview) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder safe; what cannot sync folders (Windows) needs no such thing."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path, device: torch.device | str) -> Mapping[str, Any]:
    """Return the state in a file.

    Raises:
        DamagedCheckpoint: where the file is not what was written.
        OSError: where it cannot be read.
    """
    try:
        with files.opened(path) as file:
            return unpacked(file.read(), device)
    except MemoryError:
        raise DamagedCheckpoint(f"{path} is larger than memory") from None
