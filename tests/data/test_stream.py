"""Data that do not fit in memory: the same numbers, fetched from where they lie."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bsx.data import Samples, Splits, Stream, items, prepare, room, scratch, source, stream
from tests.data.opening import opened, refused, sizes
from tests.data.streams import HERE, SAMPLES
from tests.data.test_idx import write
from tests.data.test_images import pictures

PARTS = ("train", "validation", "test")
KINDS: dict[str, dict[str, Any]] = {
    "Pairs": {},
    "Pictures": {},
    "OneByOne": {},
    "arrays": {},
    "arrays, regression": {"task": "regression"},
    "tokens": {},
}
MAPPED = ("uint8", "float32", ">f8", "int16")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what does not fit in memory in a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(prepare, "_open_now", {})
    return tmp_path / "cache" / "bsx"


def assert_same(held: Splits, streamed: Splits) -> None:
    """Assert that two ways to open data give the same, to the bit."""
    assert not held.streamed
    assert streamed.streamed
    assert streamed.fingerprint == held.fingerprint
    assert (streamed.kind, streamed.input_shape) == (held.kind, held.input_shape)
    for name in PARTS:
        here, there = getattr(held, name), getattr(streamed, name)
        assert isinstance(here, Samples)
        assert isinstance(there, Stream)
        assert len(here) == len(there)
        chunks = list(there.chunks(7))
        assert torch.equal(torch.cat([inputs for inputs, _ in chunks]), here.inputs)
        assert torch.equal(torch.cat([targets for _, targets in chunks]), here.targets)
        assert torch.equal(there.targets, here.targets)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_streamed_is_what_would_be_held(kind: str) -> None:
    name, args = f"{HERE}:{kind.partition(',')[0]}", KINDS[kind]
    assert_same(opened(name, stream=False, **args), opened(name, stream=True, **args))


@pytest.mark.parametrize("kind", MAPPED)
def test_arrays_that_are_mapped_from_files_stay_there(kind: str, tmp_path: Path) -> None:
    args = {"folder": str(tmp_path), "kind": kind}
    streamed = opened(f"{HERE}:mapped", stream=True, **args)
    assert_same(opened(f"{HERE}:mapped", stream=False, **args), streamed)
    assert isinstance(streamed.train, Stream)
    assert streamed.train.source.processes == 1


def test_folders_of_pictures_are_read_when_they_are_needed(tmp_path: Path) -> None:
    name = f"images:{pictures(tmp_path / 'pictures', classes='abc')}"
    assert_same(opened(name, stream=False), opened(name, stream=True))


@pytest.mark.parametrize("kind", ["Pairs", "OneByOne"])
def test_any_samples_may_be_asked_for(kind: str) -> None:
    held, part = (
        opened(f"{HERE}:{kind}", stream=False).train,
        opened(f"{HERE}:{kind}", stream=True).train,
    )
    assert isinstance(held, Samples)
    assert isinstance(part, Stream)
    assert torch.equal(part.first(2), held.inputs[:2])
    wanted = [torch.tensor([5, 1, 5]), torch.arange(50), torch.tensor([95])]
    for rows, (inputs, targets) in zip(wanted, part.batches(wanted), strict=True):
        assert torch.equal(inputs, held.inputs[rows])
        assert torch.equal(targets, held.targets[rows])
    few, of_held = part.at_most(10), held.at_most(10)
    for some in (few, few.in_memory()):
        [(inputs, targets)] = some.chunks(100)
        assert torch.equal(inputs, of_held.inputs)
        assert torch.equal(targets, of_held.targets)
    assert part.at_most(1000) is part


def test_batches_of_many_pieces_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    held = opened(f"{HERE}:Pairs", stream=False).train
    monkeypatch.setattr("bsx.data.fetch.PIECE_BYTES", 70)  # three samples
    part = opened(f"{HERE}:Pairs", stream=True).train
    assert isinstance(held, Samples)
    assert isinstance(part, Stream)
    assert torch.equal(next(part.chunks(50))[0], held.inputs[:50])
    monkeypatch.setattr(stream, "_LARGE_BYTES", 1000)
    monkeypatch.setattr(stream, "available", lambda: 1800)
    assert len(next(part.chunks(50))[0]) == 50
    with pytest.raises(MemoryError, match="a batch of 96 samples"):
        next(part.chunks(96))


def test_training_draws_the_same_numbers_whether_or_not_it_is_streamed() -> None:
    part = opened(f"{HERE}:Pairs", stream=True).train
    before = torch.get_rng_state()
    list(part.chunks(10))
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_too_large_for_memory_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = 4 * 5 * SAMPLES
    for free, streamed in ((4 * inputs, False), (4 * inputs - 1, True), (None, False)):
        monkeypatch.setattr(room, "available", lambda free=free: free)
        monkeypatch.setattr(prepare, "_open_now", {})
        for kind in ("Pairs", "OneByOne", "arrays"):
            assert opened(f"{HERE}:{kind}").streamed is streamed


def test_a_subset_that_fits_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = opened(f"{HERE}:Pairs", subset=40).train
    monkeypatch.setattr(room, "available", lambda: 4 * 4 * 5 * 60)
    monkeypatch.setattr(prepare, "_open_now", {})
    splits = opened(f"{HERE}:Pairs", subset=40)
    assert sizes(splits) == (32, 4, 4)
    assert isinstance(expected, Samples)
    assert isinstance(splits.train, Samples)
    assert torch.equal(splits.train.inputs, expected.inputs)
    assert sizes(opened(f"{HERE}:Pairs", subset=40, stream=True)) == (32, 4, 4)


@pytest.mark.parametrize("kind", ["Pairs", "OneByOne", "arrays"])
def test_what_may_not_be_streamed_and_does_not_fit_is_refused(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "available", lambda: 4 * 5 * 60)
    said = refused(f"{HERE}:{kind}", stream=False)
    assert "--stream always" in said
    assert "0.0 MB are free" in said
    assert "--subset" in said


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("nan", "the inputs of sample 70 are not finite"),
        ("raises", "item 70 fails: OSError: the file"),
        ("shape", "that of item 70 is (4,)"),
    ],
)
@pytest.mark.parametrize("always", [True, False])
def test_a_broken_item_is_refused_by_its_number(spoil: str, said: str, always: bool) -> None:
    assert said in refused(f"{HERE}:Pairs", spoil=spoil, stream=always)


@pytest.mark.parametrize("always", [True, False])
def test_an_iteration_that_fails_is_refused(always: bool) -> None:
    said = refused(f"{HERE}:OneByOne", spoil="raises", stream=always)
    assert "its iteration fails: OSError: the file" in said
    assert "sample 70 are not finite" in refused(f"{HERE}:OneByOne", spoil="nan", stream=always)


@pytest.mark.parametrize("always", [True, False])
def test_what_does_not_end_is_refused(always: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MOST_ITEMS", 100)
    for kind in ("OneByOne", "Pairs"):
        said = refused(f"{HERE}:{kind}", samples=10**12, stream=always)
        assert "more than 100 items" in said
        assert sum(sizes(opened(f"{HERE}:{kind}", samples=100, stream=always))) == 100


def test_other_processes_need_not_go_through_the_data_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    first = opened(f"{HERE}:Pairs", log=str(log), stream=True)
    read = [int(line.split()[1]) for line in log.read_text().splitlines()]
    assert len(read) == 1 + SAMPLES + len(first.train)  # the first, all, and those to scale by
    log.unlink()
    monkeypatch.setattr(prepare, "_open_now", {})
    again = opened(f"{HERE}:Pairs", log=str(log), stream=True, fingerprint=first.fingerprint)
    assert log.read_text().split()[1:] == ["0"]
    assert torch.equal(again.test.first(4), first.test.first(4))
    assert again.fingerprint == first.fingerprint


def test_what_was_written_to_disk_is_found_by_other_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = opened(f"{HERE}:OneByOne", stream=True)
    monkeypatch.setattr(prepare, "_open_now", {})
    monkeypatch.setattr(prepare, "call_reader", None)  # nobody asks the user's code again
    again = opened(f"{HERE}:OneByOne", stream=True, fingerprint=first.fingerprint)
    assert torch.equal(again.test.first(4), first.test.first(4))


def test_a_disk_that_is_full_is_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "RESERVE_BYTES", 2**60)
    said = refused(f"{HERE}:OneByOne", stream=True)
    assert str(cache) in said
    assert "the disk is full" in said
    assert "XDG_CACHE_HOME" in said
    assert list(cache.glob("*/*.rows")) == []


def test_a_cache_that_cannot_be_written_is_said(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("in the way")
    assert "XDG_CACHE_HOME" in refused(f"{HERE}:OneByOne", stream=True)


LEAVING = """
import os, signal, sys
from tests.data.opening import opened
from tests.data.streams import HERE
opened(f"{HERE}:OneByOne", stream=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_what_was_written_to_disk_is_gone_when_the_program_ends(cache: Path) -> None:
    def leave(how: str) -> int:
        root = Path(__file__).parents[2]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        return subprocess.run([sys.executable, "-c", LEAVING, how], env=environment).returncode

    assert leave("killed") == -signal.SIGKILL
    assert len(list(cache.glob("*/*.rows"))) == 1
    assert leave("by itself") == 0  # and takes along what the other one left
    assert list(cache.iterdir()) == []


def test_idx_files_that_would_fill_memory_are_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path)
    expected = opened(f"idx:{folder}")
    monkeypatch.setattr(room, "available", lambda: 1000)
    monkeypatch.setattr(prepare, "_open_now", {})
    splits = opened(f"idx:{folder}")
    assert_same(expected, splits)
    assert isinstance(splits.train, Stream)
    assert splits.train.source.processes == 1
    for file in sorted(folder.glob("*-ubyte")):
        Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    monkeypatch.setattr(source, "available", lambda: 1000)
    assert "of memory are free" in refused(f"idx:{folder}")


def test_npz_archives_that_would_fill_memory_are_mapped_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(60, 40)))
    y = np.arange(60) % 3
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.savez_compressed(tmp_path / "b.npz", x=x, y=y)
    expected = opened(f"npz:{tmp_path / 'a.npz'}")
    monkeypatch.setattr(room, "available", lambda: 4000)
    monkeypatch.setattr(prepare, "_open_now", {})
    splits = opened(f"npz:{tmp_path / 'a.npz'}")
    assert_same(expected, splits)
    assert isinstance(splits.train, Stream)
    assert splits.train.source.processes == 1
    assert "write it with numpy.savez" in refused(f"npz:{tmp_path / 'b.npz'}")
