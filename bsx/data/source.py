"""Files that a reader is given: found, bounded and unpacked, or refused in one line."""

from __future__ import annotations

import contextlib
import gzip
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NewType

import numpy as np

from bsx.data.room import available, check_room, gigabytes, room_for_inputs
from bsx.errors import ConfigError, DataError

Folder = NewType("Folder", str)  # a reader's ``source`` is annotated with what it must be
File = NewType("File", str)

_CHUNK = 2**22
_CELL_BYTES = 72  # a short text of Python's, and its places in a row and in a column
_PACKED_SHARE = 2  # of free memory, for what is unpacked: its pieces are put together once more
_MEMBERS = 8  # files of the largest size allowed that an archive may hold


def the_folder(source: str, name: str) -> Path:
    """Return the folder ``source``.

    Raises:
        ConfigError: where there is none, or a file in its place.
    """
    path = _place(source)
    if path.is_dir():
        return path
    raise ConfigError(f"--dataset {name}:{source}: {_absent(path, 'folder')}")


def the_file(source: str, name: str) -> Path:
    """Return the file ``source``.

    Raises:
        ConfigError: where there is none, or a folder in its place.
    """
    path = _place(source)
    if path.is_file():
        return path
    raise ConfigError(f"--dataset {name}:{source}: {_absent(path, 'file')}")


def _place(source: str) -> Path:
    """Return a path; ``~name`` of a person who is not known stays as it is."""
    with contextlib.suppress(RuntimeError):
        return Path(source).expanduser()
    return Path(source)


def _absent(path: Path, wanted: str) -> str:
    try:
        there = path.exists()
    except (OSError, ValueError) as error:
        return f"cannot look there: {error}"
    if there:
        return f"this is no {wanted}; give a {wanted}"
    return f"there is no such {wanted}; it was looked for in {Path.cwd()}"


def unpacked(path: Path, *, limit: int | None = None) -> bytes:
    """Return a file's bytes, those of a ``.gz`` unpacked; never more than ``limit``.

    ``limit``: how many are expected at most; in any case no more than there is memory for.

    Raises:
        DataError: for a file that cannot be read, is cut short, or holds more.
    """
    packed = _is_packed(path)
    room = (available() or sys.maxsize) // (_PACKED_SHARE if packed else 1)
    most = room if limit is None else min(room, limit)
    with _refusing(path):
        if not packed:
            if path.stat().st_size > most:
                raise DataError(_too_large(path, path.stat().st_size, most, most == limit))
            return path.read_bytes()
        with gzip.open(path) as stream:
            chunks, size = [], 0
            while chunk := stream.read(_CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > most:
                    raise DataError(_too_large(path, size, most, most == limit))
        return b"".join(chunks)


def beginning(path: Path, count: int) -> bytes:
    """Return the first bytes of a file, those of a ``.gz`` unpacked.

    Raises:
        DataError: for a file that cannot be read.
    """
    with _refusing(path), gzip.open(path) if _is_packed(path) else path.open("rb") as stream:
        return stream.read(count)


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def check_cells(text: str, separator: str, name: str) -> None:
    """Refuse a table of which the cells would fill memory, each a text of its own.

    Raises:
        DataError: with what is needed and what is free.
    """
    cells = text.count(separator) + text.count("\n") + 1
    needed = cells * _CELL_BYTES + 4 * len(text)
    check_room(needed, f"{name}: {cells:,} cells", "give fewer rows, or npz:FILE of numbers")


def mapped(path: Path) -> np.memmap[Any, np.dtype[np.uint8]] | None:
    """Return a file's bytes where they lie, if they would fill memory; None if they are to be read.

    Raises:
        DataError: for a file that cannot be read.
    """
    with _refusing(path):
        if _is_packed(path) or room_for_inputs(None).holds((path.stat().st_size,), str(path)):
            return None
        return np.memmap(path, np.uint8, mode="r")


def _too_large(path: Path, size: int, limit: int, expected: bool) -> str:
    if expected:
        return f"{path}: it has more than the {limit:,} bytes that are expected; download it again"
    return (
        f"{path}: its content takes {gigabytes(size)} or more, {gigabytes(limit)} of memory are "
        "free; give less, or a format that need not be read as a whole (npz:FILE of numpy.savez, "
        "images:DIR, a torch Dataset)"
    )


def members(path: Path, wanted: set[str], *, limit: int) -> dict[str, bytes]:
    """Return the files of a tar archive whose last name is ``wanted``, read without extracting.

    Raises:
        DataError: for an archive that cannot be read, a member of more than ``limit`` bytes, or
            very much in all.
    """
    found: dict[str, bytes] = {}
    with _refusing(path), path.open("rb") as file:
        is_gz = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        unpacking = gzip.GzipFile(fileobj=file) if is_gz else file
        bounded = _Bounded(unpacking, _MEMBERS * limit, path)
        with tarfile.open(fileobj=bounded, mode="r|") as archive:  # type: ignore[call-overload]
            for member in archive:
                last = member.name.rpartition("/")[2]
                if member.size > limit:
                    raise DataError(f"{path}: {last} has {member.size:,} bytes, too many")
                if last in wanted and member.isfile():
                    stream = archive.extractfile(member)
                    found[last] = stream.read() if stream is not None else b""
    return found


class _Bounded:
    """A stream that is read up to a limit: a few bytes may unpack to terabytes."""

    def __init__(self, stream: Any, limit: int, path: Path) -> None:
        self._stream, self._left, self._path = stream, limit, path

    def read(self, count: int) -> bytes:
        """Return the next bytes."""
        found: bytes = self._stream.read(count)
        self._left -= len(found)
        if self._left < 0:
            raise DataError(f"{self._path}: it unpacks to far more than is expected")
        return found


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn what reading and unpacking may raise into one line."""
    try:
        yield
    except EOFError:
        raise DataError(f"{path}: it ends too early; copy or download it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: it cannot be unpacked ({error}); download it again") from None
    except tarfile.TarError as error:
        first = str(error).partition("\n")[0]
        raise DataError(f"{path}: it is no whole tar archive ({first}); get it again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot read it: {error.strerror or error}") from None
