"""cifar10:DIR and cifar100:DIR: both official versions, unpacked or not."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bsx.data.cifar import unpickled
from bsx.errors import ConfigError, DataError
from tests.data.opening import opened, refused, sizes

EACH = 60  # images of a file
FILES = {
    "cifar10": [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"],
    "cifar100": ["train", "test"],
}


def pixels(seed: int) -> np.ndarray:
    """Rows of red, green and blue planes."""
    return np.random.default_rng(seed).integers(0, 256, (EACH, 3072)).astype(np.uint8)


def binary(name: str) -> dict[str, bytes]:
    """The files of the binary version."""
    found = {}
    for seed, file in enumerate(FILES[name]):
        rows = []
        for i, row in enumerate(pixels(seed)):
            labels = [i % 10] if name == "cifar10" else [i % 20, i % 20 + 80]
            rows.append(bytes(labels) + row.tobytes())
        found[f"{file}.bin"] = b"".join(rows)
    return found


def pickled(name: str, protocol: int = 2) -> dict[str, bytes]:
    """The files of the python version."""
    found = {}
    for seed, file in enumerate(FILES[name]):
        table: dict[Any, Any] = {b"data": pixels(seed), b"batch_label": file.encode()}
        if name == "cifar10":
            table[b"labels"] = [i % 10 for i in range(EACH)]
        else:
            table[b"coarse_labels"] = [i % 20 for i in range(EACH)]
            table[b"fine_labels"] = [i % 20 + 80 for i in range(EACH)]
        found[file] = pickle.dumps(table, protocol=protocol)
    return found


def unpack(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def pack(path: Path, files: dict[str, bytes], inside: str = "cifar") -> Path:
    """Write files into an archive."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{inside}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_the_binary_version_is_read(tmp_path: Path) -> None:
    splits = opened(f"cifar10:{unpack(tmp_path, binary('cifar10'))}")
    assert sizes(splits) == (264, 36, 60)
    assert splits.input_shape == (3, 32, 32)
    assert splits.classes == 10
    raw = torch.from_numpy(pixels(5).reshape(EACH, 3, 32, 32)).float()
    for channel in range(3):
        both = torch.stack([raw[:, channel].ravel(), splits.test.inputs[:, channel].ravel()])
        assert float(torch.corrcoef(both)[0, 1]) > 0.9999
    assert splits.test.targets.tolist() == [i % 10 for i in range(EACH)]


def test_every_way_it_is_distributed_gives_the_same_data(tmp_path: Path) -> None:
    places = [
        unpack(tmp_path / "a", binary("cifar10")),
        unpack(tmp_path / "b", pickled("cifar10")),
        unpack(tmp_path / "c" / "cifar-10-batches-py", pickled("cifar10", protocol=4)).parent,
        pack(tmp_path / "cifar-10-binary.tar.gz", binary("cifar10")),
        pack(tmp_path / "any.tar.gz", pickled("cifar10"), "cifar-10-batches-py"),
    ]
    folder = tmp_path / "d"
    folder.mkdir()
    pack(folder / "cifar-10-python.tar.gz", pickled("cifar10"))
    prints = {opened(f"cifar10:{place}").fingerprint for place in [*places, folder]}
    assert len(prints) == 1


@pytest.mark.parametrize("version", [binary, pickled])
def test_cifar100_has_fine_and_coarse_labels(tmp_path: Path, version: Any) -> None:
    name = f"cifar100:{unpack(tmp_path, version('cifar100'))}"
    fine = opened(name, validation=0.25)
    assert fine.classes == 100
    assert int(fine.test.targets.max()) == 99
    coarse = opened(name, validation=0.25, labels="coarse")
    assert coarse.classes == 20
    assert torch.equal(coarse.test.targets, fine.test.targets - 80)
    assert "fine or coarse" in refused(name, ConfigError, labels="both")


def test_a_folder_without_the_files_says_what_is_looked_for(tmp_path: Path) -> None:
    assert "cifar-10-python.tar.gz" in refused(f"cifar10:{tmp_path}")
    assert "no such file" in refused(f"cifar10:{tmp_path}/x.tar.gz", ConfigError)
    assert refused("cifar100", ConfigError) == "cifar100 needs a folder: --dataset cifar100:DIR"


def test_a_batch_that_is_missing_is_named(tmp_path: Path) -> None:
    (unpack(tmp_path, pickled("cifar10")) / "data_batch_3").unlink()
    assert "data_batch_3 is missing" in refused(f"cifar10:{tmp_path}")


@pytest.mark.parametrize("kind", ["cut", "label", "empty"])
def test_spoiled_binary_files_are_refused_with_the_file(tmp_path: Path, kind: str) -> None:
    files = binary("cifar10")
    content = files["data_batch_2.bin"]
    spoiled = {"cut": content[:-5], "label": b"\x0b" + content[1:], "empty": b""}
    unpack(tmp_path, {**files, "data_batch_2.bin": spoiled[kind]})
    said = refused(f"cifar10:{tmp_path}")
    assert "data_batch_2.bin" in said
    assert ("label 11 of image 0 is out of range" in said) == (kind == "label")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([1, 2], "no table of images"),
        ({b"data": 1}, "it has no labels"),
        ({b"data": [[1]], b"labels": [1]}, "its data are list"),
        ({b"data": np.zeros((2, 5), np.uint8), b"labels": [1, 1]}, "(2, 5)"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]}, "one whole number an image"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, "x"]}, "one whole number"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 10]}, "label 10 of image 1"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 10**30]}, "out of range"),
        ({b"data": np.zeros((2, 3072)), b"labels": [1, 1]}, "float64"),
    ],
)
def test_spoiled_pickles_are_refused_with_the_file(tmp_path: Path, table: Any, said: str) -> None:
    unpack(tmp_path, {**pickled("cifar10"), "data_batch_1": pickle.dumps(table)})
    found = refused(f"cifar10:{tmp_path}")
    assert said in found
    assert "data_batch_1" in found


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.file}",)


def test_a_pickle_that_would_run_something_is_refused_and_not_run(tmp_path: Path) -> None:
    evil = pickle.dumps({b"data": Evil(tmp_path / "ran"), b"labels": []})
    unpack(tmp_path, {**pickled("cifar10"), "data_batch_1": evil})
    assert "only NumPy arrays are read" in refused(f"cifar10:{tmp_path}")
    assert not (tmp_path / "ran").exists()


def test_an_archive_writes_nothing_and_its_links_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar.gz"
    (tmp_path / "secret").write_text("secret")
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("data_batch_1")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        archive.addfile(link)
        out = tarfile.TarInfo("../../escaped")
        out.size = 1
        archive.addfile(out, io.BytesIO(b"x"))
    before = set(tmp_path.parent.rglob("*"))
    assert "no archive of cifar10" in refused(f"cifar10:{path}")
    assert set(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_an_archive_that_is_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    path = pack(tmp_path / "cifar.tar.gz", binary("cifar10"))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert str(path) in refused(f"cifar10:{path}")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 120), st.integers(0, 255), st.integers(1, 400))
def test_any_changed_pickle_is_read_or_refused(place: int, value: int, length: int) -> None:
    table = {b"data": np.zeros((2, 4), np.uint8), b"labels": [1, 2]}
    content = bytearray(pickle.dumps(table, protocol=2))[:length]
    content[min(place, len(content) - 1)] = value
    try:
        unpickled(bytes(content), "a file")
    except DataError as error:
        assert "\n" not in str(error)
