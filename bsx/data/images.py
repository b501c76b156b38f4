"""Folders of pictures: a folder a class, read with Pillow."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bsx.data.dataset import Dataset
from bsx.data.rows import Numbers, Rows
from bsx.data.source import Folder, the_folder
from bsx.errors import ConfigError, DataError

_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".tif", ".tiff",
            ".webp"}  # fmt: skip
# What Pillow may take a file for, whatever its name; some kinds would be given to other programs
_KINDS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
_PARTS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation",
          "test": "test"}  # fmt: skip
_MODES = {1: "L", 3: "RGB"}


def images(source: Folder, resize: Any = None, channels: int = 3) -> Dataset:
    """images:DIR, a folder of pictures for each class: resize=32 or 32,48 channels=3|1.

    Folders train, val and test at the top are official parts. All pictures must be of one size
    unless ``resize`` gives one (height,width); ``channels=1`` makes them grey. Needs bsx[images].
    Those that do not fit in memory are read again whenever they are needed.
    """
    folder = the_folder(source, "images")
    size = _size(resize)
    if channels not in _MODES:
        raise ConfigError(f"--dataset-arg channels={channels}: give 3 (colour) or 1 (grey)")
    try:
        Image: Any = importlib.import_module("PIL.Image")
    except ImportError:
        raise DataError(
            f"--dataset images:{source}: images needs Pillow: pip install 'bsx[images]'"
        ) from None
    parts = _parts(folder)
    classes = _classes(parts, folder)
    files = [
        (part, classes.index(kind.name), file)
        for part, top in parts.items()
        for kind in _folders(top)
        for file in _pictures(kind)
    ]
    pictures = Pictures(Image, [file for _, _, file in files], size, _MODES[channels])
    rows = {part: [row for row, (p, _, _) in enumerate(files) if p == part] for part in parts}
    parted = {p: torch.tensor(found, dtype=torch.int64) for p, found in rows.items()}
    return Dataset(
        pictures,
        torch.tensor([label for _, label, _ in files]),
        parts=parted if len(parted) > 1 else None,
        classes=len(classes),
    )


class Pictures(Rows):
    """Pictures, uint8 (pictures, channels, height, width), read from their files when asked for.

    Args:
        size: height and width that they are brought to; None for pictures of one size.
        mode: Pillow's name of it: RGB or L.
    """

    dtype = torch.uint8
    processes = 4

    def __init__(
        self, Image: Any, files: Sequence[Path], size: tuple[int, int] | None, mode: str
    ) -> None:
        self._Image, self._files, self._resized, self._mode = Image, files, size, mode
        channels = len(mode) if mode == "RGB" else 1
        self.shape = (len(files), channels, *(size or _size_of(Image, files[0])))

    def fetch(self, numbers: Numbers) -> Tensor:
        """Return these pictures.

        Raises:
            DataError: for one that cannot be read or is of another size, with the file.
        """
        pixels = np.empty((len(numbers), *self.shape[1:]), dtype=np.uint8)
        for place, number in enumerate(numbers):
            picture = self._picture(self._files[number])
            pixels[place] = picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)
        return torch.from_numpy(pixels)

    def _picture(self, file: Path) -> np.ndarray:
        first = self.shape[2:]
        if self._resized is None and (found := _size_of(self._Image, file)) != first:
            raise DataError(
                f"{file}: it is {found[0]}×{found[1]}, the first picture {first[0]}×{first[1]}; "
                "give --dataset-arg resize=HEIGHT,WIDTH"
            )
        return _read(self._Image, file, self._resized, self._mode)


def _size(resize: Any) -> tuple[int, int] | None:
    if resize is None:
        return None
    both = (resize, resize) if type(resize) is int else resize
    if not isinstance(both, tuple | list) or len(both) != 2:
        raise ConfigError(f"--dataset-arg resize={resize}: give a size, or height,width")
    if not all(type(n) is int and 1 <= n <= 4096 for n in both):
        raise ConfigError(f"--dataset-arg resize={resize}: give whole numbers from 1 to 4096")
    return both[0], both[1]


def _parts(folder: Path) -> dict[str, Path]:
    """Return part → folder of class folders."""
    named = [f for f in _folders(folder) if f.name.lower() in _PARTS]
    if not any(f.name.lower() == "train" for f in named):
        return {"train": folder}
    parts: dict[str, Path] = {}
    for found in named:
        part = _PARTS[found.name.lower()]
        if part in parts:
            raise DataError(f"{folder}: {parts[part].name} and {found.name} are one part; keep one")
        parts[part] = found
    return parts


def _classes(parts: dict[str, Path], folder: Path) -> list[str]:
    """Return the names of the classes, each of which has pictures in the training part."""
    classes = [kind.name for kind in _folders(parts["train"])]
    if not classes:
        raise DataError(
            f"{parts['train']}: there are no folders in it; give one for each class, with pictures"
        )
    for part, top in parts.items():
        for kind in _folders(top):
            if kind.name not in classes:
                raise DataError(f"{kind}: the training part has no class of this name")
            if part == "train" and not _pictures(kind):
                raise DataError(f"{kind}: there are no pictures in it; add some or remove it")
    if len(classes) < 2:
        raise DataError(f"{folder}: there is one class, {classes[0]}; nothing can be learned")
    return classes


def _folders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        f
        for f in folder.rglob("*")
        if f.suffix.lower() in _ENDINGS and f.is_file() and not f.name.startswith(".")
    )


def _size_of(Image: Any, file: Path) -> tuple[int, int]:
    """Return height and width by the header alone."""
    with _opened(Image, file) as picture:
        return int(picture.height), int(picture.width)


def _read(Image: Any, file: Path, size: tuple[int, int] | None, mode: str) -> np.ndarray:
    try:
        with warnings.catch_warnings(), _opened(Image, file) as picture:
            warnings.simplefilter("ignore")  # of transparency that is lost
            converted = picture.convert(mode)
            if size is not None and (converted.height, converted.width) != size:
                converted = converted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            return np.asarray(converted, dtype=np.uint8)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{file}: it is no whole picture ({error}); replace it") from None


def _opened(Image: Any, file: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(file, formats=_KINDS)
    except Exception as error:
        raise DataError(
            f"{file}: it is no picture that Pillow reads ({type(error).__name__}); replace it"
        ) from None
