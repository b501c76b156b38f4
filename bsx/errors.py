"""The errors a person may see, and the exit codes of the program.

Only ``bsx.cli.app`` catches :class:`BsxError`; everything else lets it rise. :class:`Stopped` is
none of them: who catches every Exception lets it through.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_INTERNAL = 1  # also: --get found nothing
EXIT_USAGE = 2
EXIT_UNUSABLE = 3
EXIT_STOPPED = 4
EXIT_SOME_FAILED = 5
EXIT_INTERRUPTED_TWICE = 130
EXIT_TERMINATED_TWICE = 143


class BsxError(Exception):
    """Something a person can mend; ``str()`` of it is one clear line."""

    exit_code = EXIT_INTERNAL


class ConfigError(BsxError):
    """A flag, file or combination that cannot be meant: found before compute is spent."""

    exit_code = EXIT_USAGE


class DataError(BsxError):
    """Data that cannot be used as it is."""

    exit_code = EXIT_UNUSABLE


class StoreError(BsxError):
    """A store that cannot be read or written."""

    exit_code = EXIT_UNUSABLE


class NothingFound(BsxError):
    """``--get`` named a value that is not there."""

    exit_code = EXIT_INTERNAL


class Stopped(BaseException):
    """A person or the system asked bsx to stop; the same command goes on from here.

    It is no error, as KeyboardInterrupt is none: it may rise anywhere, also within what catches
    every Exception of a library or of the user's code to say what failed.
    """

    exit_code = EXIT_STOPPED


class ProcessEnded(Exception):
    """A process that took part in a unit's work was ended from outside: worth another try."""
