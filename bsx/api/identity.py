"""What tells one object from another across sessions: a hash of all that decides what it does.

Of a function: its compiled code with defaults, what it closes over, and the globals that it reads;
of a class: its methods, attributes and bases; of an array: its bytes; of an installed library: name
and version. Comments and line numbers do not count, names and constants do. An object that cannot
be told honestly is refused rather than guessed, so that no stored result is taken for another's.
"""

from __future__ import annotations

import dis
import enum
import functools
import hashlib
import inspect
import os
import struct
import sys
import sysconfig
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PLAIN = (type(None), bool, int, float, complex, str, bytes, range, slice, type(...))
_LIBRARIES = {"site-packages", "dist-packages"}  # as every installer calls the folder
_NOT_OF_CLASS = frozenset(
    {"__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__annotate__"}
    | {"__static_attributes__", "__annotations_cache__", "__annotate_func__"}
)


class Unknowable(Exception):
    """There is no telling what an object will do."""


def identity(thing: Any) -> str:
    """Return the hash of all that decides what ``thing`` does.

    Raises:
        Unknowable: where that cannot be told, such as of an open file.
    """
    found = _Walk()
    found.see(thing)
    return found.hash.hexdigest()


def is_installed(module_name: str) -> bool:
    """Say whether a module is of Python or of an installed library, so that a version tells it."""
    root = module_name.partition(".")[0]
    if root == "__main__":  # what was typed there is the user's, whichever program runs it
        return False
    if root in sys.stdlib_module_names or root in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(module_name), "__file__", None)
    if root == "bsx" or file is None:
        return root == "bsx"
    places = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")}
    real = Path(file).resolve()
    if not _LIBRARIES.isdisjoint(real.parts):  # the user's own, or of what this one is based on
        return True
    return any(place and real.is_relative_to(Path(place).resolve()) for place in places)


class _Walk:
    """Goes through an object once; what was met before is told by its number."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self._met: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no id is used twice

    def see(self, thing: Any) -> None:
        """Take ``thing`` into the hash."""
        if isinstance(thing, _PLAIN) and not isinstance(thing, enum.Enum):
            self._put(type(thing).__name__, repr(thing))
        elif id(thing) in self._met:
            self._put("met", self._met[id(thing)])
        else:
            self._met[id(thing)] = len(self._met)
            self._kept.append(thing)
            self._see_new(thing)

    def _put(self, *words: object) -> None:
        for word in words:
            text = str(word).encode("utf-8", "surrogatepass")
            self.hash.update(struct.pack("<q", len(text)) + text)

    def _see_new(self, thing: Any) -> None:
        if isinstance(thing, types.ModuleType):
            self._library(thing.__name__, "")
        elif isinstance(thing, types.CodeType):
            self._code(thing)
        elif isinstance(thing, types.FunctionType):
            self._function(thing)
        elif isinstance(thing, type):
            self._class(thing)
        elif isinstance(thing, types.BuiltinFunctionType | types.MethodDescriptorType):
            self._put("builtin", getattr(thing, "__module__", ""), thing.__qualname__)
        elif isinstance(thing, types.CellType):
            self.see(_content(thing))
        elif isinstance(thing, Mapping):
            self._put("mapping", type(thing).__qualname__, len(thing))
            for key in sorted(thing, key=repr):
                self.see(key)
                self.see(thing[key])
        elif isinstance(thing, list | tuple):
            self._put(type(thing).__qualname__, len(thing))
            for item in thing:
                self.see(item)
        elif isinstance(thing, set | frozenset):
            self._put("set", *sorted(identity(item) for item in thing))
        elif isinstance(thing, enum.Enum | os.PathLike):
            self._put(type(thing).__qualname__, repr(thing))
        else:
            self._instance(thing)

    def _library(self, module: str, name: str) -> None:
        root = sys.modules.get(module.partition(".")[0])
        self._put("library", module, name, getattr(root, "__version__", sys.version_info[:2]))

    def _function(self, function: types.FunctionType) -> None:
        if is_installed(function.__module__ or "") and "<" not in function.__qualname__:
            self._library(function.__module__, function.__qualname__)
            return
        self._put("function", function.__qualname__)
        self._code(function.__code__)
        for part in (function.__defaults__, function.__kwdefaults__, function.__closure__):
            self.see(part)
        for name in sorted(_globals_read(function.__code__)):
            if name in function.__globals__:
                self._put("global", name)
                self.see(function.__globals__[name])

    def _code(self, code: types.CodeType) -> None:
        self._put("code", code.co_code.hex(), code.co_names, code.co_varnames, code.co_flags)
        for constant in code.co_consts:
            self.see(constant)

    def _class(self, cls: type) -> None:
        if is_installed(cls.__module__):
            self._library(cls.__module__, cls.__qualname__)
            return
        self._put("class", cls.__qualname__, len(cls.__bases__))
        for base in cls.__bases__:
            self.see(base)
        for name, value in sorted(vars(cls).items()):
            if name not in _NOT_OF_CLASS and not isinstance(value, types.GetSetDescriptorType):
                self._put("attribute", name)
                self.see(value)

    def _instance(self, thing: Any) -> None:
        self._put("instance")
        self.see(type(thing))
        if isinstance(thing, functools.partial):
            state: Any = (thing.func, thing.args, thing.keywords)
        elif isinstance(thing, types.MethodType):
            state = (thing.__func__, thing.__self__)
        elif isinstance(thing, staticmethod | classmethod):
            state = thing.__func__
        elif isinstance(thing, property):
            state = (thing.fget, thing.fset, thing.fdel)
        else:
            state = _state(thing)
        self.see(state)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return None


def _globals_read(code: types.CodeType) -> set[str]:
    """Return the names of the globals that code reads, that of functions inside included."""
    found = {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    for constant in code.co_consts:
        if inspect.iscode(constant):
            found |= _globals_read(constant)
    return found


def _state(thing: Any) -> Any:
    """Return all that tells an object from others of its class: an array's bytes, or what is kept.

    What Python cannot keep (an open file, a lock, a generator) has a state that nobody sees.
    """
    if hasattr(thing, "detach") and hasattr(thing, "dtype"):
        thing = thing.detach().cpu().contiguous()
        flat = thing.view(-1).view(sys.modules["torch"].uint8) if thing.numel() else thing
        return (str(thing.dtype), tuple(thing.shape), flat.numpy().tobytes())
    if hasattr(thing, "tobytes") and hasattr(thing, "dtype"):
        if thing.dtype.hasobject:
            raise Unknowable("an array of objects")
        return (str(thing.dtype), tuple(thing.shape), thing.tobytes())
    try:
        kept = thing.__reduce_ex__(4)
    except Exception:
        kind = type(thing)
        raise Unknowable(f"an object of {kind.__module__}.{kind.__qualname__}") from None
    return kept if isinstance(kept, str) else [_listed(part) for part in kept]


def _listed(part: Any) -> Any:
    return list(part) if isinstance(part, Iterator) else part
