"""Pictures of a sweep as numbers: which values stand where, on which axes, with which intervals.

Computed once here, drawn by whoever draws: as figures for a paper, on a terminal, in a page. No
library of drawing is known here.
"""

from __future__ import annotations

from collections.abc import Sequence

from bsx.pictures.branches import along_the_run
from bsx.pictures.curves import loss_curves
from bsx.pictures.measured import directions, noise_scale
from bsx.pictures.quality import quality
from bsx.pictures.rates import learning_rates
from bsx.pictures.shapes import Axis, Fit, Mark, Panel, Picture, Series, Spot
from bsx.pictures.speed import speed
from bsx.pictures.spots import BATCH_SIZE
from bsx.pictures.targets import of_pairs, to_target
from bsx.schema import Analysis, RunRecord, Sweep

__all__ = [
    "BATCH_SIZE",
    "Axis",
    "Fit",
    "Mark",
    "Panel",
    "Picture",
    "Series",
    "Spot",
    "along_the_run",
    "directions",
    "few",
    "learning_rates",
    "loss_curves",
    "noise_scale",
    "of_pairs",
    "pictures",
    "quality",
    "speed",
    "to_target",
]


def few(sweep: Sweep, analysis: Analysis) -> tuple[Picture, ...]:
    """Return the pictures that matter most, of which a terminal can draw something."""
    if analysis.branched is not None:
        found = [along_the_run(analysis.branched)]
    else:
        found = [to_target(sweep, analysis, "steps"), speed(analysis)]
    return tuple(picture for picture in found if picture is not None)


def pictures(sweep: Sweep, analysis: Analysis, records: Sequence[RunRecord]) -> tuple[Picture, ...]:
    """Return every picture for which something was measured."""
    if analysis.branched is not None:
        found: list[Picture | None] = [along_the_run(analysis.branched)]
    else:
        found = [
            *(to_target(sweep, analysis, what) for what in ("steps", "epochs", "seconds")),
            speed(analysis),
            learning_rates(sweep, analysis),
            quality(sweep, analysis),
            loss_curves(sweep, analysis, records),
            noise_scale(analysis),
            directions(analysis),
        ]
    return tuple(picture for picture in found if picture is not None)
