"""How an end by a signal is told, and whose kills the kernel's counts are."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bsx.kills import MemoryKills, told

V2 = "low 0\nhigh 3\nmax 12\noom 5\noom_kill {}\noom_group_kill 0\n"
V1 = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"


@pytest.mark.parametrize(
    ("own", "file", "text"),
    [
        ("0::/user.slice/a", "user.slice/a/memory.events", V2),
        ("0::/outside/the/container", "memory.events", V2),
        ("2:cpu:/\n0::/job", "unified/job/memory.events", V2),
        ("4:memory:/job\n2:cpu,cpuacct:/\n0::/", "memory/job/memory.oom_control", V1),
        ("4:memory:/outside", "memory/memory.oom_control", V1),
    ],
)
def test_kills_of_our_group_are_counted_from_the_start(
    own: str, file: str, text: str, tmp_path: Path
) -> None:
    named, counts = tmp_path / "own", tmp_path / "groups" / file
    named.write_text(own + "\n")
    counts.parent.mkdir(parents=True)
    counts.write_text(text.format(7))
    kills = MemoryKills(tmp_path / "groups", named)
    assert kills.known
    assert not kills.found()
    counts.write_text(text.format(9))
    assert [kills.found() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("own", [None, "", "0::/a\n", "nonsense\n", "0::/\n"])
def test_where_the_system_tells_no_count_nothing_is_found(own: str | None, tmp_path: Path) -> None:
    named = tmp_path / "own"
    if own is not None:
        named.write_text(own)
    (tmp_path / "memory.events").write_text("low 0\n")
    kills = MemoryKills(tmp_path, named)
    assert (kills.known, kills.found()) == (False, False)


def test_a_signal_is_told_by_its_name_and_what_it_means() -> None:
    assert told(signal.SIGSEGV).startswith("SIGSEGV (a segmentation fault: ")
    assert told(signal.SIGKILL) == "SIGKILL (killed from outside)"
    assert told(signal.SIGKILL, out_of_memory=True).endswith("because memory ran out)")
    assert told(signal.SIGTERM) == "SIGTERM"
    assert told(250) == "signal 250"
