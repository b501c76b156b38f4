"""Peak memory of the work since a mark."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch


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
            return _high_water_mark()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _reset_high_water_mark() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: proc(5)
    except OSError:
        return False
    return True


def _high_water_mark() -> int | None:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
