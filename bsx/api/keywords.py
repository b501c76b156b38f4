"""Keyword arguments as the settings read them, and messages that name them as Python does."""

from __future__ import annotations

import difflib
import functools
import inspect
import os
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

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
_BY_KEY = {s.key: s for s in SETTINGS}
# A command of the command line is left as it is typed there; elsewhere a flag is an argument.
_FLAG = re.compile(r"`bsx [^`]*`|--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
_CALC = re.compile(r"bsx calc((?: --[a-z-]+ \d+)+)")  # an example to type

_SHORT = {"lr": "learning_rate", "batch_size": "batch_sizes", "data": "dataset"}
P = ParamSpec("P")
T = TypeVar("T")


def as_typed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments in the types that a TOML file has.

    Raises:
        ConfigError: for a name that is no setting, with the nearest ones, and for a list without
            anything in it where something is needed.
    """
    known = [s.key for s in SETTINGS if s.key not in ELSEWHERE]
    for name in given:
        if name in ELSEWHERE:
            raise ConfigError(f"{name} is no argument of bsx.sweep: {ELSEWHERE[name]}")
        check_name(name, known, "bsx.sweep")
    values = {name: plain(value) for name, value in given.items() if value is not None}
    for name, value in values.items():
        if value == [] and not _BY_KEY[name].repeatable:
            raise ConfigError(f"{name}=[]: the list is empty; leave {name} out for the default")
    return values


def check_name(name: str, known: Iterable[str], function: str) -> None:
    """Refuse an argument that ``function`` does not take, with the nearest ones.

    Raises:
        ConfigError: where ``name`` is none of those that are known.
    """
    names = list(known)
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=2)
    if _SHORT.get(name) in names:
        near = [_SHORT[name]]
    hint = f"did you mean {' or '.join(near)}?" if near else f"see help({function})"
    raise ConfigError(f"{name} is no argument of {function}; {hint}")


def known_names_only(function: Callable[P, T]) -> Callable[P, T]:
    """Have ``function`` refuse a keyword that it does not take as :func:`check_name` does."""
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in kwargs:
            check_name(name, known, f"bsx.{function.__name__}")
        return function(*args, **kwargs)

    return checked


def by_name(function: Callable[P, T]) -> Callable[P, T]:
    """Have ``function`` refuse arguments without a name, beyond those that it takes so."""
    takes = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        if len(args) > len(takes):
            called = f"bsx.{function.__name__}"
            but = f" other than {' and '.join(takes)}" if takes else ""
            raise ConfigError(
                f"{called}({', '.join(map(reprlib.repr, args))}): arguments{but} are given by "
                f"name, NAME={reprlib.repr(args[len(takes)])}; see help({called})"
            )
        return function(*args, **kwargs)

    return checked


def plain(value: Any) -> Any:
    """Return numbers of NumPy as Python's, paths as texts, ranges and arrays as lists."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range | set | frozenset | Iterator):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain(item) for item in items]
    for method in ("tolist", "item"):  # of arrays and of their numbers
        if hasattr(value, method) and not isinstance(value, type):
            return plain(getattr(value, method)())
    return value


@contextmanager
def in_python(flags: Mapping[str, str] = _FLAGS) -> Iterator[None]:
    """Name in a message the keyword argument where it names a flag of the command line.

    ``flags``: flag → argument, where its name is another.
    """
    try:
        yield
    except Stopped as stopped:  # the patience is over: to who called, an error like others
        raise StoreError(reworded(str(stopped), flags)) from None
    except BsxError as error:
        said = str(error)
        told = reworded(said, flags)
        if told == said:
            raise
        raise type(error)(told) from error.__cause__


def reworded(message: str, flags: Mapping[str, str] = _FLAGS) -> str:
    """Return a message with ``learning_rate`` where it says ``--learning-rate``."""

    def keyword(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        return flags.get(found[0], found[1].replace("-", "_"))

    def call(found: re.Match[str]) -> str:
        words = [_FLAG.sub(keyword, word) for word in found[1].split()]
        told = ", ".join(f"{k}={v}" for k, v in zip(words[::2], words[1::2], strict=True))
        return f"bsx.calc({told})"

    return _FLAG.sub(keyword, _CALC.sub(call, message))
