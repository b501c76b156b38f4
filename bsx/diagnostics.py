"""The last round of a sweep: what is measured on the way of runs that are trained again for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bsx import plan
from bsx.schema import (
    CostModel,
    DiagnosticRecord,
    DiagnosticUnit,
    Facts,
    Recipe,
    RunRecord,
    RunStatus,
    SweepConfig,
)
from bsx.store import Store


@dataclass
class Diagnostics:
    """What is asked for of one sweep, and how far it is. ``failed``: whether one could not be."""

    sweep_id: str
    config: SweepConfig
    facts: Facts
    recipes: tuple[Recipe, ...]
    store: Store
    fresh: bool = False
    failed: bool = False
    _known: set[str] = field(default_factory=set)  # ids of what was measured, or given up

    def missing(
        self, settled: Mapping[str, RunRecord], cost: CostModel
    ) -> tuple[DiagnosticUnit, ...]:
        """Return the units that are left, once every run is ``settled``."""
        if not self.config.measures:
            return ()
        if not self.fresh:
            self.store.adopt_diagnostics(self.sweep_id, settled)
            stored = self.store.diagnostics(self.sweep_id)
            self._known |= {record.record_id for record in stored if record.error is None}
        return plan.diagnostic_units(
            self.config, self.facts, self.recipes, settled, self._known, cost
        )

    def keep(self, records: Iterable[object]) -> None:
        """Store those of the records that are of diagnostics."""
        measured = [record for record in records if isinstance(record, DiagnosticRecord)]
        if measured:
            self.store.append_diagnostics(self.sweep_id, measured, anew=self.fresh)
            self._known |= {record.record_id for record in measured}

    def give_up(self, unit: DiagnosticUnit, status: RunStatus, error: str) -> None:
        """Put down that a unit failed; it is not tried again before the next sweep."""
        self.failed |= status is not RunStatus.OUT_OF_MEMORY  # which is an outcome
        self.keep(plan.not_measured(unit, status, error))
