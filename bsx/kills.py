"""How a process ended that could not say it: what signals mean, and the kernel's own kills.

Linux counts, for each control group, the processes of it that it killed because memory ran out. A
process that SIGKILL ended was ended so if the count of our group has risen since it was started.
"""

from __future__ import annotations

import signal
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")

_MEANINGS = {
    "SIGSEGV": "a segmentation fault: native code of the model or of a library went wrong",
    "SIGBUS": "a bus error: a file that was mapped was cut short, or /dev/shm is full",
    "SIGABRT": "it aborted itself: native code found something wrong",
    "SIGFPE": "an arithmetic error in native code",
    "SIGILL": "an instruction that this processor does not have",
    "SIGSYS": "a system call that is not allowed here",
    "SIGXCPU": "the limit on its processor time was reached",
    "SIGXFSZ": "the limit on the size of files was reached",
    "SIGKILL": "killed from outside",
}
OUT_OF_MEMORY = "the system killed it because memory ran out"


class MemoryKills:
    """Counts the processes that the kernel killed for want of memory, from when this was made.

    Where the system tells no count, none is ever found, and nothing is ``known``.
    """

    def __init__(self, groups: Path = _GROUPS, own: Path = _OWN) -> None:
        self._files = [groups / name for name in _candidates(own)]
        count = self._count()
        self.known = count is not None
        self._seen = count or 0

    def found(self) -> bool:
        """Say whether there was one more since this was last true."""
        if (self._count() or 0) <= self._seen:
            return False
        self._seen += 1  # of several, each is of another process
        return True

    def _count(self) -> int | None:
        for file in self._files:
            try:
                lines = file.read_text(encoding="ascii", errors="replace").splitlines()
            except OSError:
                continue
            counts = [line.split() for line in lines if line.startswith("oom_kill ")]
            if counts and counts[0][-1].isdecimal():
                return int(counts[0][-1])
        return None


def told(number: int, *, out_of_memory: bool = False) -> str:
    """Say what ended a process, of the signal's number: ``SIGSEGV (a segmentation fault: …)``."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    meaning = OUT_OF_MEMORY if out_of_memory else _MEANINGS.get(name)
    return name if meaning is None else f"{name} ({meaning})"


def _candidates(own: Path) -> list[str]:
    """The files that may have the count of this process's group, the likeliest first.

    A container may see its group as the root, whatever its name is outside.
    """
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", "", ""][:3]  # whatever stands there
        place = path.strip("/")
        if not controllers:
            for mount in ("", "unified"):
                for folder in (place, ""):
                    found.append(f"{mount}/{folder}/memory.events".lstrip("/"))
        elif "memory" in controllers.split(","):
            found += [f"memory/{folder}/memory.oom_control" for folder in (place, "")]
    return found
