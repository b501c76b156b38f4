"""Loss curves: validation loss along training, at the rate that is best at the end of each size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from statistics import median
from typing import NamedTuple

from bsx.pictures.shapes import Axis, Panel, Picture, Series, Spot
from bsx.pictures.spots import ranks
from bsx.schema import (
    Analysis,
    BatchSizeSummary,
    RunRecord,
    RunStatus,
    Sweep,
    point_of,
    rate_of,
    tuned_of,
)


class _Place(NamedTuple):
    """A step at which every seed was evaluated; seconds are NaN where they are not told."""

    iterations: float
    epochs: float
    seconds: float
    losses: tuple[float, ...]  # one a seed


def loss_curves(sweep: Sweep, analysis: Analysis, records: Sequence[RunRecord]) -> Picture | None:
    """Return a curve for each batch size, the median over its seeds, with the range they span.

    By iterations, by epochs and, where an iteration was timed, by seconds. None without any.
    """
    rows = [row for row in analysis.batch_sizes if row.final is not None]
    found = [(row, _places(sweep, row, records)) for row in rows]
    found = [(row, places) for row, places in found if len(places) > 1]
    if not found:
        return None
    log = all(min(place.losses) > 0 for _, places in found for place in places)
    several = any(len(place.losses) > 1 for _, places in found for place in places)
    y = Axis("validation loss, median of seeds" if several else "validation loss", log=log)
    panels = []
    for what in ("iterations", "epochs", "seconds"):
        at = attrgetter(what)
        series = []
        for (row, places), rank in zip(found, ranks(len(found)), strict=True):
            spots = tuple(_spot(at(place), place.losses) for place in places if at(place) > 0)
            if len(spots) > 1:
                label = f"{row.batch_size:,}"
                series.append(Series(label, spots, joined=True, dense=True, rank=rank))
        if len(series) == len(found):
            panels.append(Panel(Axis(what, log=True), y, tuple(series)))
    return Picture("loss-curves", "validation loss along training", tuple(panels))


def _spot(x: float, losses: tuple[float, ...]) -> Spot:
    return Spot(x, median(losses), min(losses), max(losses))


def _places(sweep: Sweep, row: BatchSizeSummary, records: Sequence[RunRecord]) -> list[_Place]:
    """Return the places at which every seed of a size was evaluated."""
    curves = [list(r.curve) for r in records if _is_best(sweep, row, r)]
    if not curves:
        return []
    step_seconds = row.speed.step_seconds.value if row.speed else None
    by_step = [{p.step: p for p in curve if math.isfinite(p.validation_loss)} for curve in curves]
    places: list[_Place] = []
    for step in sorted(set.intersection(*(set(points) for points in by_step))):
        points = [of[step] for of in by_step]
        seconds = step * step_seconds if step_seconds else points[0].train_seconds
        losses = tuple(p.validation_loss for p in points)
        places.append(_Place(step, points[0].epoch, seconds, losses))
    return places


def _is_best(sweep: Sweep, row: BatchSizeSummary, record: RunRecord) -> bool:
    if record.status is not RunStatus.COMPLETED or row.final is None:
        return False
    if record.run.recipe.batch_size != row.batch_size or record.run.recipe.trunk is not None:
        return False
    point = point_of(record.run, sweep.config.search)
    rate = row.final.learning_rate
    best = rate is None or rate_of(point) == rate
    return best and dict(tuned_of(point)) == dict(row.final.tuned)
