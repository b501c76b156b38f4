"""The critical batch size along a run, of a branched sweep."""

from __future__ import annotations

from bsx.pictures.shapes import Axis, Panel, Picture, Series
from bsx.pictures.spots import known, spot
from bsx.schema import Branched


def along_the_run(branched: Branched) -> Picture | None:
    """Return how large a batch may be after how many samples; None where no point says."""
    spots = known([spot(point.samples, point.critical_batch_size) for point in branched.points])
    if not spots:
        return None
    axes = Axis("samples seen", log=True), Axis("critical batch size", log=True)
    series = (Series("measured", spots, joined=True),)
    return Picture(
        "critical-batch-size", "critical batch size along the run", (Panel(*axes, series),)
    )
