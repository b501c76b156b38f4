"""Good files and arguments, and what hypothesis makes of them: spoiled in the ways files spoil."""

from __future__ import annotations

import functools
import io
import json
import pickle
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from bsx.schema import plain
from tests import fakes

_RNG = np.random.default_rng(0)
INPUTS = _RNG.normal(size=(12, 3))
LABELS = np.arange(12) % 3

# What stands where a number is meant: extreme ones, and such as only look like numbers.
NUMBERS = ("0", "1", "8", "32", "1e3", "1_000", "1,000", "-1", "+3", "1.5", "nan", "inf", "-inf",
           "1e400", "9" * 30, "9" * 5000, "0x10", "１２", "", " ", "none", "true", "8..64",
           "8..64:8", "1..1e18:1", "é", "\x1b[31m", "[red]", "\0", "\udcff", "a" * 300)  # fmt: skip
_WORDS = (b"\0", b"\xff", b"\xff" * 8, b"\x80\0\0\0", b"\n", b"\r", b'"', b"'", b",", b";", b"[",
          b"[" * 600, b"]", b"{", b"}", b"=", b"-1", b"nan", b"inf", b"1e400", b"9" * 40,
          b"9" * 5000, b"\xef\xbb\xbf", b"\x1b[2J", b"\xed\xa0\x80", b"x" * 3000, b"(2,)",
          b"|O", b"<f8", b"1099511627776")  # fmt: skip


def spoiled(*good: bytes) -> st.SearchStrategy[bytes]:
    """Return good contents with some bytes changed, put in, left out, doubled or cut off."""
    return st.builds(
        functools.reduce,
        st.just(_changed),
        st.lists(
            st.tuples(
                st.sampled_from(("put", "over", "cut", "end", "twice", "flip", "number")),
                st.integers(0, 2**31),
                st.integers(1, 24),
                st.sampled_from(_WORDS) | st.binary(min_size=1, max_size=8),
            ),
            max_size=4,
        ),
        st.sampled_from(good),
    )


def _changed(content: bytes, change: tuple[str, int, int, bytes]) -> bytes:
    kind, where, length, word = change
    place = where % (len(content) + 1)
    before, after = content[:place], content[place:]
    match kind:
        case "put":
            return before + word + after
        case "over":
            return before + word + after[len(word) :]
        case "cut":
            return before + after[length:]
        case "end":
            return before
        case "twice":
            return before + after[:length] + after
        case "flip":
            return before + bytes([after[0] ^ (1 << length % 8)]) + after[1:] if after else content
        case _:
            number = (-1, 0, 2**31 - 1, 2**32 - 1, 10**13, -(2**63))[length % 6]
            packed = struct.pack("<q" if length % 2 else ">q", number)
            return before + packed[: 4 if length % 4 else 8] + after[4 if length % 4 else 8 :]


def lines(*rows: Sequence[object]) -> bytes:
    """Return rows as a csv file has them."""
    return "\n".join(",".join(map(str, row)) for row in rows).encode()


CSV = (
    lines(("a", "b", "c", "y"), *((*row, i % 3) for i, row in enumerate(INPUTS))),
    lines(*((i, 2 * i, "x" if i % 2 else "z", i / 3) for i in range(10))),
    lines(("a", "b"), *((f'"{i}"', i % 2) for i in range(8))).replace(b"\n", b"\r\n"),
)  # fmt: skip
CURVES = (
    lines(("batch_size", "step", "accuracy", "lr", "seed"),
          *((b, s, 1 - 1 / s, 0.1, 0) for b in (8, 16, 32) for s in (1, 10, 100))),
    lines(("B", "steps"), (8, 100), (16, 60), (32, 45), (64, 40)),
    "\n".join(json.dumps({"batch_size": b, "step": s, "loss": 1 / s, "train_loss": 2 / s})
              for b in (4, 8) for s in (1, 5, 20)).encode(),
    json.dumps([{"B": b, "steps": 100 / b, "target": "0.9"} for b in (1, 2, 4)]).encode(),
)  # fmt: skip
TOML = (
    b'dataset = "wine"\nbatch_sizes = [4, 8]\nseeds = 3\nepochs = 2.5\n'
    b'model_args = {hidden = [8, 4]}\ntarget = ["accuracy=0.9"]\nname = "a"\n',
    b'steps = 100\nlearning_rate = [0.1, 0.2]\nwithin = "10m"\ntolerance = 0.01\n'
    b"clip_norm = 'none'\n[dataset_args]\nx = 1\n[vary]\noptimizer = [\"sgd\", \"adam\"]\n",
)  # fmt: skip


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    """Return an array as the MNIST family's files have it."""
    header = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


IDX = (
    idx(_RNG.integers(0, 256, (5, 3, 2)).astype(np.uint8)),
    idx(np.arange(7, dtype=np.uint8)),
    idx(np.arange(6).reshape(2, 3).astype(">f4"), 0x0D),
)


def npz(pack: bool = False, **arrays: np.ndarray) -> bytes:
    """Return arrays as NumPy saves them."""
    stream = io.BytesIO()
    (np.savez_compressed if pack else np.savez)(stream, **arrays)
    return stream.getvalue()


NPZ = (
    npz(x=INPUTS, y=LABELS),
    npz(pack=True, x_train=INPUTS, y_train=LABELS, x_test=INPUTS[:4], y_test=LABELS[:4]),
    npz(x=np.asfortranarray(INPUTS), y=np.array(["a", "b"] * 6)),
)


def torch_file(value: object) -> bytes:
    """Return what torch.save writes."""
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def safetensors(**tensors: np.ndarray) -> bytes:
    """Return float32 arrays in the format of safetensors."""
    header, content = {}, b""
    for name, tensor in tensors.items():
        numbers = tensor.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                        "data_offsets": [len(content), len(content) + len(numbers)]}  # fmt: skip
        content += numbers
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content


WEIGHTS = {
    ".safetensors": (safetensors(a=INPUTS, b=INPUTS[0]), safetensors(w=np.zeros((0, 3)))),
    ".pt": (torch_file({"a": torch.ones(2, 3), "b": torch.zeros(4)}),
            torch_file({"model": {"w": torch.arange(5)}, "epoch": 3})),
}  # fmt: skip
PICKLES = (
    pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 2]}, protocol=2),
    pickle.dumps({"data": np.zeros((2, 4), np.uint8), "labels": [0]}, protocol=0),
)
STATES: tuple[dict[str, Any], ...] = (
    {"step": 3, "weights": [torch.ones(2, 3)], "curve": []},
    {"step": 4, "weights": [torch.full((2, 3), 2.0)], "curve": [1.0, 2.0]},
)
PROBE = {
    "schema_version": 1,
    "batch_sizes": [
        {"batch_size": size, "step_seconds_draws": [1e-3 * size, 1.1e-3 * size],
         "speed": {"loop": "device"}, "peak_memory_bytes": {"value": 1000 * size}}
        for size in (8, 32, 128)
    ],
    "step_model": {"alpha": {"value": 1e-4}, "beta": {"value": 1e-3}},
    "config": plain(fakes.config()),
    "device": "cpu", "threads": 2, "environment": {"processor": "some"},
    "data": {"fingerprint": "0" * 20}, "parameters": 100,
}  # fmt: skip
REPORTS = (
    b'{"step": 10, "val_loss": 0.5, "train": {"loss": 1}}',
    b"INFO {'step': 3, 'loss': nan, 'accuracy': 0.25}",
)
