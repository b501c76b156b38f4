"""A few steps of a small and a large group, so that the sweep's duration can be foretold."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bsx import registry
from bsx.schema import CalibrationUnit, CostModel, Curve, Group, Report

STEPS = 10
_SKIPPED = 3  # the first steps allocate


@dataclass(frozen=True)
class _Timed:
    """Seconds of a tiny group: of a step, of starting, and of evaluating one run once."""

    samples: int  # of a step, over all lanes
    step: float | None
    starting: float
    evaluating: float


def measure(unit: CalibrationUnit, report: Report) -> Iterator[tuple[CostModel]]:
    """Train tiny groups by the trainer itself and fit seconds = a + b × lanes × batch.

    What is evaluated is next to nothing: what a run's evaluations will take is foretold from it.
    """
    each = unit.recipe.evaluation_samples or unit.evaluated
    timed = []
    for number, batch_size in enumerate(unit.batch_sizes):
        timed.append(_timed(unit, batch_size))
        report((number + 1) / len(unit.batch_sizes), None)
    points = [(one.samples, one.step) for one in timed if one.step is not None]
    step, sample = _line(points) if points else (1e-3, 1e-6)
    yield (
        CostModel(
            step_seconds=step,
            sample_seconds=sample,
            unit_seconds=timed[-1].starting,
            run_seconds=timed[-1].evaluating * unit.evaluated / each,
        ),
    )


def _timed(unit: CalibrationUnit, batch_size: int) -> _Timed:
    group = Group(
        replace(unit.recipe, batch_size=batch_size, steps=STEPS),
        unit.members,
        unit.trainer,
        unit.device,
        unit.threads,
        round=0,
        streamed=unit.streamed,
        devices=unit.devices,
        judged=False,
    )
    last_said: dict[int, float] = {}  # step → when it was last said that it is done

    def note(fraction: float, _best: float | None) -> None:
        last_said[round(fraction * STEPS)] = time.perf_counter()

    begin = time.perf_counter()
    batches = registry.worker("trainer", unit.trainer)(group, note)
    records = [record for batch in batches for record in batch]
    whole = time.perf_counter() - begin
    curve = max(records, key=lambda record: len(record.curve)).curve
    apart = list(_apart(curve, last_said))
    # medians: a machine with other things to do stalls now and then
    evaluating = statistics.median(seconds for _, seconds in apart) if apart else 0.0
    training = sum(record.train_seconds for record in records)
    return _Timed(
        samples=batch_size * len(unit.members),
        step=statistics.median(seconds for seconds, _ in apart) if apart else None,
        starting=max(whole - training - len(curve) * evaluating, 0.0),
        evaluating=evaluating / len(unit.members),
    )


def _apart(curve: Curve, last_said: Mapping[int, float]) -> Iterator[tuple[float, float]]:
    """Yield the seconds of a step and of an evaluation, from one point of the curve to the next."""
    for earlier, later in itertools.pairwise(curve[_SKIPPED:]):
        training = later.train_seconds - earlier.train_seconds
        evaluating = 0.0
        if {earlier.step, later.step} <= last_said.keys():  # not every trainer says each
            whole = last_said[later.step] - last_said[earlier.step]
            evaluating = max(whole - training, 0.0)
        yield training / (later.step - earlier.step), evaluating


def _line(points: list[tuple[int, float]]) -> tuple[float, float]:
    """Draw the line through the smallest and the largest group: per step, and per sample."""
    (small, quick), (large, slow) = points[0], points[-1]
    slope = (slow - quick) / (large - small) if large > small else quick / max(small, 1)
    slope = max(slope, 0.0)
    return max(quick - slope * small, 0.0), slope
