"""A few steps of a small and a large group, so that the sweep's duration can be foretold."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import time
from collections.abc import Iterator

from bsx import registry
from bsx.schema import CalibrationUnit, CostModel, Group, Report

STEPS = 12
_SKIPPED = 3  # the first steps allocate


def measure(unit: CalibrationUnit, report: Report) -> Iterator[tuple[CostModel]]:
    """Train tiny groups by the trainer itself and fit seconds = a + b × lanes × batch."""
    points = []
    starting = 0.0
    for number, batch_size in enumerate(unit.batch_sizes):
        recipe = dataclasses.replace(unit.recipe, batch_size=batch_size, steps=STEPS)
        group = Group(
            recipe,
            unit.members,
            unit.trainer,
            unit.device,
            unit.threads,
            round=0,
            streamed=unit.streamed,
            devices=unit.devices,
        )
        begin = time.perf_counter()
        batches = registry.worker("trainer", unit.trainer)(group, report)
        records = [record for batch in batches for record in batch]
        starting = time.perf_counter() - begin - sum(r.train_seconds for r in records)
        longest = max(records, key=lambda r: len(r.curve)).curve
        steps = [
            (later.train_seconds - earlier.train_seconds) / (later.step - earlier.step)
            for earlier, later in itertools.pairwise(longest[_SKIPPED:])
        ]
        if steps:  # the median: a machine with other things to do stalls now and then
            points.append((batch_size * len(unit.members), statistics.median(steps)))
        report((number + 1) / len(unit.batch_sizes), None)
    yield (_fitted(points, starting),)


def _fitted(points: list[tuple[int, float]], starting: float) -> CostModel:
    """Draw the line through the smallest and the largest group."""
    if not points:
        return CostModel(step_seconds=1e-3, sample_seconds=1e-6, unit_seconds=starting)
    (small, quick), (large, slow) = points[0], points[-1]
    slope = (slow - quick) / (large - small) if large > small else quick / max(small, 1)
    slope = max(slope, 0.0)
    return CostModel(
        step_seconds=max(quick - slope * small, 0.0), sample_seconds=slope, unit_seconds=starting
    )
