"""What ``bsx --version`` prints: versions and device, without importing what is slow to import."""

from __future__ import annotations

import importlib.metadata
import platform
import sys

from bsx import __version__

_SHOWN = ("torch", "numpy", "scipy", "scikit-learn")


def version_lines() -> list[str]:
    """Return the lines; the first is of bsx alone."""
    found = [f"Python {platform.python_version()}"]
    found += [f"{name} {_version(name)}" for name in _SHOWN]
    return [f"bsx {__version__}", ", ".join(found), device_line()]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "is missing"


def device_line() -> str:
    """Say what ``--device auto`` will be, judged by the system and the build of torch."""
    from bsx.doctor import nvidia_is_there, usable_threads

    threads = usable_threads()
    cpu = f"cpu, {threads} thread{'' if threads == 1 else 's'}"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "device: mps"
    if not nvidia_is_there():
        return f"device: {cpu}"
    if "+cpu" in _version("torch"):
        return f"device: {cpu} (there is an NVIDIA GPU, but this torch is built without CUDA)"
    return "device: cuda"
