"""What became of the units of a sweep: stored, and remembered by those who plan the next ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bsx import plan
from bsx.diagnostics import Diagnostics
from bsx.execute.base import UnitError
from bsx.schema import (
    SETTLED,
    BranchUnit,
    DiagnosticUnit,
    Facts,
    Group,
    Notice,
    Recipe,
    Record,
    RunRecord,
    RunStatus,
    SpeedRecord,
    SpeedUnit,
    SweepConfig,
    Unit,
    Watcher,
    settled_of,
)
from bsx.store import Store


@dataclass
class Outcomes:
    """The runs of one sweep that are done with: ``settled`` ones never train again, others may."""

    sweep_id: str
    store: Store
    watcher: Watcher
    diagnostics: Diagnostics
    fresh: bool
    settled: dict[str, RunRecord] = field(default_factory=dict)
    given_up: dict[str, RunRecord] = field(default_factory=dict)
    _announced: set[str] = field(default_factory=set)  # lines, units of which a failure was told

    @property
    def known(self) -> dict[str, RunRecord]:
        """The runs of which nothing more is to be asked in this sweep."""
        return self.settled | self.given_up

    @property
    def any_failed(self) -> bool:
        """Whether something could not be done."""
        return bool(self.given_up) or self.diagnostics.failed

    def take_up(self, config: SweepConfig, facts: Facts, recipes: tuple[Recipe, ...]) -> None:
        """Count what is stored already as done, whichever sweep it was measured for."""
        if self.fresh:
            return
        before = self.settled
        self.settled = stored_runs(self.store, config, facts, recipes, before)
        self.store.adopt(self.sweep_id, self.settled.keys() - before.keys(), [])

    def keep(self, unit: Unit, records: Sequence[Record]) -> None:
        """Store what a unit told."""
        for record in records:
            if isinstance(record, Notice):
                line = f"{description(unit)}: {record.line}"
                if line not in self._announced:  # else of another run of the unit
                    self.watcher.announce(line)
                self._announced.add(line)
        runs = [record for record in records if isinstance(record, RunRecord)]
        self.store.append(self.sweep_id, unit.unit_id, runs, anew=self.fresh)
        self.watcher.stored(runs)
        done = SETTLED | {RunStatus.DOMINATED}  # that a sweep does not drop runs, its units know
        self.settled |= {run.run_id: run for run in runs if run.status in done}
        failed = {run.run_id: run for run in runs if run.status not in done}
        if failed and unit.unit_id not in self._announced:
            self._announced.add(unit.unit_id)
            error = next(iter(failed.values())).error
            self.watcher.announce(f"{description(unit)}: {error}")
        self.given_up |= failed
        for record in records:
            if isinstance(record, SpeedRecord):
                self.store.append_speed(self.sweep_id, record, anew=self.fresh)
        self.diagnostics.keep(records)

    def fail(self, unit: Unit, error: UnitError) -> None:
        """Put down for each run that is missing what became of its unit."""
        status = RunStatus.OUT_OF_MEMORY if error.out_of_memory else RunStatus.FAILED
        passes = getattr(unit, "micro_batch_size", None)
        how = {} if passes is None else {"micro_batch_size": passes}
        if isinstance(unit, SpeedUnit):
            size, reason = unit.recipe.batch_size, error.reason
            failed = SpeedRecord(
                unit.unit_id,
                size,
                unit.loop,
                status,
                environment=how,
                error=reason,
                timed=unit.timed,
            )
            self.store.append_speed(self.sweep_id, failed, anew=True)
        if isinstance(unit, DiagnosticUnit):
            self.diagnostics.give_up(unit, status, error.reason)
        if not isinstance(unit, Group | BranchUnit):
            return
        records = [
            RunRecord(run=run, status=status, environment=how, error=error.reason)
            for run in unit.runs
            if run.run_id not in self.settled
        ]
        self.store.append(self.sweep_id, unit.unit_id, records, anew=self.fresh)
        self.watcher.stored(records)
        known = self.settled if status in SETTLED else self.given_up
        known.update({record.run_id: record for record in records})


def stored_runs(
    store: Store,
    config: SweepConfig,
    facts: Facts,
    recipes: tuple[Recipe, ...],
    known: Mapping[str, RunRecord] | None = None,
) -> dict[str, RunRecord]:
    """Return what is stored of a sweep's runs and need not be trained again, by run id.

    Round by round: what is found of one decides which rates the next one has. ``known``: what was
    found or trained before.
    """
    settled = dict(known or {})
    while True:
        ids = plan.members(config, facts, recipes, settled)
        found = store.runs_by_id(ids - settled.keys())
        new = {record.run_id: record for record in found if is_settled(record, config)}
        if not new:
            return settled
        settled |= new


def is_settled(record: RunRecord | SpeedRecord, config: SweepConfig) -> bool:
    """Say whether a stored record is the last word.

    One that ran out of memory is not where smaller passes are allowed, which were not tried then.
    """
    if record.status is RunStatus.OUT_OF_MEMORY and config.accumulate:
        return "micro_batch_size" in record.environment
    return record.status in settled_of(config)


def description(unit: Unit) -> str:
    """Say which unit it is."""
    if isinstance(unit, Group):
        return f"batch size {unit.recipe.batch_size}"
    if isinstance(unit, BranchUnit):
        return f"branches of seed {unit.seed}"
    if isinstance(unit, SpeedUnit):
        return f"speed at batch size {unit.recipe.batch_size}"
    if isinstance(unit, DiagnosticUnit):
        return f"{', '.join(unit.measures)} at batch size {unit.recipe.batch_size}"
    return "calibration"
