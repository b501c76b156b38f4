"""A folder on disk for what does not fit in memory, gone when the program that made it ends.

It lies in the user's cache, ``$XDG_CACHE_HOME/bsx`` or ``~/.cache/bsx``: the folder for temporary
files may itself lie in memory.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import shutil
import tempfile
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from bsx.data.content import Content
from bsx.data.room import gigabytes
from bsx.data.rows import Table
from bsx.errors import DataError

RESERVE_BYTES = 2**30  # left free on the disk for everyone else
_NUMPY: dict[torch.dtype, Any] = {torch.uint8: np.uint8, torch.float32: np.float32}


class Spooled(Table):
    """Rows that were written to a file; it travels between processes by the file's name."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__(np.memmap(path, _NUMPY[dtype], mode="r", shape=shape))
        self._path = path

    @property
    def written(self) -> tuple[str, tuple[int, ...], torch.dtype]:
        """The file, and the shape and type of what is in it."""
        return str(self._path), self.shape, self.dtype

    def __reduce__(self) -> tuple[Any, ...]:
        return Spooled, (self._path, self.shape, self.dtype)


class Spool:
    """Writes samples to a file as they come; closed, it is the rows that were written."""

    def __init__(self, input_shape: tuple[int, ...], dtype: torch.dtype, name: str) -> None:
        self._name = name
        self._shape, self._dtype = input_shape, dtype
        self._count = 0
        self._content = Content()
        handle, path = tempfile.mkstemp(dir=folder(), suffix=".rows")
        self._path, self._file = Path(path), os.fdopen(handle, "wb")

    def add(self, chunk: Tensor) -> None:
        """Write the next samples.

        Raises:
            DataError: where the disk has no room for them.
        """
        self._content.add(chunk)
        self._count += len(chunk)
        try:
            if shutil.disk_usage(self._path.parent).free < RESERVE_BYTES:
                raise OSError("the disk is full")
            self._file.write(np.ascontiguousarray(chunk.numpy()).data)
            self._file.flush()
        except OSError as error:
            self.discard()
            size = gigabytes(self._count * math.prod(self._shape) * self._dtype.itemsize)
            raise DataError(
                f"--dataset {self._name}: its samples do not fit in memory and were written to "
                f"{self._path.parent.parent}, up to {size}: {error}; give fewer, or set "
                "XDG_CACHE_HOME to a folder with more room"
            ) from None

    def close(self) -> Spooled:
        """Return what was written."""
        self._file.close()
        rows = Spooled(self._path, (self._count, *self._shape), self._dtype)
        rows.content = self._content
        return rows

    def discard(self) -> None:
        """Forget what was written."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


def keep(key: str, value: Any, size: int = 0) -> None:
    """Keep a value for the other processes of this program; those after it find it no more.

    ``value``: tensors, numbers and texts, in dicts and tuples; together of about ``size`` bytes.
    """
    # Without it they look at the data by themselves. A full disk is torch's RuntimeError.
    with contextlib.suppress(OSError, RuntimeError, DataError):
        if shutil.disk_usage(folder()).free < size + RESERVE_BYTES:
            return
        handle, path = tempfile.mkstemp(dir=folder())
        try:
            with os.fdopen(handle, "wb") as file:
                torch.save(value, file)
            _unchecked(folder(), key).touch()
            Path(path).replace(folder() / f"{key}.kept")
        finally:
            Path(path).unlink(missing_ok=True)


def kept(key: str) -> Any:
    """Return the value that a process of this user keeps by this key, or None."""
    for path in _cache().glob(f"*/{key}.kept"):
        # Its keeper may end at any time; what is broken is no help, nor any reason to stop.
        with contextlib.suppress(OSError, RuntimeError, EOFError, pickle.UnpicklingError):
            if path.stat().st_uid == getattr(os, "getuid", int)():
                return torch.load(path, weights_only=True)
    return None


def to_check(key: str) -> bool:
    """Say, to the first process that asks, that no other has looked whether the value is right."""
    for path in _cache().glob(f"*/{key}.kept"):
        with contextlib.suppress(OSError):
            _unchecked(path.parent, key).unlink()
            return True
    return False


def _unchecked(folder: Path, key: str) -> Path:
    return folder / f"{key}.unchecked"


def folder() -> Path:
    """Return this process's folder."""
    return _folder_of(os.getpid(), _cache())


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "bsx"


@cache
def _folder_of(pid: int, root: Path) -> Path:
    """Make the folder of a process, to be removed when it ends, and remove those of the dead."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_those_of_the_dead(root)
        mine = root / f"{pid}-{os.urandom(4).hex()}"
        lock = mine.with_suffix(".lock").open("wb")  # held for as long as the process lives
        _lock(lock)
        mine.mkdir(mode=0o700)
    except OSError as error:
        raise DataError(
            f"{root}: cannot write there what does not fit in memory ({error.strerror}); set "
            "XDG_CACHE_HOME to a folder with room"
        ) from None
    Finalize(None, _remove, args=(mine, lock), exitpriority=0)
    return mine


def _remove(folder: Path, lock: IO[bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".lock").unlink(missing_ok=True)
    lock.close()


def _remove_those_of_the_dead(root: Path) -> None:
    """Remove folders that nobody holds the lock of: their processes were killed."""
    for path in root.glob("*.lock"):
        with contextlib.suppress(OSError), path.open("rb") as lock:
            if _lock(lock):
                _remove(path.with_suffix(""), lock)


def _lock(file: IO[bytes]) -> bool:
    """Take the lock of a file; say whether it was to be had."""
    try:
        import fcntl
    except ImportError:  # Windows: what a killed process left behind stays
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
