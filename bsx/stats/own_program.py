"""What differs for the user's own program: its speed and its length are read off its curves."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from bsx.schema import (
    Analysis,
    BatchSizeSummary,
    Facts,
    RunRecord,
    RunStatus,
    SpeedRecord,
    SweepConfig,
)
from bsx.stats.sizes import SizeEvidence

LOOP = "command"
_SHORTEST = 1e-15  # seconds of a step; below it is no time
_ENDLESS = 10**18  # samples: no run comes to the end of an epoch
_DATED = 0.5  # reports that came one by one, as a share of all: else they were held back


def speeds_of_curves(runs: Sequence[RunRecord]) -> list[SpeedRecord]:
    """Return one speed record a batch size: each run's mean seconds per step is a draw.

    From a run's first report to its last, so that starting up is left out.
    """
    draws: dict[int, list[float]] = {}
    for record in runs:
        seconds = _step_seconds(record)
        if seconds is not None:
            draws.setdefault(record.run.recipe.batch_size, []).append(seconds)
    return [
        SpeedRecord(f"curves-{size}", size, LOOP, RunStatus.COMPLETED, tuple(found))
        for size, found in draws.items()
    ]


def _step_seconds(record: RunRecord) -> float | None:
    """Seconds per step between a run's first report and its last; None where they are unknown."""
    points = [point for point in record.curve if math.isfinite(point.train_seconds)]
    if record.status is not RunStatus.COMPLETED or len(points) < 2:
        return None
    times = {point.train_seconds for point in points}
    steps = points[-1].step - points[0].step
    seconds = points[-1].train_seconds - points[0].train_seconds
    if len(times) < max(2.0, _DATED * len(points)) or steps <= 0 or seconds <= 0:
        return None
    return seconds / steps if seconds / steps > _SHORTEST else None


def aim_of(config: SweepConfig, sizes: Sequence[SizeEvidence]) -> str:
    """Return by what a size is recommended: iterations, where a program's reports tell no time.

    Its time is read off them, so that there is nothing that a further run of it would make known.
    """
    untimed = config.command is not None and not any(size.step_seconds for size in sizes)
    return "steps" if config.aim == "time" and untimed else config.aim


def length_of_curves(
    row: BatchSizeSummary, runs: Sequence[RunRecord], takes_length: bool
) -> BatchSizeSummary:
    """Return the row with the steps that the program really took, where it came to its end.

    Else with those that its runs were to take; of a program that is not told them, with none.
    """
    of_size = [record for record in runs if record.run.recipe.batch_size == row.batch_size]
    taken = [
        record.curve[-1].step
        for record in of_size
        if record.status is RunStatus.COMPLETED and record.curve
    ]
    if not taken and not takes_length:
        return dataclasses.replace(row, steps=None, epochs=None)
    taken = taken or [record.run.recipe.steps for record in of_size]
    if not taken:
        return row
    epochs = max(taken) / row.steps_per_epoch if row.steps_per_epoch else None
    return dataclasses.replace(row, steps=max(taken), epochs=epochs)


def with_samples(facts: Facts) -> Facts:
    """Return the facts with a training set to count in; where its size is unknown, without end."""
    return facts if facts.train_samples else dataclasses.replace(facts, train_samples=_ENDLESS)


def without_unknowns(analysis: Analysis, config: SweepConfig, facts: Facts) -> Analysis:
    """Return the analysis without what cannot be known: learning rates, and epochs."""
    takes_rate = config.command is None or config.command.program.takes_rate
    found = analysis if takes_rate else without_rates(analysis)
    return found if facts.train_samples else _without_epochs(found)


def _without_epochs(analysis: Analysis) -> Analysis:
    replace = dataclasses.replace
    rows = [
        replace(
            row,
            steps_per_epoch=None,
            last_batch=None,
            epochs=None,
            to_target=tuple(replace(t, epochs=None) for t in row.to_target),
            final=row.final and replace(row.final, best_epoch=None),
            speed=row.speed and replace(row.speed, epoch_seconds=None),
            at_equal_epochs=None,
        )
        for row in analysis.batch_sizes
    ]
    return replace(analysis, batch_sizes=tuple(rows), equal_epochs=None)


def without_rates(analysis: Analysis) -> Analysis:
    """Return the analysis without learning rates: the program was told none."""
    replace = dataclasses.replace
    unknown = {"learning_rate_at_edge": None, "learning_rate_basin": None}
    rows = [
        replace(
            row,
            to_target=tuple(replace(t, learning_rate=None, **unknown) for t in row.to_target),
            final=row.final and replace(row.final, learning_rate=None, learning_rate_at_edge=None),
            learning_rates=tuple(replace(r, learning_rate=None) for r in row.learning_rates),
        )
        for row in analysis.batch_sizes
    ]
    advice = analysis.recommendation
    return replace(
        analysis,
        batch_sizes=tuple(rows),
        recommendation=advice and replace(advice, learning_rate=None),
    )
