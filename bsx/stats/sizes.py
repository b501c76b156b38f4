"""All that the records say of one batch size, gathered: what its row in every table is made of."""

from __future__ import annotations

from dataclasses import dataclass

from bsx.schema import (
    BatchSizeSummary,
    Metric,
    Recipe,
    RunRecord,
    RunStatus,
    Speed,
    SpeedRecord,
    Trial,
)
from bsx.stats.curves import EVIDENCE, SizeRuns
from bsx.stats.ends import FinalEvidence
from bsx.stats.growth import Growth
from bsx.stats.rates import rate_summaries
from bsx.stats.summaries import TargetEvidence, to_target


@dataclass(frozen=True)
class SizeEvidence:
    """One batch size with all that is known of it."""

    recipe: Recipe
    steps_per_epoch: int
    last_batch: int
    records: tuple[RunRecord, ...]
    speeds: tuple[SpeedRecord, ...]
    runs: SizeRuns
    targets: tuple[TargetEvidence, ...]
    final: FinalEvidence | None
    speed: Speed | None
    step_seconds: tuple[float, ...]
    growth: Growth

    @property
    def batch_size(self) -> int:
        """The batch size."""
        return self.recipe.batch_size


def status_of(size: SizeEvidence) -> str:
    """Return how the size fared as a whole; the first that applies."""
    statuses = {record.status for record in size.records}
    if not statuses:
        return "not_run"
    if not statuses & EVIDENCE:
        out = RunStatus.OUT_OF_MEMORY in statuses
        return "out_of_memory" if out else "failed"
    if RunStatus.COMPLETED not in statuses:
        return "diverged"
    steps = size.targets[0].steps if size.targets else None
    return "censored" if steps is not None and steps.value is None else "ok"


def row_of(size: SizeEvidence, metric: Metric) -> BatchSizeSummary:
    """Return the row of every table that this size fills; quality is judged by ``metric``."""
    evidence = [r for row in size.runs.records.values() for r in row.values()]
    diverged = sum(r.status is RunStatus.DIVERGED for r in evidence)
    return BatchSizeSummary(
        batch_size=size.batch_size,
        status=status_of(size),
        runs=len(size.records),
        seeds=len(size.runs.seeds),
        diverged_fraction=diverged / len(evidence) if evidence else None,
        steps_per_epoch=size.steps_per_epoch,
        last_batch=size.last_batch,
        steps=round(size.growth.iterations(size.recipe.steps)),
        epochs=size.recipe.steps / size.steps_per_epoch,
        to_target=tuple(
            to_target(
                t,
                size.batch_size,
                size.steps_per_epoch,
                size.speed,
                size.growth,
                size.last_batch,
            )
            for t in size.targets
        ),
        final=size.final.summary if size.final else None,
        speed=size.speed,
        grows_to=size.growth.largest if size.growth.grows else None,
        trials=sum(isinstance(point, Trial) for point in size.runs.rates) or None,
        learning_rates=rate_summaries(
            size.runs,
            size.targets,
            metric,
            size.growth.iterations,
            size.final.grain if size.final else 0.0,
        ),
    )
