"""Run records → the tables of one batch size that the other rooms of statistics work on.

Runs that failed, timed out or ran out of memory are no evidence about learning; they are counted
by the analysis and left out here. A diverged run is evidence: its rate does not get there. So is
one that was dominated and not trained to its end: what it reached it reached, all else is censored
where it was stopped, and it has no end.

A run is as far as the batches of its starting size that it has seen. Where the size stays these are
its steps; where it grows they count samples, so that such a run compares with one that stays.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bsx.schema import Curve, Metric, Point, RunRecord, RunStatus, Search, point_of
from bsx.stats.steps_to_target import Crossing, first_crossing, mean_crossing

EVIDENCE = frozenset({RunStatus.COMPLETED, RunStatus.DIVERGED, RunStatus.DOMINATED})
LOSS = "loss"


Series = tuple[Sequence[int], Sequence[float]]  # where the points stand, and their values


def validation(curve: Curve, name: str) -> Series:
    """Return the steps, and a validation metric there; ``loss`` is one of them. NaN if absent."""
    found = curve.against_steps(name)
    if found is None and name == LOSS:
        found = curve.against_steps("validation_loss")
    return found or (curve.steps, [math.nan] * len(curve))


def length_asked(record: RunRecord) -> int | None:
    """Return the steps that a run was to take; None where a program of the user's decides that."""
    recipe = record.run.recipe
    return recipe.steps if recipe.program is None or recipe.program.takes_length else None


@dataclass(frozen=True)
class SizeRuns:
    """The runs of one batch size that count as evidence, by learning rate and seed.

    Where more than the rate is tuned, a trial stands wherever a rate does. ``before``: how many
    batches of that size lie before each step.
    """

    batch_size: int
    records: Mapping[Point, Mapping[int, RunRecord]]
    before: Sequence[int] = range(sys.maxsize)

    @classmethod
    def of(
        cls,
        batch_size: int,
        runs: Iterable[RunRecord],
        samples: int | None = None,
        search: Search | None = None,
    ) -> SizeRuns:
        """Sort records by rate and seed; of several of one run, the last counts.

        ``samples`` of the training set are told where batches may grow, ``search`` where more than
        the rate was tuned.
        """
        table: dict[Point, dict[int, RunRecord]] = {}
        for record in runs:
            if record.status in EVIDENCE:
                table.setdefault(point_of(record.run, search), {})[record.run.seed] = record
        rows = {rate: table[rate] for rate in sorted(table)}
        one = next((record for row in rows.values() for record in row.values()), None)
        if one is None or samples is None:
            return cls(batch_size, rows)
        return cls(batch_size, rows, one.run.recipe.batches_before(samples))

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """All seeds with a run at any rate, sorted."""
        return tuple(sorted({seed for row in self.records.values() for seed in row}))

    @property
    def rates(self) -> tuple[Point, ...]:
        """All rates tried, those that diverged included, sorted."""
        return tuple(self.records)

    def series(self, metric: Metric) -> dict[Point, dict[int, Series]]:
        """Return rate → seed → (batches, values) of a validation metric."""
        if metric.name not in self._series:
            self._series[metric.name] = {
                rate: {seed: self._of_run(record, metric.name) for seed, record in row.items()}
                for rate, row in self.records.items()
            }
        return self._series[metric.name]

    @cached_property
    def _series(self) -> dict[str, dict[Point, dict[int, Series]]]:
        """What was asked for before: to unpack a curve takes longer than to look at it."""
        return {}

    def _of_run(self, record: RunRecord, name: str) -> Series:
        steps, values = validation(Curve.of(record.curve), name)
        if not isinstance(self.before, range):  # or each step is a batch
            steps = [self.before[step] for step in steps]
        return steps, values

    def crossings(
        self, metric: Metric, threshold: float, k: int = 1
    ) -> dict[Point, dict[int, Crossing]]:
        """Return rate → seed → where the run reached the target.

        A diverged run has not come by the end of its budget: given the rest of it, it would still
        not have. A program of the user's may decide its length by itself, which shows in the other
        runs.
        """
        series = self.series(metric)
        ends = [steps[-1] for row in series.values() for steps, _ in row.values() if steps]
        longest = max(ends, default=0)

        def crossing(record: RunRecord, steps: Sequence[int], values: Sequence[float]) -> Crossing:
            if record.status is RunStatus.DIVERGED:
                last = max(length_asked(record) or 1, longest)
                return Crossing(None, 0, last, diverged=True)
            found = first_crossing(steps, values, metric, threshold, k)
            return replace(found, dominated=record.status is RunStatus.DOMINATED)

        return {
            rate: {seed: crossing(row[seed], *series[rate][seed]) for seed in row}
            for rate, row in self.records.items()
        }

    def mean_crossing(
        self, metric: Metric, threshold: float, rate: Point, k: int = 1
    ) -> Crossing | None:
        """Return where the seeds' mean curve at ``rate`` reached the target.

        None where a seed diverged: then there is no mean.
        """
        if any(record.status is RunStatus.DIVERGED for record in self.records[rate].values()):
            return None
        return mean_crossing(list(self.series(metric)[rate].values()), metric, threshold, k)

    def final(self, split: str, name: str) -> dict[Point, dict[int, float | None]]:
        """Return rate → seed → a metric at the end; None where the run did not come to it."""
        return {
            rate: {
                seed: None
                if record.status is not RunStatus.COMPLETED
                else record.final.get(split, {}).get(name)
                for seed, record in row.items()
            }
            for rate, row in self.records.items()
        }

    def best_epochs(self, rate: Point, metric: Metric) -> list[float]:
        """Return the epoch of the first best validation metric of each run at ``rate``."""
        epochs: list[float] = []
        sign = 1.0 if metric.higher_is_better else -1.0
        for record in self.records[rate].values():
            _, values = validation(Curve.of(record.curve), metric.name)
            places = [n for n, value in enumerate(values) if not math.isnan(value)]
            if places and record.status is RunStatus.COMPLETED:
                best = max(places, key=lambda n: (sign * values[n], -n))
                epochs.append(record.curve[best].epoch)
        return epochs

    def last_epoch(self, rate: Point) -> float | None:
        """Return the epoch at which the longest of the runs at ``rate`` was looked at last."""
        ends = [record.curve[-1].epoch for record in self.records[rate].values() if record.curve]
        return max(ends, default=None)


def steps_table(
    crossings: Mapping[Point, Mapping[int, Crossing]],
) -> dict[Point, dict[int, float | None]]:
    """Return rate → seed → steps to the target, None where censored: what ``selection`` takes."""
    return {
        rate: {seed: None if c.step is None else float(c.step) for seed, c in row.items()}
        for rate, row in crossings.items()
    }
