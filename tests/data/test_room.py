"""How much memory there is for data."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bsx.data import room
from bsx.data.room import Room, memory_limit, room_for_inputs
from bsx.errors import DataError
from bsx.schema import MemoryLimit

MB = 10**6


def group(folder: Path, limit: str, used: int, cached: int, version: int = 2) -> None:
    """Write what the system says of a control group."""
    folder.mkdir(parents=True, exist_ok=True)
    prefix = "" if version == 2 else "total_"
    names = ("max", "current") if version == 2 else ("limit_in_bytes", "usage_in_bytes")
    for name, value in zip(names, (limit, used), strict=True):
        (folder / f"memory.{name}").write_text(f"{value}\n")
    stat = f"anon 5\n{prefix}inactive_file {cached}\n{prefix}active_file 0\n"
    (folder / "memory.stat").write_text(stat)


def left(groups: Path, own: str) -> list[int]:
    """Return what is left in the groups that ``own`` says this process is in."""
    (groups / "own").write_text(own)
    return list(room._of_groups(groups, groups / "own"))


def test_the_limit_of_a_container_counts_and_files_that_are_cached_do_not(tmp_path: Path) -> None:
    group(tmp_path / "a" / "b", str(900 * MB), 600 * MB, 100 * MB)
    group(tmp_path / "a", "max", 700 * MB, 0)
    group(tmp_path, str(500 * MB), 300 * MB, 0)
    assert left(tmp_path, "0::/a/b\n") == [400 * MB, 200 * MB]
    assert left(tmp_path, "0::/not/shown/in/the/container\n") == [200 * MB]


def test_older_control_groups_are_read_too(tmp_path: Path) -> None:
    group(tmp_path / "memory" / "a", str(900 * MB), 600 * MB, 100 * MB, version=1)
    assert left(tmp_path, "3:cpu:/a\n2:memory,hugetlb:/a\n") == [400 * MB]


def test_without_control_groups_the_machine_counts(tmp_path: Path) -> None:
    assert list(room._of_groups(tmp_path, tmp_path / "none")) == []
    there = room.available()
    assert there is None or 0 < there < 2**50


@pytest.mark.parametrize(("free", "size"), [(400 * MB, 100 * MB), (None, math.inf)])
def test_a_quarter_of_what_is_free_is_for_one_copy_of_the_data(
    free: int | None, size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "available", lambda: free)
    assert room_for_inputs(None) == Room(size)
    assert room_for_inputs(True) == Room(0)


def test_what_may_not_be_streamed_takes_all_or_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "available", lambda: 400 * MB)
    all_of_it = room_for_inputs(False)
    assert all_of_it.holds((100, 10**6), "mine")
    with pytest.raises(DataError, match=r"inputs of mine need 0\.8 GB of memory, 0\.4 GB"):
        all_of_it.holds((200, 10**6), "mine")


def limits(groups: Path, own: str) -> list[int]:
    """Return the limits of the groups that ``own`` says this process is in."""
    (groups / "own").write_text(own)
    return list(room._limits_of_groups(groups, groups / "own"))


def test_the_limit_is_what_may_be_held_whatever_is_in_use(tmp_path: Path) -> None:
    group(tmp_path / "a" / "b", str(900 * MB), 600 * MB, 100 * MB)
    group(tmp_path / "a", "max", 700 * MB, 0)
    group(tmp_path, str(500 * MB), 300 * MB, 0)
    assert limits(tmp_path, "0::/a/b\n") == [900 * MB, 500 * MB]


def test_the_smaller_of_machine_and_container_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_of_machine", lambda _what: 800 * MB)
    for found, expected in (
        ([], MemoryLimit(800 * MB, "machine")),
        ([500 * MB, 900 * MB], MemoryLimit(500 * MB, "container")),
        ([2**63 - 4096], MemoryLimit(800 * MB, "machine")),  # how cgroups 1 say that there is none
    ):
        monkeypatch.setattr(room, "_limits_of_groups", lambda found=found: iter(found))
        assert memory_limit("cpu") == expected
    assert memory_limit("mps") is None


def test_this_machine_tells_its_memory() -> None:
    there = memory_limit("cpu")
    assert there is None or 2**27 < there.limit_bytes < 2**50
