"""The curves of a sweep, thinned: of each batch size the median over its seeds, and their range."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bsx.render.report.parts import Part
from bsx.schema import BatchSizeSummary, Curve, RunRecord, RunStatus, point_of, tuned_of


@dataclass(frozen=True)
class Thinned:
    """The seeds of one batch size together, at the learning rate best at the end.

    ``values``: name → (median, lowest, highest) at each of ``steps``; NaN where nothing is known.
    ``seconds`` are those of training alone; empty where they are not known.
    """

    size: BatchSizeSummary
    seeds: int
    steps: tuple[int, ...]
    epochs: tuple[float, ...]
    seconds: tuple[float, ...]
    values: Mapping[str, tuple[tuple[float, float, float], ...]]


def thinned(part: Part, names: Sequence[str], most: int) -> list[Thinned]:
    """Return the curves of every batch size that has any, of at most ``most`` points each."""
    found = (_of_size(part, size, names, most) for size in part.analysis.batch_sizes)
    return [one for one in found if one is not None]


def _of_size(part: Part, size: BatchSizeSummary, names: Sequence[str], most: int) -> Thinned | None:
    columns = [_columns(run, names) for run in _chosen(part, size)]
    columns = [of for of in columns if of["step"]]
    if not columns:
        return None
    longest = max(columns, key=lambda of: (len(of["step"]), of["step"][-1]))
    places = _spaced([int(step) for step in longest["step"]], most)
    steps = tuple(int(longest["step"][place]) for place in places)
    return Thinned(
        size=size,
        seeds=len(columns),
        steps=steps,
        epochs=tuple(longest["epoch"][place] for place in places),
        seconds=_seconds(size, columns, steps),
        values={name: tuple(_spread(columns, name, step) for step in steps) for name in names},
    )


def _chosen(part: Part, size: BatchSizeSummary) -> list[RunRecord]:
    """Return the runs at the rate best at the end; those that diverged or failed are not drawn."""
    if size.final is None:
        return []
    search, final = part.sweep.config.search, size.final
    found = []
    for record in part.runs:
        run = record.run
        if run.recipe.batch_size != size.batch_size or record.status is not RunStatus.COMPLETED:
            continue
        alike = final.learning_rate in (None, run.learning_rate)
        if alike and dict(final.tuned) == dict(tuned_of(point_of(run, search))):
            found.append(record)
    return found


def _columns(record: RunRecord, names: Sequence[str]) -> dict[str, Sequence[float]]:
    curve = Curve.of(record.curve)
    found: dict[str, Sequence[float]] = {"step": [], "epoch": [], "train_seconds": []}
    for name in (*found, *names):
        column = curve.against_steps(name)
        found[name] = column[1] if column is not None else []
    begun = next((place for place, step in enumerate(found["step"]) if step >= 1), None)
    return {name: column[begun:] if begun is not None else [] for name, column in found.items()}


def _spaced(steps: Sequence[int], most: int) -> list[int]:
    """Choose places at about even distances on a logarithmic axis, the first and last among them.

    The early part of a curve, of few evaluations far apart there, is kept as it is.
    """
    if len(steps) <= most:
        return list(range(len(steps)))
    low, high = math.log(steps[0]), math.log(steps[-1])
    fine = [low + (high - low) * n / (most - 1) for n in range(most)]
    logs = [math.log(step) for step in steps]
    return sorted({min(len(steps) - 1, max(0, bisect_right(logs, at + 1e-9) - 1)) for at in fine})


def _spread(
    columns: Sequence[Mapping[str, Sequence[float]]], name: str, step: int
) -> tuple[float, float, float]:
    values = [value for of in columns if (value := _at(of, name, step)) is not None]
    if not values:
        return (math.nan, math.nan, math.nan)
    return median(values), min(values), max(values)


def _at(of: Mapping[str, Sequence[float]], name: str, step: int) -> float | None:
    """Return the last value of a run up to a step; None beyond its end."""
    place = bisect_right(of["step"], step) - 1
    if place < 0 or step > of["step"][-1] or place >= len(of[name]):
        return None
    value = of[name][place]
    return value if math.isfinite(value) else None


def _seconds(
    size: BatchSizeSummary,
    columns: Sequence[Mapping[str, Sequence[float]]],
    steps: Sequence[int],
) -> tuple[float, ...]:
    """Return when each step is done: by the time of a step alone, where that was measured."""
    if size.speed and size.speed.step_seconds.value and not size.grows_to:
        return tuple(step * size.speed.step_seconds.value for step in steps)
    found = [_spread(columns, "train_seconds", step)[0] for step in steps]
    return tuple(found) if all(second > 0 for second in found) else ()
