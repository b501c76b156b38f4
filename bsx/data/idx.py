"""The MNIST family's format: one file of images and one of labels a part, packed or not.

References: http://yann.lecun.com/exdb/mnist: two zero bytes, the type, the number of dimensions,
the sizes as big-endian 32-bit numbers, the values.
"""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bsx.data.coerce import joined
from bsx.data.dataset import Dataset
from bsx.data.rows import Rows, Table, is_mapped
from bsx.data.source import Folder, beginning, mapped, the_folder, unpacked
from bsx.errors import DataError

_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_MOST_DIMENSIONS = 4
_LONGEST_HEADER = 4 + 4 * _MOST_DIMENSIONS
_FILE = re.compile(
    r"(?:(?P<prefix>.*?)[-_.])?(?P<part>train|t10k|test|validation|val)[-_.]"
    r"(?P<what>images|labels)[-_.]idx[13][-_.]ubyte(?:\.gz)?",
    re.IGNORECASE,
)
_PARTS = {"train": "train", "t10k": "test", "test": "test", "validation": "validation",
          "val": "validation"}  # fmt: skip


def idx(source: Folder) -> Dataset:
    """idx:DIR, the MNIST family: images and labels of the training and the test part."""
    folder = the_folder(source, "idx")
    files = _files(folder)
    images, labels, parts, start = [], [], {}, 0
    for part in sorted({part for part, _ in files}, key=("train", "validation", "test").index):
        for what in ("images", "labels"):
            if (part, what) not in files:
                raise DataError(f"{folder}: the {part} part has no file of {what}")
        pixels = read_idx(files[part, "images"])
        marks = read_idx(files[part, "labels"])
        if pixels.ndim not in (3, 4):
            raise DataError(
                f"{files[part, 'images']}: images of shape {pixels.shape}; (images, height, "
                "width) is expected"
            )
        if marks.ndim != 1 or len(marks) != len(pixels):
            raise DataError(
                f"{files[part, 'labels']}: labels of shape {marks.shape} for {len(pixels)} images"
            )
        images.append(pixels[:, None] if pixels.ndim == 3 else pixels)
        labels.append(marks.astype(np.int64))
        parts[part] = torch.arange(start, start + len(marks))
        start += len(marks)
    if "train" not in parts:
        raise DataError(f"{folder}: there is no training part (train-images-idx3-ubyte)")
    if len({one.shape[1:] for one in images}) > 1:
        shapes = ", ".join(str(one.shape[1:]) for one in images)
        raise DataError(f"{folder}: the parts have images of different shapes: {shapes}")
    return Dataset(_inputs(images), torch.from_numpy(np.concatenate(labels)), parts=parts)


def _inputs(images: list[np.ndarray]) -> Tensor | Rows:
    if any(is_mapped(one) for one in images):
        return joined([Table(one) for one in images])
    together = np.concatenate(images)
    return torch.from_numpy(together if together.dtype == np.uint8 else together.astype(np.float32))


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an idx file; one that would fill memory is mapped from it.

    Raises:
        DataError: for a wrong magic number, or a size that the header does not say.
    """
    dtype, shape = _header(beginning(path, _LONGEST_HEADER), path)
    header = 4 + 4 * len(shape)
    expected = header + math.prod(shape) * dtype.itemsize
    there = mapped(path)
    if there is None:
        whole = unpacked(path, limit=expected if path.suffix.lower() == ".gz" else None)
        content = np.frombuffer(whole, np.uint8)
    else:
        content = there
    if len(content) != expected:
        raise DataError(
            f"{path}: its header says {' × '.join(map(str, shape))}, which makes {expected:,} "
            f"bytes, but it has {len(content):,}; download it again"
        )
    array = content[header:].view(dtype).reshape(shape)
    return array if there is not None else array.astype(dtype.newbyteorder("="))


def _header(first: bytes, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return type and shape; by these it is known how much there is to read."""
    magic = first[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise DataError(
            f"{path}: it begins with {magic.hex(' ') or 'nothing'}, which is no idx file "
            "(00 00, type, dimensions)"
        )
    dimensions = magic[3]
    if not 1 <= dimensions <= _MOST_DIMENSIONS or len(first) < 4 + 4 * dimensions:
        raise DataError(f"{path}: its header says {dimensions} dimensions and ends too early")
    return _TYPES[magic[2]], struct.unpack_from(f">{dimensions}I", first, 4)


def _files(folder: Path) -> dict[tuple[str, str], Path]:
    """Return (part, images or labels) → file; packed and unpacked files of one name are one."""
    found: dict[tuple[str, str], Path] = {}
    prefixes = set()
    for path in sorted(folder.iterdir()):
        match = _FILE.fullmatch(path.name)
        if match and path.is_file():
            prefixes.add(match["prefix"] or "")
            found.setdefault((_PARTS[match["part"].lower()], match["what"].lower()), path)
    if not found:
        raise DataError(
            f"{folder}: there are no files train-images-idx3-ubyte and train-labels-idx1-ubyte "
            "(packed as .gz or not)"
        )
    if len(prefixes) > 1:
        names = ", ".join(sorted(prefixes))
        raise DataError(f"{folder}: there are several data sets ({names}); give each a folder")
    return found
