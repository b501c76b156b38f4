"""What is measured along runs: the gradient noise scale, and directions of gradients."""

from __future__ import annotations

from bsx.pictures.shapes import Axis, Panel, Picture, Series
from bsx.pictures.spots import BATCH_SIZE, known, ranks, spot
from bsx.schema import Analysis


def noise_scale(analysis: Analysis) -> Picture | None:
    """Return the noise scale along a run of each batch size; None where none was resolved."""
    curves = {
        row.batch_size: known(
            # A logarithmic axis has no place for the start; the next point lies right behind it.
            [spot(p.epoch, p.noise_scale) for p in row.noise_curve.points if p.epoch > 0]
        )
        for row in analysis.batch_sizes
        if row.noise_curve
    }
    drawn = {size: spots for size, spots in curves.items() if spots}
    if not drawn:
        return None
    series = tuple(
        Series(f"{size:,}", spots, joined=True, rank=rank)
        for (size, spots), rank in zip(drawn.items(), ranks(len(drawn)), strict=True)
    )
    axes = Axis("epoch", log=True), Axis("gradient noise scale (samples)", log=True)
    return Picture("noise-scale", "gradient noise scale along the run", (Panel(*axes, series),))


def directions(analysis: Analysis) -> Picture | None:
    """Return how true the direction of a batch's gradient is, by batch size and stage."""
    if analysis.gradients is None:
        return None
    series = tuple(
        Series(
            point.place,
            known([spot(one.batch_size, one.cosine) for one in point.directions]),
            joined=True,
        )
        for point in analysis.gradients.points
    )
    axes = BATCH_SIZE, Axis("cosine to the full gradient")
    return Picture("gradient-direction", "direction of a batch's gradient", (Panel(*axes, series),))
