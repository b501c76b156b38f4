"""The basins of the learning rate: what each rate takes to the target, at each batch size."""

from __future__ import annotations

from dataclasses import replace

from bsx.pictures.shapes import Axis, Panel, Picture, Series, Spot
from bsx.pictures.spots import ranks, spot
from bsx.pictures.targets import goal
from bsx.schema import Analysis, BatchSizeSummary, RateSummary, Sweep

_RATE = Axis("learning rate", log=True)


def learning_rates(sweep: Sweep, analysis: Analysis) -> Picture | None:
    """Return a basin for each batch size; None where one rate alone was tried.

    By the iterations to the first target; where no rate reached one, by the metric at the end.
    """
    rows = [row for row in analysis.batch_sizes if len(row.learning_rates) > 1]
    if not rows:
        return None
    by_steps = bool(analysis.targets) and any(_steps(row) for row in rows)
    kept = []
    for row, rank in zip(rows, ranks(len(rows)), strict=True):
        spots = _steps(row) if by_steps else _ends(row, analysis.metric)
        if spots:
            joined = sweep.config.search is None  # trials differ in more than the rate
            kept.append(Series(f"{row.batch_size:,}", spots, joined=joined, rank=rank))
    if not kept:
        return None
    if by_steps:
        title = f"learning rates by the iterations to {goal(analysis.targets[0])}"
        axis = Axis("iterations to the target", log=True)
    else:
        title = f"learning rates by the validation {analysis.metric} at the end"
        axis = Axis(f"validation {analysis.metric}")
    return Picture("learning-rates", title, (Panel(_RATE, axis, tuple(kept)),))


def _steps(row: BatchSizeSummary) -> tuple[Spot, ...]:
    if not row.to_target:
        return ()
    found = []
    for rate in row.learning_rates:
        steps = rate.to_target[0].steps if rate.to_target else None
        at = None if rate.learning_rate is None else spot(rate.learning_rate, steps)
        if at is not None:
            chosen = _is(rate, row.to_target[0].learning_rate, row.to_target[0].tuned)
            found.append(replace(at, chosen=chosen))
    return tuple(found) if any(not at.censored for at in found) else ()


def _ends(row: BatchSizeSummary, metric: str) -> tuple[Spot, ...]:
    found = []
    for rate in row.learning_rates:
        at = None
        if rate.learning_rate is not None:
            at = spot(rate.learning_rate, rate.validation.get(metric))
        if at is not None:
            final = row.final
            chosen = final is not None and _is(rate, final.learning_rate, final.tuned)
            found.append(replace(at, chosen=chosen))
    return tuple(found)


def _is(rate: RateSummary, learning_rate: float | None, tuned: object) -> bool:
    return rate.learning_rate == learning_rate and rate.tuned == tuned
