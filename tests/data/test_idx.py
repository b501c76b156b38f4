"""idx:DIR, the MNIST family's files: what is read, and what is refused."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bsx.data.idx import read_idx
from bsx.errors import BsxError, ConfigError, DataError
from tests.data.opening import opened, real, refused, sizes

TRAIN, TEST = "train", "t10k"


def idx_bytes(array: np.ndarray) -> bytes:
    """Write an array of bytes as the format says."""
    return (
        b"\0\0\x08"
        + bytes([array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + (array.astype(np.uint8).tobytes())
    )


def images(samples: int, seed: int = 0) -> np.ndarray:
    """Small pictures."""
    return np.random.default_rng(seed).integers(0, 256, (samples, 4, 5)).astype(np.uint8)


def write(folder: Path, *, packed: bool = False, train: int = 60, test: int = 20) -> Path:
    """Write a small data set of three classes."""
    for seed, (part, samples) in enumerate(((TRAIN, train), (TEST, test))):
        for what, array in (
            ("images-idx3", images(samples, seed)),
            ("labels-idx1", np.arange(samples) % 3),
        ):
            content = idx_bytes(array)
            file = folder / f"{part}-{what}-ubyte"
            if packed:
                file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(content))
            else:
                file.write_bytes(content)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_the_official_test_part_is_kept_and_validation_drawn_from_training(
    tmp_path: Path, packed: bool
) -> None:
    splits = opened(f"idx:{write(tmp_path, packed=packed)}")
    assert sizes(splits) == (52, 8, 20)
    assert splits.input_shape == (1, 4, 5)
    assert splits.classes == splits.output_size == 3
    assert sorted(splits.test.targets.tolist()) == sorted((np.arange(20) % 3).tolist())


def test_pixels_arrive_unchanged_but_for_shift_and_scale(tmp_path: Path) -> None:
    test = opened(f"idx:{write(tmp_path)}").test.inputs
    raw = torch.from_numpy(images(20, 1)).float().unsqueeze(1)
    scale = (test[0, 0, 0, 0] - test[0, 0, 0, 1]) / (raw[0, 0, 0, 0] - raw[0, 0, 0, 1])
    shift = test[0, 0, 0, 0] - scale * raw[0, 0, 0, 0]
    torch.testing.assert_close(test, raw * scale + shift, atol=1e-4, rtol=1e-4)


def test_packed_and_unpacked_files_give_the_same_fingerprint(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    one = opened(f"idx:{write(folders[0])}")
    other = opened(f"idx:{write(folders[1], packed=True)}")
    assert one.fingerprint == other.fingerprint


def test_labels_that_begin_at_one_are_numbered_from_zero(tmp_path: Path) -> None:
    write(tmp_path)
    for part, samples in ((TRAIN, 60), (TEST, 20)):
        marks = idx_bytes(np.arange(samples) % 3 + 1)
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(marks)
    assert set(opened(f"idx:{tmp_path}").test.targets.tolist()) == {0, 1, 2}


def test_a_folder_with_training_files_alone_is_divided(tmp_path: Path) -> None:
    write(tmp_path)
    for file in tmp_path.glob("t10k*"):
        file.unlink()
    assert sizes(opened(f"idx:{tmp_path}")) == (48, 6, 6)


def test_other_types_of_values_are_read(tmp_path: Path) -> None:
    file = tmp_path / "values"
    file.write_bytes(b"\0\0\x0d\x01" + struct.pack(">I3f", 3, 0.5, -1.0, 2.0))
    assert read_idx(file).tolist() == [0.5, -1.0, 2.0]


def test_a_name_without_a_folder_says_what_it_needs() -> None:
    for name in ("idx", "idx:"):
        assert refused(name, ConfigError) == "idx needs a folder: --dataset idx:DIR"


def test_a_folder_that_is_not_there_or_is_a_file_is_refused(tmp_path: Path) -> None:
    assert "no such folder" in refused(f"idx:{tmp_path / 'gone'}", ConfigError)
    (tmp_path / "file").write_text("")
    assert "this is no folder" in refused(f"idx:{tmp_path / 'file'}", ConfigError)
    (tmp_path / "empty").mkdir()
    assert "train-images-idx3-ubyte" in refused(f"idx:{tmp_path / 'empty'}")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda b: b[:-1], "download it again"),
        (lambda b: b + b"\0", "download it again"),
        (lambda b: b"\1" + b[1:], "no idx file"),
        (lambda b: b[:2] + b"\x55" + b[3:], "no idx file"),
        (lambda b: b[:3] + b"\x09" + b[4:], "9 dimensions"),
        (lambda b: b[:4] + b"\xff\xff\xff\xff" + b[8:], "4294967295"),
        (lambda b: b[:4] + b"\0\0\0\x3b" + b[8:], "59"),
        (lambda b: b"", "nothing"),
        (lambda b: b[:6], "ends too early"),
    ],
)
def test_spoiled_images_are_refused_with_the_file(tmp_path: Path, spoil: object, said: str) -> None:
    file = write(tmp_path) / "train-images-idx3-ubyte"
    file.write_bytes(spoil(file.read_bytes()))  # type: ignore[operator]
    found = refused(f"idx:{tmp_path}")
    assert said in found
    assert "train-images-idx3-ubyte" in found


@pytest.mark.parametrize("keep", [5, 30, -9, -1])
def test_a_gz_that_is_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    file = write(tmp_path, packed=True) / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:keep])
    assert str(file) in refused(f"idx:{tmp_path}")


def test_a_gz_that_is_none_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, packed=True) / "train-labels-idx1-ubyte.gz"
    file.write_bytes(b"<html>Not found</html>")
    assert "cannot be unpacked" in refused(f"idx:{tmp_path}")


def test_labels_that_do_not_pair_with_the_images_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(50) % 3))
    assert "60 images" in refused(f"idx:{tmp_path}")


def test_a_class_that_only_the_test_part_has_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(20) % 4))
    assert "training part has none" in refused(f"idx:{tmp_path}")


def test_two_data_sets_in_one_folder_are_refused(tmp_path: Path) -> None:
    for name in ("emnist-letters", "emnist-digits"):
        file = tmp_path / f"{name}-train-images-idx3-ubyte"
        file.write_bytes(idx_bytes(images(6)))
    assert "give each a folder" in refused(f"idx:{tmp_path}")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(
        st.binary(max_size=64),
        st.builds(
            lambda kind, sizes, rest: (
                bytes([0, 0, kind, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + rest
            ),
            st.sampled_from([8, 9, 11, 12, 13, 14, 7]),
            st.lists(st.integers(0, 2**32 - 1), max_size=5),
            st.binary(max_size=32),
        ),
    ),
    st.booleans(),
)
def test_any_bytes_are_read_or_refused_in_one_line(
    tmp_path: Path, content: bytes, packed: bool
) -> None:
    file = tmp_path / ("values.gz" if packed else "values")
    file.write_bytes(content)
    try:
        array = read_idx(file)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert array.nbytes <= len(content)
        assert math.prod(array.shape) == array.size


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 200), st.integers(0, 255), st.sampled_from(["images-idx3", "labels-idx1"]))
def test_any_changed_byte_of_a_data_set_is_read_or_refused(
    tmp_path: Path, place: int, value: int, what: str
) -> None:
    file = write(tmp_path) / f"train-{what}-ubyte"
    content = bytearray(file.read_bytes())
    content[min(place, len(content) - 1)] = value
    file.write_bytes(content)
    try:
        opened(f"idx:{tmp_path}")
    except BsxError as error:
        assert isinstance(error, DataError | ConfigError)


@pytest.mark.slow
def test_fashion_mnist_is_read_as_it_is_known() -> None:
    splits = opened(f"idx:{real('fashion-mnist')}")
    assert sizes(splits) == (53_000, 7_000, 10_000)
    assert splits.input_shape == (1, 28, 28)
    assert torch.bincount(splits.test.targets).tolist() == [1000] * 10
    assert abs(float(splits.train.inputs.mean())) < 1e-3
