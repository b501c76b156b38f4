"""CIFAR-10 and CIFAR-100 as they are distributed: python or binary version, unpacked or .tar.gz.

An archive is read member by member and never extracted; the pickles of the python version may
make NumPy arrays and nothing else.

References: https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import io
import pickle
import pickletools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bsx.data.dataset import Dataset
from bsx.data.source import Folder, members, the_file, the_folder, unpacked
from bsx.errors import ConfigError, DataError

_PIXELS = 3 * 32 * 32
_LIMIT = 2**28  # bytes of one file; the largest official one has 154 million
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),  # how Python 3 writes bytes in old protocols
    ("builtins", "bytes"),
    ("__builtin__", "bytes"),
}


@dataclass(frozen=True)
class _Version:
    """One of the official layouts."""

    folder: str
    archive: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    label_columns: tuple[str, ...]
    binary: bool

    @property
    def files(self) -> tuple[str, ...]:
        return self.train + self.test


_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
_VERSIONS = {
    "cifar10": (
        _Version("cifar-10-batches-py", "cifar-10-python.tar.gz", _BATCHES, ("test_batch",),
                 ("labels",), binary=False),
        _Version("cifar-10-batches-bin", "cifar-10-binary.tar.gz",
                 tuple(f"{name}.bin" for name in _BATCHES), ("test_batch.bin",),
                 ("labels",), binary=True),
    ),
    "cifar100": (
        _Version("cifar-100-python", "cifar-100-python.tar.gz", ("train",), ("test",),
                 ("coarse_labels", "fine_labels"), binary=False),
        _Version("cifar-100-binary", "cifar-100-binary.tar.gz", ("train.bin",), ("test.bin",),
                 ("coarse_labels", "fine_labels"), binary=True),
    ),
}  # fmt: skip


def cifar10(source: Folder) -> Dataset:
    """cifar10:DIR, images of 3×32×32 in 10 classes: the official archive, unpacked or .tar.gz."""
    return _read(source, "cifar10", "labels", 10)


def cifar100(source: Folder, labels: str = "fine") -> Dataset:
    """cifar100:DIR, images of 3×32×32 in 100 classes, or in the 20 of labels=coarse."""
    if labels not in ("fine", "coarse"):
        raise ConfigError(f"--dataset-arg labels={labels}: give fine or coarse")
    return _read(source, "cifar100", f"{labels}_labels", 100 if labels == "fine" else 20)


def _read(source: str, name: str, column: str, classes: int) -> Dataset:
    version, contents, place = _found(source, name)
    images, labels = [], []
    for file in version.files:
        where = f"{place}/{file}"
        read = _from_binary if version.binary else _from_pickle
        pixels, marks = read(contents[file], version, column, where)
        outside = np.flatnonzero((marks < 0) | (marks >= classes))
        if outside.size:
            raise DataError(
                f"{where}: label {marks[outside[0]]} of image {outside[0]} is out of range; "
                f"there are {classes} classes, numbered from 0"
            )
        images.append(pixels.reshape(-1, 3, 32, 32))
        labels.append(marks)
    train = sum(len(marks) for marks in labels[: len(version.train)])
    total = sum(map(len, labels))
    return Dataset(
        torch.from_numpy(np.concatenate(images)),
        torch.from_numpy(np.concatenate(labels)),
        parts={"train": torch.arange(train), "test": torch.arange(train, total)},
        classes=classes,
    )


def _found(source: str, name: str) -> tuple[_Version, dict[str, bytes], Path]:
    """Return the layout that is there, and its files' contents."""
    path = Path(source).expanduser()
    if path.is_file() or path.name.endswith((".tar.gz", ".tar", ".tgz")):
        return _from_archive(the_file(source, name), name)
    path = the_folder(source, name)
    for version in _VERSIONS[name]:
        for folder in (path, path / version.folder):
            if (folder / version.train[0]).is_file():
                return version, _from_folder(folder, version), folder
    for version in _VERSIONS[name]:
        if (path / version.archive).is_file():
            return _from_archive(path / version.archive, name)
    known = " nor ".join(f"{v.folder} or {v.archive}" for v in _VERSIONS[name])
    raise DataError(f"{path}: there is no {known}; see www.cs.toronto.edu/~kriz/cifar.html")


def _from_folder(folder: Path, version: _Version) -> dict[str, bytes]:
    _check_whole({file for file in version.files if (folder / file).is_file()}, version, folder)
    return {file: unpacked(folder / file, limit=_LIMIT) for file in version.files}


def _from_archive(path: Path, name: str) -> tuple[_Version, dict[str, bytes], Path]:
    wanted = {file for version in _VERSIONS[name] for file in version.files}
    contents = members(path, wanted, limit=_LIMIT)
    for version in _VERSIONS[name]:
        if version.train[0] in contents:
            _check_whole(set(contents), version, path)
            return version, contents, path
    raise DataError(f"{path}: this is no archive of {name}: it holds no {version.train[0]}")


def _check_whole(there: set[str], version: _Version, place: Path) -> None:
    missing = [file for file in version.files if file not in there]
    if missing:
        raise DataError(f"{place}: {', '.join(missing)} is missing; unpack the archive again")


def _from_binary(
    content: bytes, version: _Version, column: str, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read rows of one byte a label column, then the red, green and blue plane."""
    columns = len(version.label_columns)
    row = columns + _PIXELS
    if not content or len(content) % row:
        raise DataError(
            f"{where}: it has {len(content):,} bytes, no multiple of {row}; it is cut short or no "
            "CIFAR file"
        )
    table = np.frombuffer(content, np.uint8).reshape(-1, row)
    marks = table[:, version.label_columns.index(column)].astype(np.int64)
    return table[:, columns:], marks


def _from_pickle(
    content: bytes, version: _Version, column: str, where: str
) -> tuple[np.ndarray, np.ndarray]:
    table = unpickled(content, where)
    if not isinstance(table, Mapping):
        raise DataError(f"{where}: it holds a {type(table).__name__}, no table of images")
    named = {k.decode("latin-1") if isinstance(k, bytes) else k: v for k, v in table.items()}
    missing = {"data", column} - set(named)
    if missing:
        raise DataError(f"{where}: it has no {' and no '.join(sorted(missing))}")
    pixels, marks = named["data"], named[column]
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.ndim != 2
        or pixels.shape[1] != _PIXELS
    ):
        found = f"{getattr(pixels, 'dtype', type(pixels).__name__)} {getattr(pixels, 'shape', '')}"
        raise DataError(f"{where}: its data are {found}, not uint8 (images, {_PIXELS})")
    if (
        not isinstance(marks, list | tuple | np.ndarray)
        or len(marks) != len(pixels)
        or not all(isinstance(mark, int | np.integer) for mark in marks)
    ):
        raise DataError(f"{where}: its {column} are not one whole number an image")
    return pixels, np.array([min(max(int(mark), -1), 2**31) for mark in marks], dtype=np.int64)


def unpickled(content: bytes, where: str) -> Any:
    """Return what a pickle holds, if that is plain values and NumPy arrays.

    Raises:
        DataError: for a pickle that asks for anything else, or that is broken.
    """
    try:
        with warnings.catch_warnings():  # NumPy's about pickles as old as these
            warnings.simplefilter("ignore")
            _check_memo(content, where)
            return _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except DataError:
        raise
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise DataError(
            f"{where}: it is no whole pickle ({type(error).__name__}: {first}); get it again"
        ) from None


def _check_memo(content: bytes, where: str) -> None:
    """Refuse a pickle that numbers what it keeps beyond reason: room is made up to that number."""
    for opcode, number, _ in pickletools.genops(content):
        if opcode.name in ("PUT", "LONG_BINPUT") and int(number or 0) > len(content):
            raise DataError(f"{where}: it is no whole pickle (it keeps {number:,} things)")


class _ArraysOnly(pickle.Unpickler):
    """Builds plain values and NumPy arrays, and runs nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few functions that make an array."""
        if (module, name) not in _ALLOWED:
            raise DataError(
                f"a pickle asks for {module}.{name}; only NumPy arrays are read: get the files "
                "from www.cs.toronto.edu/~kriz/cifar.html"
            )
        return super().find_class(module, name)
