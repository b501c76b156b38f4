"""Files that a reader is given: found, bounded and unpacked, or refused in one line."""

from __future__ import annotations

import gzip
import lzma
import sys
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NewType

import numpy as np

from bsx.data.room import available, gigabytes, room_for_inputs
from bsx.errors import ConfigError, DataError

Folder = NewType("Folder", str)  # a reader's ``source`` is annotated with what it must be
File = NewType("File", str)

_CHUNK = 2**22


def the_folder(source: str, name: str) -> Path:
    """Return the folder ``source``.

    Raises:
        ConfigError: where there is none, or a file in its place.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    raise ConfigError(f"--dataset {name}:{source}: {_absent(path, 'folder')}")


def the_file(source: str, name: str) -> Path:
    """Return the file ``source``.

    Raises:
        ConfigError: where there is none, or a folder in its place.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return path
    raise ConfigError(f"--dataset {name}:{source}: {_absent(path, 'file')}")


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

    ``limit``: by default the memory that is free.

    Raises:
        DataError: for a file that cannot be read, is cut short, or holds more.
    """
    expected = limit is not None
    limit = limit if limit is not None else available() or sys.maxsize
    with _refusing(path):
        if path.suffix.lower() != ".gz":
            if path.stat().st_size > limit:
                raise DataError(_too_large(path, path.stat().st_size, limit, expected))
            return path.read_bytes()
        with gzip.open(path) as stream:
            chunks, size = [], 0
            while chunk := stream.read(_CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise DataError(_too_large(path, size, limit, expected))
        return b"".join(chunks)


def mapped(path: Path) -> np.memmap[Any, np.dtype[np.uint8]] | None:
    """Return a file's bytes where they lie, if they would fill memory; None if they are to be read.

    Raises:
        DataError: for a file that cannot be read.
    """
    with _refusing(path):
        packed = path.suffix.lower() == ".gz"
        if packed or room_for_inputs(None).holds((path.stat().st_size,), str(path)):
            return None
        return np.memmap(path, np.uint8, mode="r")


def _too_large(path: Path, size: int, limit: int, expected: bool) -> str:
    if expected:
        return f"{path}: it has more than {limit:,} bytes, more than is expected"
    return (
        f"{path}: its content takes {gigabytes(size)} or more, {gigabytes(limit)} of memory are "
        "free; give less, or a format that need not be read as a whole (npz:FILE of numpy.savez, "
        "images:DIR, a torch Dataset)"
    )


def members(path: Path, wanted: set[str], *, limit: int) -> dict[str, bytes]:
    """Return the files of a tar archive whose last name is ``wanted``, read without extracting.

    Raises:
        DataError: for an archive that cannot be read, or a member of more than ``limit`` bytes.
    """
    found: dict[str, bytes] = {}
    with _refusing(path), tarfile.open(path) as archive:
        for member in archive:
            last = member.name.rpartition("/")[2]
            if last not in wanted or not member.isfile():
                continue
            if member.size > limit:
                raise DataError(f"{path}: {member.name} has {member.size:,} bytes, too many")
            stream = archive.extractfile(member)
            found[last] = stream.read() if stream is not None else b""
    return found


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn what reading and unpacking may raise into one line."""
    try:
        yield
    except EOFError:
        raise DataError(f"{path}: it ends too early; copy or download it again") from None
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: it cannot be unpacked ({error}); download it again") from None
    except tarfile.TarError as error:
        first = str(error).partition("\n")[0]
        raise DataError(f"{path}: it is no whole tar archive ({first}); get it again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot read it: {error.strerror or error}") from None
