"""What was measured on the way of runs that were trained again."""

from __future__ import annotations

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from bsx.schema import DiagnosticRecord
from bsx.store.encoding import from_json, to_json


class DiagnosticTables(ABC):
    """The part of the store that keeps them."""

    def append_diagnostics(
        self, sweep_id: str, records: Iterable[DiagnosticRecord], *, anew: bool = False
    ) -> None:
        """Store records, all or none; one that is there stays, unless it failed or ``anew``."""
        with self._transaction() as db:
            for record in records:
                db.execute(
                    "INSERT INTO diagnostics VALUES (?, ?, ?) "
                    "ON CONFLICT (record_id) DO UPDATE SET record = excluded.record "
                    f"WHERE {int(anew)} OR json_extract(diagnostics.record, '$.error') IS NOT NULL",
                    (record.record_id, record.run.run_id, to_json(record)),
                )
                self._link_diagnostic(db, sweep_id, record.record_id)

    def adopt_diagnostics(self, sweep_id: str, run_ids: Iterable[str]) -> None:
        """Count what was measured of these runs for other sweeps as part of this one."""
        found = self._diagnostics(
            "WHERE run_id IN (SELECT value FROM json_each(?))", json.dumps(list(run_ids))
        )
        if found:
            with self._transaction() as db:
                for record in found:
                    self._link_diagnostic(db, sweep_id, record.record_id)

    def diagnostics(self, sweep_id: str) -> list[DiagnosticRecord]:
        """Return the records of a sweep, in an order that does not depend on how they came."""
        found = self._diagnostics("JOIN sweep_diagnostics USING (record_id) WHERE sweep_id = ?",
                                  sweep_id)  # fmt: skip
        return sorted(found, key=lambda r: (r.run.recipe.batch_size, r.measure, r.run.seed))

    def _diagnostics(self, where: str, value: str) -> list[DiagnosticRecord]:
        rows = self._rows(f"SELECT record FROM diagnostics {where} ORDER BY record_id", (value,))
        return [from_json(DiagnosticRecord, row[0]) for row in rows]

    @staticmethod
    def _link_diagnostic(db: sqlite3.Connection, sweep_id: str, record_id: str) -> None:
        db.execute(
            "INSERT INTO sweep_diagnostics VALUES (?, ?) ON CONFLICT DO NOTHING",
            (sweep_id, record_id),
        )

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[sqlite3.Connection]: ...

    @abstractmethod
    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]: ...
