"""Weights in a file: safetensors, or a state dict of ``torch.save``; nothing in it is executed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

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
        if path.suffix == ".safetensors":
            found: Any = _safetensors(path.read_bytes())
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConfigError(f"--init-from {file}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RuntimeError, EOFError, pickle.PickleError) as error:
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


def _safetensors(content: bytes) -> dict[str, Tensor]:
    """Read the format: the header's length in 8 bytes, the header in JSON, the numbers."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 + length:
        raise ValueError("the file is cut short")
    header = json.loads(content[8 : 8 + length])
    if not isinstance(header, dict):
        raise ValueError("the header is no table")
    numbers = memoryview(content)[8 + length :]
    weights = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _DTYPES:
            raise ValueError(f"{name} is of type {entry['dtype']}")
        begin, end = entry["data_offsets"]
        if end > len(numbers):
            raise ValueError("the file is cut short")
        flat = torch.empty(0, dtype=_DTYPES[entry["dtype"]])
        if end > begin:
            flat = torch.frombuffer(bytearray(numbers[begin:end]), dtype=flat.dtype)
        weights[name] = flat.reshape(entry["shape"])
    return weights
