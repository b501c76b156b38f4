"""Is the installation whole: what is there, what is missing, and how to get it.

Each check says what it found. It is ``ok``, ``missing`` (something optional is not there),
``doubtful`` or ``broken`` (bsx cannot do its work); those that are not ok say what to do.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bsx import __version__

OLDEST_PYTHON = (3, 11)
_NOT_FOR_USERS = ("dev", "bench", "docs", "examples", "gpu", "trackers")
_IMPORTED_AS = {"scikit-learn": "sklearn", "pillow": "PIL", "pyarrow": "pyarrow"}
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*['\"]([\w-]+)['\"])?")


@dataclass(frozen=True)
class Check:
    """What was looked at, how it is, what was found, and what to do where it is not ok."""

    about: str
    status: str  # ok | missing | doubtful | broken
    found: str
    remedy: str | None = None
    kind: str = "check"  # check | library | optional


def examine(store: str) -> Iterator[Check]:
    """Yield one check after another; none of them trains, and nothing that is stored is touched.

    Args:
        store: the folder where sweeps are to be stored.
    """
    yield _python()
    yield from _libraries()
    for check in (_device, _threads, _memory, _processes):
        yield _safely(check)
    yield _store(store)
    yield _locks(store)
    yield from _entry_points()
    yield from _extras()


def _safely(check: Callable[[], Check]) -> Check:
    """Make a check; what it raises is a finding."""
    try:
        return check()
    except Exception as error:
        about = check.__name__.strip("_")
        said = f"{type(error).__name__}: {error}".partition("\n")[0]
        return Check(about, "broken", said, "see the message; reinstall what it names")


def _python() -> Check:
    found = (
        f"{platform.python_version()}, {platform.python_implementation()} on {platform.system()}"
    )
    if sys.version_info >= OLDEST_PYTHON:
        return Check("Python", "ok", found)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return Check("Python", "broken", found, f"install Python {oldest} or newer")


def _requirements() -> list[tuple[str, str | None]]:
    """Return (distribution, its extra or None) of all that bsx was declared to use."""
    try:
        declared = importlib.metadata.requires("bsx") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found = [_REQUIREMENT.match(line) for line in declared]
    return [(match[1], match[2]) for match in found if match]


def _libraries() -> Iterator[Check]:
    """Import all that must be there: a library that is installed may still be broken."""
    yield Check("bsx", "ok", f"{__version__} in {Path(__file__).parent}")
    for name, extra in _requirements():
        if extra is not None:
            continue
        module = _IMPORTED_AS.get(name.lower(), name.lower().replace("-", "_"))
        try:
            importlib.import_module(module)
        except Exception as error:
            said = f"{type(error).__name__}: {error}".partition("\n")[0]
            yield Check(name, "broken", said, f"pip install --force-reinstall {name}", "library")
        else:
            yield Check(name, "ok", _version(name) or "no version", kind="library")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _device() -> Check:
    from bsx.facts import resolve_device

    device = resolve_device("auto")
    if device == "cuda":
        import torch

        return Check("device", "ok", f"cuda: {torch.cuda.get_device_name()}")
    if device == "cpu" and nvidia_is_there():
        return Check(
            "device",
            "doubtful",
            "cpu, though there is an NVIDIA GPU: this torch cannot use it",
            "install a torch built for CUDA: https://pytorch.org/get-started/locally",
        )
    return Check("device", "ok", device)


def nvidia_is_there() -> bool:
    """Say whether the system has an NVIDIA GPU, without asking torch."""
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidia0").exists()


def usable_threads() -> int:
    """Return how many threads this process may use at once, without asking torch."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return here or 1


def _threads() -> Check:
    from bsx.facts import available_threads

    threads, machine = available_threads(), os.cpu_count() or 1
    found = f"{threads} of {machine}"
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if busy > machine:
        return Check(
            "threads",
            "doubtful",
            f"{found}; the machine is busy (load {busy:.1f})",
            "what is timed now would be slower than it is; wait, or give --threads 1",
        )
    return Check("threads", "ok", found)


def _memory() -> Check:
    from bsx.data import memory_limit

    limit = memory_limit("cpu")
    if limit is None:
        return Check("memory", "doubtful", "this system does not tell its limit")
    return Check(
        "memory", "ok", f"{limit.limit_bytes / 2**30:.1f} GiB, limit of the {limit.source}"
    )


def _processes() -> Check:
    """Start a process as units are started, and hear from it."""
    from bsx.execute.workers import start_once

    seconds = start_once()
    return Check("processes", "ok", f"the first worker starts in {seconds:.1f} s")


def _store(folder: str) -> Check:
    place = Path(folder).absolute()
    nearest = next(p for p in (place, *place.parents) if p.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=nearest, prefix=".bsx-doctor-") as file:
            file.write(b"0" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        remedy = "give a folder that can be written to with --store or BSX_STORE"
        return Check("store", "broken", f"{nearest}: {error.strerror}", remedy)
    wrong = _unreadable(place)
    if wrong is not None:
        found, _, remedy = wrong.partition("; ")
        return Check("store", "broken", found, remedy or "name another --store")
    state = "there" if place.exists() else "will be made"
    return Check("store", "ok", f"{place} ({state}, can be written to)")


def _unreadable(place: Path) -> str | None:
    """Say why what is stored in a folder cannot be read; None where it can, or nothing is."""
    from bsx.errors import StoreError
    from bsx.store import Store

    if not Store.exists(place):
        return None
    try:
        with Store(place) as store:
            store.sweeps()
    except StoreError as error:
        return str(error)
    return None


def _locks(folder: str) -> Check:
    """Take a lock and look, from another process, whether it holds."""
    from bsx.store.lock import holds_across_processes

    place = Path(folder).absolute()
    nearest = next(p for p in (place, *place.parents) if p.exists())
    try:
        with tempfile.TemporaryDirectory(dir=nearest, prefix=".bsx-doctor-") as scratch:
            holds = holds_across_processes(Path(scratch) / "lock")
    except OSError as error:
        return Check(
            "locks",
            "broken",
            f"this file system has none: {error.strerror}",
            "give a --store on a local disk, or on NFS 4",
        )
    if holds:
        return Check("locks", "ok", "hold between processes")
    return Check(
        "locks",
        "doubtful",
        "do not hold between processes here",
        "never run two sweeps on one store at once, or give a --store on a local disk",
    )


def _entry_points() -> Iterator[Check]:
    """Load every name, a plug-in's too: one that cannot be imported would fail in a sweep."""
    from bsx import registry

    for kind in registry.ENTRY_POINT_GROUPS:
        names = registry.targets(kind)
        failing = {}
        for name in names:
            try:
                registry.load(kind, name)
            except Exception as error:
                failing[name] = f"{error}".partition("\n")[0]
        if not names:
            remedy = "pip install --force-reinstall --no-deps bsx"
            yield Check(f"{kind}s", "broken", "no name is known", remedy)
        elif failing:
            first, reason = next(iter(failing.items()))
            yield Check(
                f"{kind}s",
                "broken",
                f"{len(failing)} of {len(names)} cannot be loaded: {first}: {reason}",
                f"reinstall or remove the package that brings {', '.join(failing)}",
            )
        else:
            yield Check(f"{kind}s", "ok", f"{len(names)} names, each can be loaded")


def _extras() -> Iterator[Check]:
    """Say of the optional libraries which are there, and how to get the others."""
    for name, extra in _requirements():
        if extra is None or extra in _NOT_FOR_USERS:
            continue
        version = _version(name)
        if version is not None:
            yield Check(name, "ok", version, kind="optional")
        else:
            remedy = f'pip install "bsx[{extra}]"'
            yield Check(name, "missing", "not installed; optional", remedy, "optional")
