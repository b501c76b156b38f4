"""Keyword arguments as the settings read them, and messages that name them as Python does."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bsx.errors import BsxError, ConfigError, Stopped, StoreError
from bsx.settings import SETTINGS

# Settings that say how a command prints, or that have another way in Python.
ELSEWHERE = {
    "format": "the result has to_frame(), document() and get()",
    "get": "the result has get(path)",
    "quiet": "give progress=False",
    "plot": "`bsx show --plot` draws on a terminal",
    "vary": "call bsx.sweep once for each value and set the results side by side with bsx.compare",
    "dry_run": "`bsx sweep --dry-run` is of the command line",
}
_FLAGS = {flag: s.key for s in SETTINGS for flag in (*s.flags, s.flag)}
_FLAG = re.compile(r"--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")


_SHORT = {"lr": "learning_rate", "batch_size": "batch_sizes", "data": "dataset"}


def as_typed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments in the types that a TOML file has.

    Raises:
        ConfigError: for a name that is no setting, with the nearest ones.
    """
    known = [s.key for s in SETTINGS if s.key not in ELSEWHERE]
    for name in given:
        if name in ELSEWHERE:
            raise ConfigError(f"{name} is no argument of bsx.sweep: {ELSEWHERE[name]}")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2)
            if name in _SHORT:
                near = [_SHORT[name]]
            hint = f"did you mean {' or '.join(near)}?" if near else "see help(bsx.sweep)"
            raise ConfigError(f"{name} is no argument of bsx.sweep; {hint}")
    return {name: plain(value) for name, value in given.items() if value is not None}


def plain(value: Any) -> Any:
    """Return numbers of NumPy as Python's, paths as texts, ranges and arrays as lists."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain(item) for item in items]
    for method in ("tolist", "item"):  # of arrays and of their numbers
        if hasattr(value, method) and not isinstance(value, type):
            return plain(getattr(value, method)())
    return value


@contextmanager
def in_python() -> Iterator[None]:
    """Name in a message the keyword argument where it names a flag of the command line."""
    try:
        yield
    except Stopped as stopped:  # the patience is over: to who called, an error like others
        raise StoreError(reworded(str(stopped))) from None
    except BsxError as error:
        said = str(error)
        told = reworded(said)
        if told == said:
            raise
        raise type(error)(told) from error.__cause__


def reworded(message: str) -> str:
    """Return a message with ``learning_rate`` where it says ``--learning-rate``."""

    def keyword(found: re.Match[str]) -> str:
        return _FLAGS.get(found[0], found[1].replace("-", "_"))

    return _FLAG.sub(keyword, message)
