"""Run the user's program once, reading what it prints as it comes; never leave anything behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")
_TICK_SECONDS = 0.1  # between looks at the clock and at files
_CHUNK = 65_536
_TAIL_BYTES = 8_192  # of standard error, to explain a failure
_PATIENCE = 5.0  # seconds for the guard to clear up


@dataclass(frozen=True)
class Ended:
    """How a run of the program ended; ``code`` is None where we ended it."""

    code: int | None
    timed_out: bool
    seconds: float
    last_words: str  # the end of what it wrote to standard error


def run_program(
    command: Sequence[str],
    environment: Mapping[str, str],
    limit_seconds: float | None,
    on_output: Callable[[bytes, float], None],
    on_tick: Callable[[float], bool],
) -> Ended:
    """Run ``command`` to its end.

    Args:
        command: the words, the program first.
        environment: all of its environment.
        limit_seconds: after so long it is ended; None waits for ever.
        on_output: called with what it wrote to standard output, and the seconds since it began.
        on_tick: called several times a second; False ends the program. What it raises does too.
    """
    began = time.monotonic()
    with _Guarded(command, environment) as guarded:
        tail = b""
        open_streams = 2
        while open_streams:
            for stream, chunk in guarded.read(_TICK_SECONDS):
                if not chunk:
                    open_streams -= 1
                elif stream == "output":
                    on_output(chunk, time.monotonic() - began)
                else:
                    tail = (tail + chunk)[-_TAIL_BYTES:]
            elapsed = time.monotonic() - began
            late = limit_seconds is not None and elapsed > limit_seconds
            if late or not on_tick(elapsed):
                return Ended(None, late, elapsed, tail.decode("utf-8", "replace"))
        code = guarded.wait()
    return Ended(code, False, time.monotonic() - began, tail.decode("utf-8", "replace"))


class _Guarded:
    """The program under its guard, with pipes to what it writes."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        hold_read, self._hold = os.pipe()
        output, output_write = os.pipe()
        errors, errors_write = os.pipe()
        self._streams = {output: "output", errors: "errors"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), *command],
                stdin=hold_read,
                stdout=output_write,
                stderr=errors_write,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C is ours to hear
            )
        finally:
            for descriptor in (hold_read, output_write, errors_write):
                os.close(descriptor)
        self._selector = selectors.DefaultSelector()
        for descriptor in self._streams:
            self._selector.register(descriptor, selectors.EVENT_READ)

    def __enter__(self) -> _Guarded:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the guard, which ends everything, and wait until it has."""
        os.close(self._hold)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._selector.close()
        for descriptor in self._streams:
            os.close(descriptor)

    def read(self, seconds: float) -> list[tuple[str, bytes]]:
        """Wait so long at most; return what came on which stream, b'' at its end."""
        found = []
        for key, _ in self._selector.select(seconds):
            chunk = os.read(key.fd, _CHUNK)
            if not chunk:
                self._selector.unregister(key.fd)
            found.append((self._streams[key.fd], chunk))
        return found

    def wait(self) -> int:
        """Return the exit code, when both streams have come to their end."""
        return self._process.wait()
