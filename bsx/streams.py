"""stdin, stdout and stderr under bad conditions: closed, full, or of a terminal that is gone."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO


def make_usable() -> None:
    """Open what came closed; from now on a message that cannot be told stops nothing.

    A descriptor left closed would be given to the next file that is opened, and what a library
    prints would go into that.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    sys.stdout = _text(_Results, 1, sys.stdout, "replace")  # of a name that is no text
    sys.stderr = _text(_Messages, 2, sys.stderr, "backslashreplace")


def print_nothing_but_messages() -> None:
    """Let what is printed to stdout in this process go to stderr: results are told otherwise."""
    os.dup2(2, 1)
    sys.stdout = sys.stderr = _text(_Messages, 2, sys.stderr, "backslashreplace")


class Unwritten(OSError):
    """What stdout raises that cannot be written to: the disk is full, the terminal gone."""


class _Results(io.TextIOWrapper):
    """Text that was asked for: it is written, or told that it is not."""

    def write(self, text: str) -> int:
        with _telling():
            return super().write(text)

    def flush(self) -> None:
        with _telling():
            super().flush()


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # its reader has had enough
        raise
    except OSError as error:
        raise Unwritten(error.errno, error.strerror) from None


class _Messages(io.TextIOWrapper):
    """Text for people: where nobody can read it any more, it is not told."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def _text(
    kind: type[io.TextIOWrapper], number: int, before: TextIO | None, errors: str
) -> io.TextIOWrapper:
    """Return a descriptor as a stream of text, as the one before it was."""
    encoding = getattr(before, "encoding", None) or "utf-8"
    bytes_ = open(number, "wb", closefd=False)  # noqa: SIM115
    return kind(bytes_, encoding, errors, line_buffering=number == 2 or bytes_.isatty())


def silence_stdout() -> None:
    """Point stdout at nothing, so that Python's own flush at exit does not complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
