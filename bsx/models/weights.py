"""Weights in a file: safetensors, or a state dict of ``torch.save``; nothing in it is executed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from bsx import files
from bsx.errors import ConfigError

# The names of types in a safetensors header: https://github.com/huggingface/safetensors
_DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}
_LONGEST_HEADER = 100_000_000  # bytes, as in safetensors itself
_NESTED = ("state_dict", "model_state_dict", "model")  # where a checkpoint keeps its weights
_PREFIXES = ("module.", "_orig_mod.")  # left by DistributedDataParallel and torch.compile
_SAVE = "save them with torch.save(model.state_dict(), FILE) or as safetensors"


def read_weights(file: str) -> dict[str, Tensor]:
    """Return name → tensor of the weights in ``file``.

    Raises:
        ConfigError: for a file that is missing, of another kind, or cut short.
    """
    path = Path(file)
    try:
        with files.opened(path) as stream:
            if path.suffix == ".safetensors":
                found: Any = _safetensors(stream)
            else:
                files.check_unpacked(stream)
                found = torch.load(stream, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConfigError(f"--init-from {file}: cannot be read: {error.strerror}") from None
    except Exception as error:  # torch raises of many kinds where a file is broken
        first = str(error).partition("\n")[0].strip()
        raise ConfigError(
            f"--init-from {file}: holds no weights that bsx can read ({type(error).__name__}: "
            f"{first[:80]}); {_SAVE}"
        ) from None
    for key in _NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not any(isinstance(v, Tensor) for v in found.values()):
        raise ConfigError(f"--init-from {file}: holds {type(found).__name__}, no weights; {_SAVE}")
    return _named(found)


def _named(found: Mapping[Any, Any]) -> dict[str, Tensor]:
    weights = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def _safetensors(stream: BinaryIO) -> dict[str, Tensor]:
    """Read the format: the header's length in 8 bytes, the header in JSON, the numbers.

    No byte belongs to two tensors, so that no more is read than there is.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 + length or length > _LONGEST_HEADER:
        raise ValueError("the file is cut short, or its header no header")
    header = json.loads(stream.read(length))
    if not isinstance(header, dict):
        raise ValueError("the header is no table")
    weights, end_before = {}, 0
    entries = [(name, entry) for name, entry in header.items() if name != "__metadata__"]
    for name, entry in sorted(entries, key=lambda pair: pair[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        shape, dtype = entry["shape"], _DTYPES.get(entry["dtype"])
        if dtype is None:
            raise ValueError(f"{name} is of type {entry['dtype']}")
        if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
            raise ValueError(f"{name} has a shape or a place that is none")
        if begin < end_before or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} does not lie where its shape says")
        if 8 + length + end > size:
            raise ValueError("the file is cut short")
        end_before = end
        weights[name] = _tensor(stream, 8 + length + begin, shape, dtype)
    return weights


def _tensor(stream: BinaryIO, place: int, shape: list[int], dtype: torch.dtype) -> Tensor:
    tensor = torch.empty(shape, dtype=dtype)
    if tensor.numel():
        stream.seek(place)
        stream.readinto(tensor.reshape(-1).view(torch.uint8).numpy())  # type: ignore[attr-defined]
    return tensor
