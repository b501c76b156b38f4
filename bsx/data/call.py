"""A reader, or what the user named in its place, called with its arguments."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from bsx import registry
from bsx.errors import BsxError, ConfigError, DataError

_LIST_FOLLOWS = re.compile(r"(,? but expected one of)?:?\s*$")  # torch's, in the lines after
_SOURCES = {  # what a reader's ``source`` is annotated with
    "Folder": ("a folder", "DIR"),
    "File": ("a file", "FILE"),
}


def call_reader(name: str, args: dict[str, Any], split: Mapping[str, Any]) -> Any:
    """Return what the reader called ``name`` gives, or the thing itself that was named.

    ``split``: validation, test and seed, for a reader that divides by itself.

    Raises:
        ConfigError: for a name or an argument that is not known.
        DataError: where the user's function fails.
    """
    factory = registry.load("dataset", name)
    if not callable(factory):
        if args:
            raise ConfigError(f"--dataset-arg: {name} is no function and takes no arguments")
        return factory
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # a few builtins have none
        parameters = {}  # type: ignore[assignment]
    given = {**args, **_split_of(parameters, name, args, split)}
    _check_args(factory, name, given)
    try:
        return factory(**given)
    except BsxError:
        raise
    except (Exception, SystemExit) as error:
        first = _LIST_FOLLOWS.sub("", str(error).partition("\n")[0])
        told = ", ".join(f"{key}={value}" for key, value in args.items())
        raise DataError(
            f"--dataset {name} fails when it is made: {type(error).__name__}: {first}"
            + (f"; it was given {told}" if told else "")
        ) from error


def _split_of(
    parameters: Mapping[str, Any], name: str, args: Mapping[str, Any], split: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how to divide, for a reader that divides by itself: it names a fraction."""
    named = {key: split[key] for key in ("validation", "test") if key in parameters}
    for key in named.keys() & args.keys():
        raise ConfigError(f"--dataset-arg {key}: {name} is given it by --{key}-fraction")
    if named and "seed" in parameters and "seed" not in args:
        named["seed"] = split["seed"]
    return named


def _check_args(factory: Callable[..., Any], name: str, args: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return
    source = signature.parameters.get("source")
    if source is not None and source.default is source.empty and "source" not in args:
        raise ConfigError(_needs_source(name, source.annotation))
    try:
        signature.bind(**args)
    except TypeError as error:
        raise ConfigError(
            f"--dataset-arg: {name}: {error}; it takes {', '.join(signature.parameters) or 'none'}"
        ) from None


def _needs_source(name: str, annotation: Any) -> str:
    kind = getattr(annotation, "__name__", str(annotation))
    what, placeholder = _SOURCES.get(kind, ("a file or a name", "SOURCE"))
    base, given = registry.split_source("dataset", name)
    if given is None and ":" in base:  # a user's own function
        return f"--dataset {name} needs {what}: --dataset-arg source={placeholder}"
    return f"{base} needs {what}: --dataset {base}:{placeholder}"
