"""Files that appear whole or not at all, and never in the place of one that is there."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bsx.errors import ConfigError, DataError


def check_free(path: Path, flag: str, *, force: bool) -> None:
    """Refuse a place where a result cannot go, before it is computed.

    Raises:
        ConfigError: for a file that is there and may not be replaced, a folder in its place, none
            that it is to be in, or a name that no file can have.
    """
    check_place(path, flag)
    if not force and _is_file(path):
        raise _there(path, flag)


def check_place(path: Path, flag: str) -> None:
    """Refuse what cannot be a file's name: a folder's, or one in a folder that is not there.

    Raises:
        ConfigError: for such a name, and one that is too long or in a folder that may not be
            entered; it is the same for all that write a file.
    """
    try:
        if path.is_dir():
            raise ConfigError(f"{flag} {path}: this is a folder; name a file in it")
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"{flag} {path}: there is no folder {path.parent}; make it first")
        path.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise ConfigError(f"{flag} {path}: {problem}; give another file") from None


def made_folder(path: Path, flag: str) -> None:
    """Make a folder, and those that it is in, where there is none; ``flag`` is who named it.

    Raises:
        DataError: where that cannot be.
    """
    with _plainly(path, flag):
        path.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def written(path: Path, flag: str, *, force: bool) -> Iterator[BinaryIO]:
    """Open a file that takes its name when all of it is on the disk.

    A pipe or a device, as ``/dev/stdout``, is written as it is.

    Raises:
        ConfigError: where there is a file of that name, unless ``force`` says to replace it.
        DataError: where it cannot be written.
    """
    if path.exists() and not _is_file(path):
        with _plainly(path, flag), path.open("wb") as file:
            yield file
        return
    with _plainly(path, flag):
        number, name = tempfile.mkstemp(prefix=".bsx-", dir=path.parent)
    beside = Path(name)
    try:
        with _plainly(path, flag):
            with os.fdopen(number, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.chmod(0o666 & ~_umask())
            if force:
                beside.replace(path)
            else:
                _link(beside, path, flag)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _link(beside: Path, path: Path, flag: str) -> None:
    """Give a file its name, unless another has it meanwhile."""
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        raise _there(path, flag) from None
    except OSError:  # a file system without links
        if path.exists():
            raise _there(path, flag) from None
        beside.replace(path)


@contextlib.contextmanager
def _plainly(path: Path, flag: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # its reader has had enough
        raise
    except OSError as error:
        raise _unwritable(path, flag, error) from None


def _unwritable(path: Path, flag: str, error: Exception) -> DataError:
    why = getattr(error, "strerror", None) or error
    return DataError(f"{flag} {path}: cannot write it: {why}; give another place")


def _there(path: Path, flag: str) -> ConfigError:
    return ConfigError(f"{flag} {path}: this file is there already; add --force to replace it")


def _is_file(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISREG(path.stat().st_mode)
    return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
