"""NumPy's archives of named arrays."""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.lib import format as npy

from bsx.data.coerce import from_mapping
from bsx.data.dataset import Dataset
from bsx.data.room import check_room, room_for_inputs
from bsx.data.source import File, the_file
from bsx.errors import ConfigError, DataError

_KEYS = ("x", "y", *(f"{axis}_{part}" for part in ("train", "validation", "val", "valid", "test")
                     for axis in "xy"))  # fmt: skip
_SYNONYMS = {"x": ("inputs", "data", "features", "images"), "y": ("targets", "target", "labels")}


def npz(source: File, task: str = "auto", x: str | None = None, y: str | None = None) -> Dataset:
    """npz:FILE, arrays x and y, or x_train, y_train, x_test …: x=NAME y=NAME task=auto.

    ``x`` and ``y`` name the arrays where they are called otherwise. ``task``: classification,
    multi-label or regression; ``auto`` judges by the targets. Images without a channel axis,
    (samples, height, width), are given one where they are of type uint8.
    """
    path = the_file(source, "npz")
    stored = _arrays(path)
    values: dict[str, Any] = {"task": task}
    if x is not None or y is not None:
        for key, wanted in (("x", x), ("y", y)):
            values[key] = stored[_named(wanted or key, stored, path)]
    else:
        values.update(_known(stored))
    for key, array in values.items():
        if key.startswith("x") and array.ndim == 3 and array.dtype == np.uint8:
            values[key] = array[:, None]
    return from_mapping(values, f"npz:{source}")


def _known(stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose names say what they are."""
    lower = {name.lower(): array for name, array in stored.items()}
    known = {name: array for name, array in lower.items() if name in _KEYS}
    for key, others in _SYNONYMS.items():
        for other in others:
            if key not in known and f"{key}_train" not in known and other in lower:
                known[key] = lower[other]
    return known or stored


def _named(wanted: str, stored: dict[str, np.ndarray], path: Path) -> str:
    if wanted in stored:
        return wanted
    raise ConfigError(f"{path}: there is no array {wanted}; there are {', '.join(stored)}")


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return name → array; headers are judged before anything is allocated."""
    try:
        with zipfile.ZipFile(path) as archive:
            stored = [
                _stored(archive, member, path)
                for member in archive.infolist()
                if member.filename.endswith(".npy")
            ]
            _check_room(stored, path)
            found = {
                one.member.filename.removesuffix(".npy"): _array(archive, one, path)
                for one in stored
            }
    except DataError:
        raise
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise DataError(
            f"{path}: it is no whole .npz file ({type(error).__name__}: {first}); write it again "
            "with numpy.savez"
        ) from None
    if not found:
        raise DataError(f"{path}: it holds no arrays; write it with numpy.savez")
    return found


class _Stored(NamedTuple):
    """An array as its header describes it; ``start`` is where its numbers begin in the member.

    ``mapped``: whether it stays in the file: one that would fill memory and is not packed.
    """

    member: zipfile.ZipInfo
    shape: tuple[int, ...]
    in_columns: bool
    dtype: np.dtype[Any]
    start: int
    mapped: bool

    @property
    def size(self) -> int:
        """The bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def _check_room(stored: Sequence[_Stored], path: Path) -> None:
    """Refuse arrays that would fill memory together: small files unpack to large ones."""
    needed = sum(one.size for one in stored if not one.mapped)
    remedy = "write it with numpy.savez, unpacked, and it is read as it is needed"
    check_room(needed, f"{path}: its content", remedy)


def _array(archive: zipfile.ZipFile, stored: _Stored, path: Path) -> np.ndarray:
    """Return an array, mapped from the file or read."""
    member, shape = stored.member, stored.shape
    if stored.mapped:
        with path.open("rb") as file:
            file.seek(member.header_offset)
            of_zip = file.read(30)  # then a name and more, of which it says the lengths
        start = member.header_offset + 30 + sum(struct.unpack("<HH", of_zip[26:30])) + stored.start
        order: Literal["F", "C"] = "F" if stored.in_columns else "C"
        return np.memmap(path, stored.dtype, mode="r", offset=start, shape=shape, order=order)
    with archive.open(member) as stream:
        found: np.ndarray = npy.read_array(stream, allow_pickle=False)
    return found


def _stored(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> _Stored:
    """Return what the header of an array says.

    Raises:
        DataError: for an array of objects, and a header that says more than the file holds.
    """
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, in_columns, dtype = read(stream)
        start = stream.tell()
    if dtype.hasobject:
        raise DataError(
            f"{path}: array {member.filename} holds Python objects, which are not read (they could "
            "run code); save numbers or fixed-width text"
        )
    if dtype.names is not None:
        raise DataError(f"{path}: array {member.filename} has named fields; save plain arrays")
    large = not room_for_inputs(None).holds(shape, str(path))
    mapped = large and member.compress_type == zipfile.ZIP_STORED
    found = _Stored(member, shape, in_columns, dtype, start, mapped)
    if min(shape, default=0) < 0 or start + found.size != member.file_size:
        raise DataError(
            f"{path}: the header of {member.filename} says {shape} of {dtype}, {found.size:,} "
            f"bytes, but the file has {member.file_size - start:,}"
        )
    return found
