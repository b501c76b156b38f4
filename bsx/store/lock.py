"""Keeps two processes from doing the same work at once.

The locks are POSIX record locks, each on one byte of one file beside the store. The system lets go
of them when the process ends, whatever ended it, and a process that was forked has none of them.
SQLite relies on the same kind of lock, so that no file system is asked for more than the store
asks of it anyway; over a network they hold where the server keeps them, as NFS does since version
4. Where the system has none of them (Windows), nothing is locked.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_MAKING = 0  # the byte of who makes the store


class Lock:
    """A lock on pieces of work, each known by a key of hexadecimal digits.

    One process may have one at a time: POSIX forgets all of a process's locks on a file when it
    closes any descriptor of that file.
    """

    def __init__(self, file: Path, keys: Iterable[str]) -> None:
        self._file = file
        self._bytes = {1 + int(key[:12], 16): key for key in keys}
        self._descriptor: int | None = None

    def take(self) -> str | None:
        """Take the locks on all of the keys, or on none; return one that another process has.

        Raises:
            OSError: where the file system has no such locks.
        """
        if sys.platform == "win32":
            return None
        self._descriptor = _opened(self._file)
        for place, key in self._bytes.items():
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, as the system likes
                self.release()
                return key
        return None

    def release(self) -> None:
        """Let go of all of them."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Wait until no other process is in here."""
    if sys.platform == "win32":
        yield
        return
    descriptor = _opened(file)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, _MAKING)
        yield
    finally:
        os.close(descriptor)


def _opened(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def holds_across_processes(file: Path) -> bool:
    """Say whether another process sees a lock that this one has on ``file``.

    Raises:
        OSError: where the file system has no such locks.
    """
    if sys.platform == "win32":
        return False
    import subprocess

    lock = Lock(file, ["0" * 12])
    lock.take()
    try:
        asks = (
            "import fcntl, sys\n"
            "try: fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 1)\n"
            "except (BlockingIOError, PermissionError): sys.exit(7)"
        )
        done = subprocess.run([sys.executable, "-c", asks, str(file)], check=False)
    finally:
        lock.release()
    return done.returncode == 7
