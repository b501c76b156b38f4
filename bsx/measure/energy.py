"""The energy that a GPU draws, by the counter that its driver keeps."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable

import torch

# Counters move on about every 20 to 100 ms: a second of steps tells them to a few per cent.
DRAWS, DRAW_SECONDS = 3, 1.0
_MILLI = 1e-3

Counter = Callable[[], float]  # → joules since some time in the past; NaN: it cannot be read


def counter(device: torch.device) -> Counter | None:
    """Return the energy counter of a device; None where there is none that can be read.

    It takes a GPU of NVIDIA's that counts (Volta or later, no part of one) and nvidia-ml-py, whose
    module is called pynvml.
    """
    if device.type != "cuda":
        return None
    try:
        uuid = torch.cuda.get_device_properties(device).uuid
        return counter_of(f"GPU-{uuid}")
    except AttributeError:  # an older torch, which does not know it
        return None


def counter_of(uuid: str) -> Counter | None:
    """Return the energy counter of the GPU that the driver knows by ``uuid``, if it has one."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError:  # no driver, no such device, or one that does not count
        return None

    def count() -> float:
        try:
            return _MILLI * float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        except nvml.NVMLError:
            return math.nan

    return count


def joules_per_step(
    count: Counter, step: Callable[[], None], seconds: float, settle: Callable[[], None]
) -> tuple[float, ...]:
    """Return what a step draws, measured a few times over many; nothing where that is not told.

    Args:
        seconds: about how long a step takes.
        settle: waits until the device has done all that it was given.
    """
    steps = max(1, round(DRAW_SECONDS / seconds))
    draws = []
    for _ in range(DRAWS):
        settle()
        before = count()
        for _ in range(steps):
            step()
        settle()
        draws.append((count() - before) / steps)
    return tuple(draws) if all(map(math.isfinite, draws)) else ()
