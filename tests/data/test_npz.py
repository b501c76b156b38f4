"""npz:FILE: arrays by name, and what is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bsx.errors import ConfigError, DataError
from tests.data.opening import opened, refused, sizes

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 3


def saved(folder: Path, **arrays: Any) -> str:
    """Write arrays; return the name of the dataset."""
    np.savez(folder / "data.npz", **arrays)
    return f"npz:{folder / 'data.npz'}"


@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("X", "Y"), ("inputs", "targets"),
                                      ("data", "labels")])  # fmt: skip
def test_arrays_are_known_by_the_usual_names(tmp_path: Path, x: str, y: str) -> None:
    splits = opened(saved(tmp_path, **{x: X, y: Y}))
    assert sizes(splits) == (48, 6, 6)
    assert splits.classes == 3


def test_arrays_called_otherwise_are_named(tmp_path: Path) -> None:
    name = saved(tmp_path, a=X, b=Y)
    assert opened(name, x="a", y="b").input_shape == (4,)
    assert "there is no array c; there are a, b" in refused(name, ConfigError, x="c", y="b")
    assert "there is no x and y" in refused(name)


def test_official_parts_are_kept(tmp_path: Path) -> None:
    name = saved(tmp_path, x_train=X, y_train=Y, x_test=X[:12], y_test=Y[:12])
    assert sizes(opened(name)) == (53, 7, 12)
    name = saved(tmp_path, x_train=X, y_train=Y, x_val=X[:9], y_val=Y[:9], x_test=X, y_test=Y)
    assert sizes(opened(name)) == (60, 9, 60)


def test_images_of_bytes_get_a_channel_axis(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (60, 5, 6)).astype(np.uint8)
    assert opened(saved(tmp_path, x=pictures, y=Y)).input_shape == (1, 5, 6)


@pytest.mark.parametrize(
    ("targets", "task", "size"),
    [
        (np.linspace(0, 1, 60), "regression", 1),
        (np.linspace(0, 1, 120).reshape(60, 2), "regression", 2),
        (np.eye(3, dtype=int)[Y], "classification", 3),  # one-hot rows
        (np.eye(3, dtype=np.float32)[Y], "classification", 3),
        (np.maximum(np.eye(3, dtype=int)[Y], [0, 0, 1]), "multi-label", 3),
        (Y.astype(float), "classification", 3),
        (np.array(["cat", "dog", "eel"])[Y], "classification", 3),
        (Y[:, None], "classification", 3),
    ],
)
def test_the_task_is_judged_by_the_targets(
    tmp_path: Path, targets: np.ndarray, task: str, size: int
) -> None:
    splits = opened(saved(tmp_path, x=X, y=targets))
    assert (splits.task, splits.output_size) == (task, size)
    assert splits.classes == (size if task == "classification" else None)
    assert splits.train.targets.dtype == (
        torch.int64 if task == "classification" else torch.float32
    )


def test_the_task_can_be_said(tmp_path: Path) -> None:
    name = saved(tmp_path, x=X, y=Y)
    assert opened(name, task="regression").task == "regression"
    assert "give one of" in refused(name, ConfigError, task="guessing")
    assert "0 or 1" in refused(name, task="multi-label")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.where(np.arange(240).reshape(60, 4) == 9, np.nan, 1.0), "y": Y}, "sample 2"),
        ({"x": X, "y": Y[:50]}, "60 inputs but 50 targets"),
        ({"x": X, "y": np.where(Y == 0, np.nan, Y)}, "not finite"),
        ({"x": X[:1], "y": Y[:1]}, "has 1 samples"),
        ({"x": X, "y": np.zeros(60)}, "one class"),
        ({"x": X, "y": np.full(60, 0.5)}, "all targets are equal"),
        ({"x": X.astype(str), "y": Y}, "no numbers"),
        ({"x": X * 1j, "y": Y}, "complex"),
        ({"x": np.float64(3), "y": Y}, "1 inputs but 60"),
        ({"x": X, "y": np.int64(3)}, "targets have shape ()"),
        ({"x": np.zeros((60, 0)), "y": Y}, "inputs have shape"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :3], "y_test": Y}, "differ in shape"),
        ({"x_train": X, "y_train": Y, "x_test": X[:5], "y_test": Y}, "test part"),
        ({"x": X, "y": np.array([{}] * 60, dtype=object)}, "Python objects"),
        ({"x": X, "y": np.zeros(60, dtype=[("a", int)])}, "named fields"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused(
    tmp_path: Path, arrays: dict[str, Any], said: str
) -> None:
    assert said in refused(saved(tmp_path, **arrays))


def npy(shape: str, content: bytes) -> bytes:
    """Write an array whose header says what it likes."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


@pytest.mark.parametrize("shape", ["(10000000000,)", "(3,)", "(2, -1)", "(1 << 99,)"])
def test_a_header_that_says_more_than_there_is_is_refused(tmp_path: Path, shape: str) -> None:
    file = tmp_path / "data.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", npy(shape, b"\0" * 16))
    assert str(file) in refused(f"npz:{file}")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data.npz"
    for content in (b"", b"x,y\n1,2\n", b"PK\x03\x04"):
        file.write_bytes(content)
        assert "no whole .npz file" in refused(f"npz:{file}")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    assert "holds no arrays" in refused(f"npz:{file}")
    assert refused("npz", ConfigError) == "npz needs a file: --dataset npz:FILE"


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=4), st.integers(0, 3000))
def test_any_changed_bytes_are_read_or_refused(
    tmp_path: Path, place: int, put: bytes, cut: int
) -> None:
    stream = io.BytesIO()
    np.savez(stream, x=X, y=Y)
    content = bytearray(stream.getvalue())
    content[place : place + len(put)] = put
    file = tmp_path / "data.npz"
    file.write_bytes(content[: len(content) - (cut if cut < 1500 else 0)])
    try:
        opened(f"npz:{file}")
    except (DataError, ConfigError) as error:
        assert "\n" not in str(error)
