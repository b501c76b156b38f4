"""Data of a user's that does not fit in memory: what the tests of streams train on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from bsx import data

HERE = "tests.data.streams"
SAMPLES = 120


class Pairs(Dataset[tuple[Any, int]]):
    """A map-style Dataset: noise by number, its class that of its first two values."""

    def __init__(self, samples: int = SAMPLES, log: str | None = None, spoil: str = "") -> None:
        self.samples, self.log, self.spoil = samples, log, spoil

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> tuple[Any, int]:
        if self.log is not None:
            with Path(self.log).open("a") as file:
                file.write(f"{os.getpid()} {index}\n")
        values = np.random.default_rng(index).normal(3, 2, size=5).astype(np.float32)
        if index == 70 and self.spoil == "nan":
            values[3] = np.nan
        if index == 70 and self.spoil == "raises":
            raise OSError("the file\nis gone")
        if index == 70 and self.spoil == "shape":
            values = values[:4]
        return values, int(values[0] > 3) + int(values[1] > 3)


class Pictures(Pairs):
    """The same as images of bytes, in tensors."""

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(index)
        pixels = torch.randint(0, 256, (3, 6, 5), generator=generator, dtype=torch.uint8)
        return pixels, torch.tensor(index % 3)


class OneByOne(IterableDataset[tuple[Any, int]]):
    """The same without numbers or a length."""

    def __init__(self, samples: int = SAMPLES, spoil: str = "") -> None:
        self.pairs = Pairs(samples, spoil=spoil)

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        return (self.pairs[i] for i in range(len(self.pairs)))


class Large(Pairs):
    """Samples of 1.5 MB each, which no one holds."""

    def __getitem__(self, index: int) -> tuple[Any, int]:
        values = np.full(375_000, index % 7, dtype=np.float32)
        values[: index % 1000] += 1
        return values, index % 2


class Slow(Pairs):
    """A Dataset that is never done, and tells who reads it."""

    def __getitem__(self, index: int) -> tuple[Any, int]:
        if index > 60 and torch.utils.data.get_worker_info() is not None:
            time.sleep(0.02)
        return super().__getitem__(index)


def arrays(task: str = "classification") -> dict[str, Any]:
    """Arrays of official parts, in memory."""
    x = np.stack([Pairs()[i][0] for i in range(SAMPLES)]).astype(np.float64)
    y = np.arange(SAMPLES) % 3 if task == "classification" else x.sum(axis=1)
    return {"x_train": x[:90], "y_train": y[:90], "x_test": x[90:], "y_test": y[90:], "task": task}


def mapped(folder: str, kind: str = "float32") -> tuple[Any, Any]:
    """An array that is mapped from a file."""
    file = Path(folder) / f"{kind}.npy"
    if not file.exists():
        np.save(file, np.random.default_rng(0).integers(0, 250, (SAMPLES, 4)).astype(kind))
    return np.load(file, mmap_mode="r"), np.arange(SAMPLES) % 3


def tokens() -> data.Dataset:
    """Token ids, to be predicted."""
    ids = torch.arange(SAMPLES * 5).reshape(SAMPLES, 5) % 7
    return data.Dataset(ids[:, :-1], ids[:, 1:], task="language-modelling", output_size=7)
