"""Files that promise what they do not hold: refused before memory is taken or anything waited for.

Each is read in this process, under a limit of address space that none of the promises fits in.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import resource
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bsx import engines, files
from bsx.command.reports import CsvFile
from bsx.data import room, scratch
from bsx.errors import BsxError
from bsx.models.weights import read_weights
from tests.data.opening import opened, refused
from tests.faults import fuzz
from tests.faults.spoiled import CSV, INPUTS, LABELS, npz, safetensors, torch_file
from tests.here import Shell, here

__all__ = ["here"]

TEN_TB = 10**13


@pytest.fixture(autouse=True)
def in_time_and_in_a_gigabyte() -> Iterator[None]:
    """Let nothing take a gigabyte more than there is now, nor wait for what does not come."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        with fuzz.in_time():
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def put(path: Path, content: bytes) -> Path:
    """Write a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- headers that promise terabytes ---------------------------------------------------------


def idx_promising(*sizes: int) -> bytes:
    return bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + b"\1" * 64


@pytest.mark.parametrize("packed", [False, True])
def test_an_idx_header_that_promises_terabytes_is_refused(tmp_path: Path, packed: bool) -> None:
    content = idx_promising(2**31, 2**31, 4)
    name = "train-images-idx3-ubyte"
    put(tmp_path / (name + ".gz" * packed), gzip.compress(content) if packed else content)
    put(tmp_path / "train-labels-idx1-ubyte", idx_promising(64))
    assert "has 80" in refused(f"idx:{tmp_path}")


def test_an_idx_gz_that_goes_on_behind_its_numbers_is_not_unpacked_to_its_end(
    tmp_path: Path,
) -> None:
    bomb = gzip.compress(idx_promising(8, 8) + bytes(2**29), 1)
    put(tmp_path / "train-images-idx3-ubyte.gz", bomb)
    put(tmp_path / "train-labels-idx1-ubyte", idx_promising(64))
    assert "more than the 76 bytes" in refused(f"idx:{tmp_path}")


def npy_of(shape: tuple[int, ...], kind: str, numbers: bytes = b"") -> bytes:
    stream = io.BytesIO()
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)  # type: ignore[arg-type]
    return stream.getvalue() + numbers


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((TEN_TB,), "<f8"),
        ((2**62, 8), "<f8"),
        ((-12, -3), "<f8"),
        ((12, -3), "<f8"),
        ((0, 2**70), "<f8"),
        ((1,), "<U2500000000000"),
        ((12, 3), "|O"),
    ],
)
def test_an_array_that_is_not_what_its_header_says_is_refused(
    tmp_path: Path, shape: tuple[int, ...], kind: str
) -> None:
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("x.npy", npy_of(shape, kind, INPUTS.tobytes()))
        archive.writestr("y.npy", npy_of((12,), "<i8", LABELS.tobytes()))
    assert "data.npz" in refused(f"npz:{tmp_path / 'data.npz'}")


def test_arrays_that_unpack_to_more_than_memory_are_refused_before_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fits, and all of them do not."""
    monkeypatch.setattr(room, "available", lambda: 2**24)
    zeros = {f"x{i}": np.zeros(2**19) for i in range(8)}
    put(tmp_path / "data.npz", npz(pack=True, x=INPUTS, y=LABELS, **zeros))
    assert (tmp_path / "data.npz").stat().st_size < 2**17
    assert "33.6 MB, 16.8 MB are free" in refused(f"npz:{tmp_path / 'data.npz'}")


def test_a_zip_within_a_zip_is_no_array(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("x.npz", npz(x=INPUTS, y=LABELS))
    assert "holds no arrays" in refused(f"npz:{tmp_path / 'data.npz'}")
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("x.npy", npz(x=INPUTS, y=LABELS))
    assert "no whole .npz" in refused(f"npz:{tmp_path / 'data.npz'}")


def test_text_that_unpacks_to_more_than_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsx.data.source.available", lambda: 2**24)
    put(tmp_path / "data.csv.gz", gzip.compress(CSV[0] * 2 + bytes(2**26), 1))
    said = refused(f"csv:{tmp_path / 'data.csv.gz'}")
    assert "its content takes 8.4 MB or more" in said or "12.6 MB" in said


def test_a_table_of_more_cells_than_memory_holds_is_refused_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "available", lambda: 2**24)
    file = put(tmp_path / "data.csv", b"1,2\n" * 200_000)
    for kind in ("csv", "series"):
        said = refused(f"{kind}:{file}")
        assert "400,001 cells" in said and "are free" in said


def test_categories_that_would_fill_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """900 texts in each of 20 columns: 18,000 numbers a row."""
    rows = [",".join([f"t{i % 900}"] * 20 + [str(i % 2)]) for i in range(2000)]
    file = put(tmp_path / "data.csv", "\n".join(rows).encode())
    monkeypatch.setattr(room, "available", lambda: 99_000_000)
    assert "its inputs needs 0.1 GB" in refused(f"csv:{file}")


# --- archives and pickles -------------------------------------------------------------------


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def member(name: str, size: int, **more: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in more.items():
        setattr(info, key, value)
    return info


def test_an_archive_of_images_writes_nothing_and_follows_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    secret = put(tmp_path / "secret", b"s" * 3073)
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    evil = [(member(f"../../{name}", 3073), bytes(3073)) for name in names[1:]]
    link = member(f"a/{names[0]}", 0, type=tarfile.SYMTYPE, linkname=str(secret))
    put(inside / "cifar.tar", tar_of((link, b""), *evil))
    monkeypatch.chdir(inside)
    before = sorted(tmp_path.rglob("*"))
    assert "this is no archive of cifar10" in refused("cifar10:cifar.tar")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "header",
    [
        member("data_batch_1.bin", TEN_TB),
        member("another", 2**40),
        member("@PaxHeader", 2**35, type=b"x"),
        member("@LongLink", 2**35, type=b"L"),
    ],
)
def test_a_member_that_promises_terabytes_is_not_read(
    tmp_path: Path, header: tarfile.TarInfo
) -> None:
    content = header.tobuf(tarfile.GNU_FORMAT) + bytes(2**20)
    put(tmp_path / "cifar.tar.gz", gzip.compress(content))
    assert "cifar.tar.gz" in refused(f"cifar10:{tmp_path / 'cifar.tar.gz'}")


def test_an_archive_that_unpacks_without_an_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsx.data.cifar._LIMIT", 2**16)
    many = tar_of(*((member(f"file{i}", 2**15), bytes(2**15)) for i in range(40)))
    put(tmp_path / "cifar.tar.gz", gzip.compress(many))
    assert "unpacks to far more" in refused(f"cifar10:{tmp_path / 'cifar.tar.gz'}")


PICKLES: dict[str, bytes] = {
    "a number of what is kept": b"\x80\x02]r\xff\xff\xff\x7f.",
    "the same in text": b"(lp4294967295\n.",
    "bytes": b"\x80\x04\x8e" + struct.pack("<Q", TEN_TB) + b"x.",
    "an array": pickle.dumps(np.zeros((2, 2)), protocol=2).replace(
        b"K\x02K\x02\x86", b"\x8a\x06" + TEN_TB.to_bytes(6, "little") + b"K\x02\x86"
    ),
    "code": b"cos\nsystem\n(S'touch evil'\ntR.",
    "a method of an array": b"cnumpy\nndarray.tofile\n(S'evil'\ntR.",
}


@pytest.mark.parametrize("content", PICKLES.values(), ids=PICKLES)
def test_a_pickle_that_asks_for_memory_or_code_is_refused(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        put(tmp_path / "data" / name, content)
    refused(f"cifar10:{tmp_path / 'data'}")
    assert not (tmp_path / "evil").exists()


# --- weights --------------------------------------------------------------------------------


class Evil:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch evil",)


def header_of(**entries: Any) -> bytes:
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + bytes(64)


def entry(shape: Any, begin: Any, end: Any, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


SAFETENSORS: dict[str, bytes] = {
    "a header of terabytes": TEN_TB.to_bytes(8, "little") + b"{}",
    "a shape of terabytes": header_of(w=entry([TEN_TB], 0, 64)),
    "nothing in a huge shape": header_of(w=entry([0, 2**62, 2**62], 0, 0)),
    "less than its shape": header_of(w=entry([4, 5], 0, 64)),
    "a negative size": header_of(w=entry([-4, -4], 0, 64)),
    "a size to be found out": header_of(w=entry([-1], 0, 64)),
    "a place before the file": header_of(w=entry([2], -8, 0)),
    "a place behind the file": header_of(w=entry([1000], 64, 4064)),
    "a fraction": header_of(w=entry([4.0], 0, 16)),
    "one place for two": header_of(v=entry([16], 0, 64), w=entry([16], 0, 64)),
    "no list": header_of(w=entry("44", 0, 64)),
    "nested without an end": (20_000).to_bytes(8, "little") + b"[" * 20_000,
}


@pytest.mark.parametrize("content", SAFETENSORS.values(), ids=SAFETENSORS)
def test_safetensors_that_lie_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BsxError, match="holds no weights that bsx can read"):
        read_weights(str(put(tmp_path / "w.safetensors", content)))


def test_safetensors_are_read_as_they_stand(tmp_path: Path) -> None:
    content = safetensors(a=INPUTS, empty=np.zeros((0, 7)), one=np.float32(3.5).reshape(()))
    found = read_weights(str(put(tmp_path / "w.safetensors", content)))
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == {
        "a": (12, 3), "empty": (0, 7), "one": (),
    }  # fmt: skip
    np.testing.assert_array_equal(found["a"].numpy(), INPUTS.astype(np.float32))


def test_weights_of_torch_run_no_code_and_are_not_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for content in (torch_file({"w": Evil()}), pickle.dumps({"w": Evil()}, protocol=2)):
        with pytest.raises(BsxError, match="holds no weights"):
            read_weights(str(put(tmp_path / "w.pt", content)))
    assert not (tmp_path / "evil").exists()
    stored = zipfile.ZipFile(io.BytesIO(torch_file({"w": torch.zeros(2**16)})))
    with zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    with pytest.raises(BsxError, match="it unpacks to"):
        read_weights(str(tmp_path / "w.pt"))


def test_what_processes_tell_each_other_of_data_is_no_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(scratch.folder() / "key.kept", torch_file({"w": Evil()}))
    assert scratch.kept("key") is None
    put(scratch.folder() / "key.kept", b"no file of torch")
    assert scratch.kept("key") is None
    assert not (tmp_path / "evil").exists()


# --- what is no file ------------------------------------------------------------------------


@pytest.fixture(params=["pipe", "zero", "loop", "folder", "nothing", "name too long"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What stands where a file is meant: reading it would wait, or not end."""
    path = tmp_path / "given"
    match request.param:
        case "pipe":
            os.mkfifo(path)
        case "zero":
            return Path("/dev/zero")
        case "loop":
            path.symlink_to(path)
        case "folder":
            path.mkdir()
        case "name too long":
            return tmp_path / ("x" * 300)
    return path


COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "toml": lambda path: ["sweep", str(path)],
    "csv": lambda path: ["sweep", "--dataset", f"csv:{path}"],
    "test file": lambda path: ["sweep", "--dataset", "csv:data.csv", "--dataset-arg",
                               f"test_file={path}"],
    "npz": lambda path: ["sweep", "--dataset", f"npz:{path}"],
    "series": lambda path: ["sweep", "--dataset", f"series:{path}"],
    "text": lambda path: ["sweep", "--dataset", f"text:{path}"],
    "idx": lambda path: ["sweep", "--dataset", f"idx:{path}"],
    "cifar": lambda path: ["sweep", "--dataset", f"cifar10:{path}"],
    "model": lambda path: ["sweep", "--model", f"{path}.py:Net"],
    "weights": lambda path: ["sweep", "--init-from", str(path)],
    "source": lambda path: ["sweep", "--command", "true {batch_size}", "--train-samples", "9",
                            "--source", str(path)],
    "import": lambda path: ["import", str(path)],
    "speed": lambda path: ["show", "--speed", str(path)],
    "store": lambda path: ["show", "--store", str(path)],
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_file_is_refused_at_once(here: Shell, no_file: Path, command: str) -> None:
    put(here.folder / "data.csv", CSV[0])
    code, out, err = here.bsx(*COMMANDS[command](no_file))
    assert (code in (2, 3), out, err.count("\n")) == (True, "", 1), err
    assert err.startswith("bsx: error: ") and "internal" not in err


def test_a_model_in_a_pipe_is_not_waited_for(here: Shell) -> None:
    os.mkfifo("model.py")
    code, _, err = here.bsx("sweep", "--model", "model.py:Net")
    assert code == 2 and "it is no file but a pipe or a device" in err


def test_a_store_in_a_pipe_is_not_waited_for(here: Shell) -> None:
    (here.folder / "bsx-runs").mkdir()
    os.mkfifo(here.folder / "bsx-runs" / "bsx.sqlite3")
    for args in (["show"], ["sweep", "--dataset", "wine", "--executor", "inline"]):
        code, _, err = here.bsx(*args)
        assert code == 3 and err.count("\n") == 1, err


@pytest.mark.parametrize("content", ["[" * 9999, "[]", '{"step_seconds": NaN}', "1e999"])
def test_a_spoiled_cache_of_costs_is_measured_anew(tmp_path: Path, content: str) -> None:
    assert engines._kept(put(tmp_path / "cost.json", content.encode())) is None


def test_a_report_file_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log.csv")
    source = CsvFile(tmp_path / "log.csv")
    source.look(0.0)
    source.finish()
    assert source.found() == []


def test_what_a_shell_hands_over_is_read(here: Shell) -> None:
    read, write = os.pipe()
    os.write(write, b"B,steps\n8,100\n16,60\n32,45\n64,40\n")
    os.close(write)
    code, _, err = here.bsx("import", f"/dev/fd/{read}", "--get", "targets.0.verdict")
    os.close(read)
    assert code == 0, err


def test_a_file_of_more_than_its_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(TEN_TB)
    with pytest.raises(OSError, match="more than 16,777,216 bytes"):
        files.content(tmp_path / "large")


def test_pictures_behind_a_loop_of_links_are_looked_for_once(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "again").symlink_to(tmp_path)
    assert "there are no pictures" in refused(f"images:{tmp_path}")


def test_the_same_data_are_read_as_before(tmp_path: Path) -> None:
    """The limits above let through what is whole."""
    put(tmp_path / "data.npz", npz(pack=True, x=np.repeat(INPUTS, 3, 0), y=np.repeat(LABELS, 3)))
    assert opened(f"npz:{tmp_path / 'data.npz'}").input_shape == (3,)
