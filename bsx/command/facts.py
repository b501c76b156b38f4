"""What planning must know of the user's own program: what the user said of it, and no more."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from bsx.errors import ConfigError
from bsx.schema import Facts, SweepConfig, digest


def look(config: SweepConfig) -> Facts:
    """Return what planning must know; nothing is opened, imported or run for it."""
    command = config.command
    if command is None:
        raise ConfigError("--command: give the command that trains once")
    return Facts.told(
        "command",
        digest(command.program),
        command.metrics,
        train_samples=command.program.train_samples,
        by="command",
        device="cpu",
        threads=config.threads or available_threads(),
    )


def available_threads() -> int:
    """Return how many threads this process may use at once."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_machine(version: str) -> dict[str, Any]:
    """Say on what the program runs; ``version`` is that of bsx."""
    return {
        "bsx": version,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
