"""Files that a person named, read without trust in what they are.

A pipe or a device that somebody put in a file's place is refused before anything is waited for,
and nothing is read without an end.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import zipfile
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

MOST_TEXT = 2**24  # bytes of what a person writes by hand, and more than anyone does

# What a shell hands over as <(…), or as standard input: who writes to it is there already
_HANDED_OVER = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")


def opened(path: Path | str) -> BufferedReader:
    """Open a file to read its bytes.

    Raises:
        OSError: where that cannot be; for a device, too, and a pipe that a shell did not make.
    """
    try:
        # A pipe that nobody writes to would be waited for, before it could be seen what it is.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except ValueError as error:  # a name with a zero byte, or with half a character
        raise OSError(errno.EINVAL, str(error)) from None
    kind = os.fstat(number).st_mode
    handed_over = stat.S_ISFIFO(kind) and str(path).startswith(_HANDED_OVER)
    if not stat.S_ISREG(kind) and not handed_over:
        os.close(number)
        if stat.S_ISDIR(kind):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise OSError(errno.EINVAL, "it is no file but a pipe or a device")
    os.set_blocking(number, True)
    return os.fdopen(number, "rb")


def content(path: Path | str, most: int = MOST_TEXT) -> bytes:
    """Return the bytes of a file.

    Raises:
        OSError: see :func:`opened`; and for more than ``most`` bytes.
    """
    with opened(path) as file:
        found = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
    if found is None or len(found) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
    return found


def check_unpacked(stream: BinaryIO) -> None:
    """Refuse a zip archive that unpacks to more than it is long; leave ``stream`` at its start.

    For what is written without being packed: a small file must not become a large one.

    Raises:
        ValueError: for such an archive.
    """
    if zipfile.is_zipfile(stream):
        with zipfile.ZipFile(stream) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > stream.seek(0, os.SEEK_END):
            raise ValueError(f"it unpacks to {unpacked:,} bytes")
    stream.seek(0)


def digest_of(path: Path | str, digits: int = 20) -> str:
    """Hash the content of a file, however large.

    Raises:
        OSError: see :func:`opened`.
    """
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:digits]


def write_whole(path: Path | str, content: bytes) -> None:
    """Write a file so that under its name there is never half of it.

    It comes to be beside its place under another name. What is no regular file, such as
    ``/dev/stdout``, is written to as it is.

    Raises:
        OSError: where that cannot be; then what was there is as it was.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        place.write_bytes(content)
        return
    beside = place.with_name(f".{place.name[:200]}.{os.getpid()}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            beside.chmod(stat.S_IMODE(place.stat().st_mode))
        beside.replace(place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
