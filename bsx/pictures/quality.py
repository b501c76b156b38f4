"""How good each batch size is at the end, and how far test lies behind training."""

from __future__ import annotations

from bsx.pictures.shapes import Axis, Panel, Picture, Series
from bsx.pictures.spots import BATCH_SIZE, known, spot
from bsx.schema import Analysis, Sweep


def quality(sweep: Sweep, analysis: Analysis) -> Picture | None:
    """Return the metric at the end by part, and the generalization gap; None without any."""
    rows = [(row.batch_size, row.final) for row in analysis.batch_sizes if row.final is not None]
    metric = analysis.metric
    parts = []
    for part in ("train", "validation", "test"):
        found = [spot(size, getattr(final, part).get(metric)) for size, final in rows]
        if spots := known(found):
            parts.append(Series(part, spots, joined=True))
    if not parts:
        return None
    panels = [Panel(BATCH_SIZE, Axis(f"{metric} at the end"), tuple(parts))]
    gaps = known([spot(size, final.generalization_gap) for size, final in rows])
    if gaps:
        gap = Series("generalization gap", gaps, joined=True)
        panels.append(Panel(BATCH_SIZE, Axis("generalization gap"), (gap,)))
    named = sweep.facts.dataset_name
    return Picture("quality", f"{metric} by batch size on {named}", tuple(panels))
