"""Peak memory of the work since a mark, and a bound on it."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys
from pathlib import Path

import torch

# What a process reserves and does not touch: stacks of threads, pools of allocators.
_UNTOUCHED = 2**28
_MMAP_THRESHOLD, _SMALL = -3, 2**16  # mallopt(3)


class PeakMemory:
    """The most memory in use since the mark was set, in bytes.

    On CUDA it is the allocator's peak; on the CPU the resident memory of this process, so that it
    is meaningful in a process of its own.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marked = True
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        else:
            self._marked = _reset_high_water_mark()

    def read(self) -> int | None:
        """Return the peak since the mark, or None where the system cannot tell."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        if self._device.type != "cpu":
            return None
        if self._marked:
            return _of_status("VmHWM")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def confine(device: torch.device, limit_bytes: int | None) -> None:
    """Have allocations fail that would take this process far above a limit, for all that follows.

    It keeps the machine safe from a size that is much too large; whether a size that ends stayed
    below the limit is for :class:`PeakMemory` to say. On Linux the process is also the first that
    the system ends when memory runs out, before those that did not ask for this.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # proc(5)
    if device.type == "cpu":
        # Large blocks from the system and back to it: what is in use then is what is needed, where
        # a pool that is kept also holds gaps, other ones in every process.
        with contextlib.suppress(AttributeError, OSError, TypeError):
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _SMALL)
    if limit_bytes is None:
        return
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit_bytes / total), device)
        return
    with contextlib.suppress(OSError, ValueError):
        held, data = (_of_status(name) or 0 for name in ("VmRSS", "VmData"))
        most = data + max(0, limit_bytes - held) + _UNTOUCHED
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _reset_high_water_mark() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: proc(5)
    except OSError:
        return False
    return True


def _of_status(name: str) -> int | None:
    """Return a number of bytes that Linux tells of this process (proc(5))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None
