"""Run a command in a process group of its own, and leave nothing of it behind: a script by itself.

    python -I -S guard.py WORD...

It stands between bsx and the user's program. When its standard input closes (bsx has ended,
whatever ended it, or wants the program ended) or the program is done, all processes that the
program started are ended, also those that left its group where the system lets us find them. Its
exit code is the program's, 128 + n where signal n ended it, 127 where it cannot be run.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

CANNOT_RUN = 127
BY_SIGNAL = 128
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE = 2.0  # seconds for killed processes to vanish


def main(command: list[str]) -> int:
    """Run the command to its end or to that of our standard input; return the exit code."""
    _adopt_orphans()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        child = _spawn(command)
    except OSError as error:
        os.write(2, f"cannot run {command[0]}: {error.strerror}\n".encode())
        return CANNOT_RUN
    status = None
    while status is None:
        ready, _, _ = select.select([0, woken], [], [])
        if 0 in ready:  # nothing is ever sent: it has closed
            break
        os.read(woken, 1024)
        pid, found = os.waitpid(child, os.WNOHANG)
        status = found if pid else None
    _end(child)
    if status is None:
        return BY_SIGNAL + signal.SIGKILL
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else BY_SIGNAL - code


def _spawn(command: list[str]) -> int:
    return os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
        setpgroup=0,
        setsigdef=[signal.SIGCHLD, signal.SIGPIPE],
    )


def _adopt_orphans() -> None:
    """Become the parent of descendants whose own has ended, so that they can be found."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, ImportError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end(child: int) -> None:
    """End the program's group, then whatever became our child by its parent's end."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        for orphan in _children():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(orphan, signal.SIGKILL)
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return  # none is left
        if not pid:
            time.sleep(0.005)


def _children() -> list[int]:
    path = f"/proc/self/task/{os.getpid()}/children"
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123  (pathlib is slow to import)
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
