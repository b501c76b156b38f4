"""A few steps of a small and a large group, so that the sweep's duration can be foretold."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bsx import registry
from bsx.schema import CalibrationUnit, CostModel, Curve, Group, Report
from bsx.train.session import Session

STEPS = 10
_SKIPPED = 3  # the first steps allocate
_EVALUATED = 128  # samples, after each step: enough to see what it takes to evaluate more


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
    each, all_of_a_run = _evaluated(unit)
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
            run_seconds=timed[-1].evaluating * all_of_a_run / each,
        ),
    )


def _group(unit: CalibrationUnit) -> Group:
    return Group(
        unit.recipe,
        unit.members,
        unit.trainer,
        unit.device,
        unit.threads,
        round=0,
        streamed=unit.streamed,
        devices=unit.devices,
    )


def _evaluated(unit: CalibrationUnit) -> tuple[int, int]:
    """Return how many samples an evaluation has here, and all those of a whole run."""
    session = Session(_group(unit))
    on_the_way = len(session.evaluate_at) * len(session.curve_part)
    at_the_end = sum(map(len, session.final_parts.values()))
    return len(session.validation.at_most(_EVALUATED)), on_the_way + at_the_end


def _timed(unit: CalibrationUnit, batch_size: int) -> _Timed:
    recipe = replace(unit.recipe, batch_size=batch_size, steps=STEPS, evaluation_samples=_EVALUATED)
    group = replace(_group(unit), recipe=recipe, judged=False)
    last_said: dict[int, float] = {}  # step → when it was last said that it is done

    def note(fraction: float, _best: float | None) -> None:
        last_said[round(fraction * STEPS)] = time.perf_counter()

    begin = time.perf_counter()
    batches = registry.worker("trainer", unit.trainer)(group, note)
    records = [record for batch in batches for record in batch]
    seconds = time.perf_counter() - begin
    curve = max(records, key=lambda record: len(record.curve)).curve
    steps = [seconds for seconds, _ in _apart(curve, last_said)]
    evaluations = [seconds for _, seconds in _apart(curve, last_said)]
    evaluating = statistics.median(evaluations) if evaluations else 0.0
    training = sum(record.train_seconds for record in records)
    return _Timed(
        samples=batch_size * len(unit.members),
        # the median: a machine with other things to do stalls now and then
        step=statistics.median(steps) if steps else None,
        starting=max(seconds - training - len(curve) * evaluating, 0.0),
        evaluating=evaluating / len(unit.members),
    )


def _apart(curve: Curve, last_said: Mapping[int, float]) -> Iterator[tuple[float, float]]:
    """Yield the seconds of a step and of an evaluation, from one point of the curve to the next."""
    for earlier, later in itertools.pairwise(curve[_SKIPPED:]):
        training = later.train_seconds - earlier.train_seconds
        whole = last_said[later.step] - last_said[earlier.step]
        yield training / (later.step - earlier.step), max(whole - training, 0.0)


def _line(points: list[tuple[int, float]]) -> tuple[float, float]:
    """Draw the line through the smallest and the largest group: per step, and per sample."""
    (small, quick), (large, slow) = points[0], points[-1]
    slope = (slow - quick) / (large - small) if large > small else quick / max(small, 1)
    slope = max(slope, 0.0)
    return max(quick - slope * small, 0.0), slope
