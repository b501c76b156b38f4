"""Objects in the place of names: a model class, data, an optimizer, as Python has them.

What can be imported elsewhere gets the name that the command line would give it, and trains in
processes of its own. What lives in this session alone (defined in a notebook, a closure, arrays)
trains in this process, and its identity is a hash of its code or of its data.
"""

from __future__ import annotations

import inspect
import os
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsx import registry
from bsx.api.identity import Unknowable, identity, is_installed
from bsx.errors import ConfigError

KINDS = ("dataset", "model", "optimizer")


@dataclass(frozen=True)
class Named:
    """Settings with names for all objects, and which of them are of this process alone."""

    settings: Mapping[str, Any]
    only_here: tuple[str, ...]


def named(settings: Mapping[str, Any], tell: Callable[[str], None]) -> Named:
    """Return ``settings`` with a name for each object given as dataset, model or optimizer.

    Args:
        settings: the keyword arguments.
        tell: hears that results of an object cannot be found again, where that is so.

    Raises:
        ConfigError: for an object that cannot be used in its place.
    """
    found, only_here = dict(settings), []
    for kind in KINDS:
        thing = settings.get(kind)
        if thing is None or isinstance(thing, str):
            continue
        if isinstance(thing, os.PathLike):
            raise ConfigError(f"{kind}={os.fspath(thing)!r}: give file.py:attribute as a text")
        _check(kind, thing)
        name = _importable(kind, thing)
        if name is None:
            name = _given(kind, thing, tell)
            only_here.append(kind)
        found[kind] = name
    return Named(found, tuple(only_here))


def _check(kind: str, thing: Any) -> None:
    if kind == "model" and not isinstance(thing, type) and hasattr(thing, "state_dict"):
        raise ConfigError(
            f"model: this {type(thing).__name__} is a model already built; give the class, or a "
            "function that builds one, since each seed needs initial weights of its own"
        )
    if kind != "dataset" and not callable(thing):
        raise ConfigError(f"{kind}: {type(thing).__name__} is no class, function or name")


def _importable(kind: str, thing: Any) -> str | None:
    """Return the name by which another process finds ``thing``; None where none does."""
    module, qualname = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str) or module == "__main__":
        return None
    for name, target in registry.targets(kind).items():
        if target.rpartition(":")[2] == qualname and registry.load(kind, name) is thing:
            return name
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is not thing:
        return None
    if is_installed(module):
        return f"{module}:{qualname}"
    # A file that stands alone is named as such: then its content is part of the identity.
    file = getattr(sys.modules[module], "__file__", None)
    if file is None or "." in module or not file.endswith(".py"):
        return None
    path = Path(file)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown}:{qualname}"


def _given(kind: str, thing: Any, tell: Callable[[str], None]) -> str:
    if kind == "dataset" and not callable(thing):
        return registry.give(kind, _kind_of_data(thing), thing, None)  # the data's fingerprint
    name = getattr(thing, "__name__", type(thing).__name__).strip("<>")
    try:
        source = identity(thing)
    except (Unknowable, RecursionError) as reason:
        source = uuid.uuid4().hex
        tell(
            f"{kind} {name}: what it does depends on {reason}, which cannot be told again; what "
            "is trained now will not be found by a later session."
        )
    return registry.give(kind, name, thing, source)


def _kind_of_data(thing: Any) -> str:
    if isinstance(thing, tuple | list | dict) or inspect.isbuiltin(thing):
        return "arrays"
    return type(thing).__name__
