"""Names → things, found when they are asked for and not before.

Datasets, models and optimizers come from the entry-point groups ``bsx.datasets``, ``bsx.models``
and ``bsx.optimizers``; ``package.module:attribute`` and ``path/to/file.py:attribute`` work
everywhere a name does. A dataset's name may go on with what it reads: ``idx:/data/fashion``.
What Python code gave as an object has a name that begins with ``python:``, in its process alone.
Listing names imports nothing.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from bsx import files
from bsx.errors import ConfigError

# What a person chooses by name, through entry points.
ENTRY_POINT_GROUPS = {
    "dataset": "bsx.datasets",
    "model": "bsx.models",
    "optimizer": "bsx.optimizers",
}

# Optimizers of torch that no sweep can use, so that they have no name, and why.
UNFIT_OPTIMIZERS = {
    "lbfgs": "L-BFGS evaluates a batch several times a step, so that its iterations cannot be "
    "compared; take sgd or adam",
    "sparse-adam": "SparseAdam takes sparse gradients alone, and those here are dense; take adam",
}

# What bsx chooses for itself; the same lookup, so that executors and trainers know no one.
INTERNAL: dict[str, dict[str, str]] = {
    "task": {
        "classification": "bsx.tasks.classification:Classification",
        "language-modelling": "bsx.tasks.language:LanguageModelling",
        "multi-label": "bsx.tasks.multilabel:MultiLabel",
        "regression": "bsx.tasks.regression:Regression",
    },
    "trainer": {
        "branches": "bsx.train.branches:train",
        "channels-last": "bsx.train.loop:train_channels_last",
        "command": "bsx.command.trainer:train",
        "devices": "bsx.train.devices:train",
        "lanes": "bsx.train.lanes:train",
        "loop": "bsx.train.loop:train",
    },
    "measure": {
        "memory": "bsx.measure.fits:measure",
        "speed": "bsx.measure.speed:measure",
        "speed-devices": "bsx.measure.speed:measure_devices",
        "calibration": "bsx.measure.calibration:measure",
        "diagnostics": "bsx.measure.diagnostics:measure",
    },
    "executor": {
        "inline": "bsx.execute.inline:InlineExecutor",
        "ray": "bsx.execute.ray:RayExecutor",
        "slurm": "bsx.execute.slurm:SlurmExecutor",
        "workers": "bsx.execute.workers:WorkersExecutor",
    },
}


@dataclass(frozen=True)
class _Given:
    """A thing that Python code gave in place of a name, and the hash of all that decides it."""

    thing: Any
    source: str | None
    number: int  # how many were given before it


GIVEN = "python:"  # the names of what was given begin so
_given: dict[tuple[str, str], _Given] = {}
_numbers = itertools.count()


def give(kind: str, name: str, thing: Any, source: str | None) -> str:
    """Let ``thing`` be found in this process; return the name that it has from now on.

    ``source``: its identity, a hash of all that decides what it does; None where the data's own
    fingerprint tells.
    """
    named = f"{GIVEN}{name}"
    _given[kind, named] = _Given(thing, source, next(_numbers))
    return named


def given(kind: str, name: str) -> _Given | None:
    """Return what was given under ``name``; None for any other name.

    Raises:
        ConfigError: for the name of what was given to another process.
    """
    if not name.startswith(GIVEN):
        return None
    if (kind, name) not in _given:
        raise ConfigError(
            f"{_flag(kind)} {name}: this was an object of a Python session, and is not there now; "
            "give it again to bsx.sweep(), or put it into a file and name file.py:attribute"
        )
    return _given[kind, name]


@cache
def targets(kind: str) -> dict[str, str]:
    """Return name → ``module:attribute`` of everything of ``kind``, sorted by name."""
    if kind in INTERNAL:
        return dict(INTERNAL[kind])
    found = importlib.metadata.entry_points(group=ENTRY_POINT_GROUPS[kind])
    return {point.name: point.value for point in sorted(found, key=lambda p: p.name)}


def load(kind: str, name: str) -> Any:
    """Return what ``name`` stands for.

    Raises:
        ConfigError: for an unknown name (with the nearest ones) or one that cannot be imported.
    """
    if (object_given := given(kind, name)) is not None:
        return object_given.thing
    target = locate(kind, name)
    module_name, _, attribute = target.rpartition(":")
    module = _module(kind, module_name, name)
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = _near(part, [n for n in dir(found) if not n.startswith("_")])
            raise ConfigError(
                f"{_flag(kind)} {name}: {module_name} has no {part!r}{near}"
            ) from None
    _, source = split_source(kind, name)
    return found if source is None else _reading(found, kind, name, source)


def locate(kind: str, name: str) -> str:
    """Return the ``module:attribute`` or ``file.py:attribute`` that ``name`` stands for.

    Raises:
        ConfigError: for an unknown name, with the nearest known ones.
    """
    known = targets(kind)
    base, _ = split_source(kind, name)
    if base in known:
        return known[base]
    module, _, attribute = name.rpartition(":")
    if module and attribute.replace(".", "").isidentifier():
        return name
    if kind == "optimizer" and name.lower() in UNFIT_OPTIMIZERS:
        raise ConfigError(f"--optimizer {name}: {UNFIT_OPTIMIZERS[name.lower()]}")
    kind_of_file = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".npz": "npz"}
    if kind == "dataset" and (reader := kind_of_file.get(name[name.rfind(".") :])):
        raise ConfigError(f"--dataset {name}: a file needs its kind: --dataset {reader}:{name}")
    if name.endswith(".py"):
        raise ConfigError(_without_attribute(kind, name))
    near = _near(name, list(known)) or _near(name.partition(":")[0], list(known))
    raise ConfigError(
        f"{_flag(kind)} {name}: no such {kind}{near}; "
        f"see `bsx list {kind}s`, or give module:attribute or file.py:attribute"
    )


def _without_attribute(kind: str, file: str) -> str:
    """Say how to name what is in a Python file, without running it."""
    try:
        body = ast.parse(Path(file).read_text(encoding="utf-8")).body
    except OSError as error:
        return f"{_flag(kind)} {file}: cannot read it: {error.strerror}"
    except ValueError as error:  # of UTF-8
        return f"{_flag(kind)} {file}: it is no Python file: {error}"
    except SyntaxError as error:
        return f"{_flag(kind)} {file}: it is no valid Python (line {error.lineno}: {error.msg})"
    defined = (ast.ClassDef, ast.FunctionDef)
    names = [n.name for n in body if isinstance(n, defined) and not n.name.startswith("_")]
    has = f"; it defines {', '.join(names[:8])}{', …' if len(names) > 8 else ''}" if names else ""
    return (
        f"{_flag(kind)} {file}: add which of its functions or classes to take: "
        f"{_flag(kind)} {file}:{names[0] if len(names) == 1 else 'NAME'}{has}"
    )


def split_source(kind: str, name: str) -> tuple[str, str | None]:
    """Return a dataset's name and what it is to read: ``idx:/data`` → ``idx``, ``/data``."""
    base, colon, source = name.partition(":")
    if kind == "dataset" and colon and name not in targets(kind) and base in targets(kind):
        return base, source
    return name, None


def source_hash(kind: str, name: str) -> str | None:
    """Hash the file that ``file.py:attribute`` names; None for any other name.

    Raises:
        ConfigError: where the file cannot be read.
    """
    if (object_given := given(kind, name)) is not None:
        return object_given.source
    path = _file_of(locate(kind, name).rpartition(":")[0])
    return None if path is None else file_hash(path, f"{_flag(kind)} {name}:")


def check_source(kind: str, name: str, known: str | None) -> None:
    """Refuse to go on with a file that was changed after the sweep began: runs would be mixed.

    Raises:
        ConfigError: saying so.
    """
    if known is not None and source_hash(kind, name) != known:
        raise ConfigError(
            f"{_flag(kind)} {name}: the file was changed while it is in use; "
            "the same command trains the new one"
        )


def file_hash(path: Path | str, what: str) -> str:
    """Hash the content of a file that the user named; ``what`` says how.

    Raises:
        ConfigError: where the file cannot be read.
    """
    try:
        return files.digest_of(path)
    except OSError as error:
        raise ConfigError(f"{what} cannot read {path}: {error.strerror}") from None


def summary(kind: str, name: str) -> str:
    """Return the first line of the docstring of ``name`` without importing it; '' if unknown."""
    module_name, _, attribute = targets(kind)[name].rpartition(":")
    root, *inner = module_name.split(".")
    file = Path(__file__).parent.joinpath(*inner).with_suffix(".py")
    if root != "bsx" or not file.is_file():  # to ask Python where a module is imports its parents
        return ""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def worker(kind: str, name: str) -> Callable[..., Any]:
    """Return the function that a unit names as its worker."""
    function: Callable[..., Any] = load(kind, name)
    return function


def _reading(reader: Any, kind: str, name: str, source: str) -> Any:
    """Return ``reader`` with its ``source`` given; an empty one counts as none."""
    base, _, _ = name.partition(":")
    if not callable(reader) or "source" not in inspect.signature(reader).parameters:
        raise ConfigError(f"{_flag(kind)} {name}: {base} reads nothing; say {_flag(kind)} {base}")
    return partial(reader, source) if source else reader


def _module(kind: str, module_name: str, name: str) -> Any:
    path = _file_of(module_name)
    try:
        if path is None:
            if "" not in sys.path and str(Path.cwd()) not in sys.path:
                sys.path.insert(0, str(Path.cwd()))  # a console script leaves it out
            return importlib.import_module(module_name)
        return _module_from_file(path.resolve())
    except FileNotFoundError:
        raise ConfigError(f"{_flag(kind)} {name}: there is no file {path}") from None
    except ImportError as error:
        raise ConfigError(f"{_flag(kind)} {name}: cannot import {module_name}: {error}") from error
    except SystemExit as error:  # a script that was not written to be imported
        raise ConfigError(
            f"{_flag(kind)} {name}: {module_name} ends the program when imported (exit code "
            f"{error.code}); put what it does by itself under `if __name__ == '__main__':`"
        ) from error
    except Exception as error:
        raise ConfigError(
            f"{_flag(kind)} {name}: {module_name} fails when imported: "
            f"{type(error).__name__}: {error}"
        ) from error


@cache
def _module_from_file(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(path)
    name = f"bsx_user_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that its classes pickle
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # it may import its neighbours
    spec.loader.exec_module(module)
    return module


def _file_of(module_name: str) -> Path | None:
    return Path(module_name) if module_name.endswith(".py") else None


def _near(name: str, known: list[str]) -> str:
    matches = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(matches)}?)" if matches else ""


def _flag(kind: str) -> str:
    return f"--{kind}"
