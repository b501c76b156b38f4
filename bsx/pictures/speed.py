"""How fast each batch size runs, and how much memory it takes."""

from __future__ import annotations

from bsx.pictures.shapes import Axis, Panel, Picture, Series, Spot
from bsx.pictures.spots import BATCH_SIZE, known, spot
from bsx.schema import Analysis

MEBIBYTE = 2**20


def speed(analysis: Analysis) -> Picture | None:
    """Return throughput and peak memory against batch size; None where nothing was timed."""
    rows = [(row.batch_size, row.speed) for row in analysis.batch_sizes if row.speed is not None]
    fast = known([spot(size, found.samples_per_second) for size, found in rows])
    if not fast:
        return None
    measured = Series("measured", fast, joined=True)
    panels = [Panel(BATCH_SIZE, Axis("samples per second", log=True), (measured,))]
    held = tuple(
        Spot(size, found.peak_memory_bytes / MEBIBYTE)
        for size, found in rows
        if found.peak_memory_bytes
    )
    if held:
        axis = Axis("peak memory (MiB)", from_zero=True)
        panels.append(Panel(BATCH_SIZE, axis, (Series("measured", held, joined=True),)))
    return Picture("speed", "throughput and memory", tuple(panels))
