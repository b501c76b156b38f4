"""How much memory there is for data: the machine's, the container's, the accelerator's."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from bsx.errors import DataError
from bsx.schema import MemoryLimit

SHARE = 4  # of the memory that is free, for one copy of the data
_DEVICE_SHARE = 2  # on an accelerator, where there is one copy in all
_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Room:
    """How many bytes the inputs may take as training sees them and still be held in memory.

    ``spills``: whether what takes more is left where it lies and fetched; or else refused.
    """

    size: float
    spills: bool = True

    def holds(self, shape: tuple[int, ...], name: str) -> bool:
        """Say whether inputs of this shape, (samples, …), are held in memory.

        Raises:
            DataError: where they do not fit, and are not to be fetched either.
        """
        needed = 4 * math.prod(shape)
        if needed <= self.size:
            return True
        if self.spills:
            return False
        raise DataError(
            f"the inputs of {name} need {gigabytes(needed)} of memory, {gigabytes(self.size)} are "
            "free; give --stream always, or fewer samples with --subset"
        )


def room_for_inputs(stream: bool | None, device: str = "cpu") -> Room:
    """Return the room there is; ``stream`` says that there is none, or all of it; None divides.

    Data that are not streamed are held by the coordinator, and twice by a worker while it divides
    them; what is left is for training.
    """
    if stream:
        return Room(0)
    free = available()
    room = math.inf if free is None else free
    if stream is False:
        return Room(room, spills=False)
    room /= SHARE
    if device == "cuda":
        room = min(room, torch.cuda.mem_get_info()[0] / _DEVICE_SHARE)
    return Room(room)


def available() -> int | None:
    """Return the bytes that may still be taken; None where the system does not tell."""
    return min(filter(None, (_of_machine(), *_of_groups())), default=None)


def memory_limit(device: str) -> MemoryLimit | None:
    """Return the most that a process may hold, whatever is in use now; None where nobody tells.

    Of an accelerator its memory; on the CPU the machine's, or less where a container's is.
    """
    if device == "cuda":
        return MemoryLimit(torch.cuda.get_device_properties(device).total_memory, "device")
    if device != "cpu":
        return None
    limits = [MemoryLimit(limit, "container") for limit in _limits_of_groups()]
    machine = _of_machine("MemTotal")
    limits += [MemoryLimit(machine, "machine")] if machine else []
    return min(limits, key=lambda one: (one.limit_bytes, one.source == "container"), default=None)


def check_room(needed: int, what: str, remedy: str) -> None:
    """Refuse what cannot be held in memory, before the system ends the process for it.

    Raises:
        DataError: with both numbers and the remedy.
    """
    free = available()
    if free is not None and needed > free:
        raise DataError(f"{what} needs {gigabytes(needed)}, {gigabytes(free)} are free; {remedy}")


def gigabytes(count: float) -> str:
    """Write a number of bytes as people read it."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.1f} MB"


def _of_machine(what: str = "MemAvailable") -> int | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _of_groups(groups: Path = _GROUPS, own: Path = Path("/proc/self/cgroup")) -> Iterator[int]:
    """Yield what is left in each control group that this process is in (cgroups 2 and 1)."""
    for folder, names, prefix in _groups(groups, own):
        with contextlib.suppress(OSError, ValueError):  # no such file, or a limit of "max"
            limit, used = (int((folder / name).read_text(encoding="ascii")) for name in names)
            lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
            of = dict(line.split(maxsplit=1) for line in lines)
            cached = sum(int(of.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
            yield max(1, limit - used + cached)


def _limits_of_groups(
    groups: Path = _GROUPS, own: Path = Path("/proc/self/cgroup")
) -> Iterator[int]:
    """Yield the limit of each control group that this process is in."""
    for folder, names, _ in _groups(groups, own):
        with contextlib.suppress(OSError, ValueError):
            yield int((folder / names[0]).read_text(encoding="ascii"))


def _groups(groups: Path, own: Path) -> Iterator[tuple[Path, tuple[str, str], str]]:
    """Yield the folder of each group, its files of limit and use, and a prefix of its counts."""
    with contextlib.suppress(OSError, ValueError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield from _around(groups, path, ("memory.max", "memory.current"), "")
            elif "memory" in controllers.split(","):
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
                yield from _around(groups / "memory", path, names, "total_")


def _around(
    root: Path, path: str, names: tuple[str, str], prefix: str
) -> Iterator[tuple[Path, tuple[str, str], str]]:
    """Yield a group and those around it."""
    inner = root / path.strip("/")
    for folder in (inner, *inner.parents):
        yield folder, names, prefix
        if folder == root:
            return
