"""Append and read sweeps, runs and speeds."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bsx.errors import StoreError
from bsx.schema import (
    Curve,
    Facts,
    Recipe,
    Run,
    RunRecord,
    RunStatus,
    SpeedRecord,
    Sweep,
    SweepConfig,
    digest_of,
)
from bsx.store.encoding import from_json, to_json
from bsx.store.tables import APPLICATION_ID, SCHEMA, STORE_VERSION

FILE_NAME = "bsx.sqlite3"
_BUSY_SECONDS = 30.0


class Store:
    """One SQLite file in a folder. What :meth:`append` returned from is safe on the disk.

    Raises:
        StoreError: from every method, where the file cannot be used, with the remedy.
    """

    def __init__(self, folder: Path | str, *, create: bool = False) -> None:
        self.folder = Path(folder)
        self.path = self.folder / FILE_NAME
        if not create and not self.exists(folder):
            raise StoreError(
                f"there is no store in {self.folder}; run `bsx sweep` first, or name one with "
                "--store"
            )
        with self._plainly("open"):
            if create:
                self.folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA synchronous = FULL")
            self._prepare()

    @staticmethod
    def exists(folder: Path | str) -> bool:
        """Say whether there is a store in ``folder``."""
        with contextlib.suppress(OSError):  # a name that is too long
            return (Path(folder) / FILE_NAME).is_file()
        return False

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- writing ----------------------------------------------------------------------------

    def begin_sweep(
        self, sweep_id: str, config: SweepConfig, facts: Facts, environment: Mapping[str, Any]
    ) -> None:
        """Put the sweep down as running; what is stored of it stays."""
        now = _now()
        with self._transaction() as db:
            db.execute(
                "INSERT INTO sweeps VALUES (?, ?, ?, ?, 'running', ?, ?, ?) "
                "ON CONFLICT (sweep_id) DO UPDATE SET touched = excluded.touched, "
                "status = 'running', name = coalesce(excluded.name, name), "
                "config = excluded.config",
                (
                    sweep_id,
                    config.name,
                    now,
                    now,
                    to_json(config),
                    to_json(facts),
                    to_json(environment),
                ),
            )

    def end_sweep(self, sweep_id: str, status: str) -> None:
        """Put down how the sweep ended."""
        with self._transaction() as db:
            db.execute("UPDATE sweeps SET status = ? WHERE sweep_id = ?", (status, sweep_id))

    def append(
        self, sweep_id: str, unit_id: str, records: Iterable[RunRecord], *, anew: bool = False
    ) -> None:
        """Store the records of a unit, all or none.

        One that is there already is left alone, unless it had failed or ``anew`` says so.
        """
        with self._transaction() as db:
            for record in records:
                self._insert_run(db, unit_id, record, anew)
                _link(db, "sweep_runs", sweep_id, record.run_id)

    def append_speed(self, sweep_id: str, record: SpeedRecord, *, anew: bool = False) -> None:
        """Store a speed measurement, as :meth:`append` does a run."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO speeds VALUES (?, ?) "
                "ON CONFLICT (unit_id) DO UPDATE SET record = excluded.record "
                f"WHERE {int(anew)} "
                "OR json_extract(speeds.record, '$.status') IN ('failed', 'timed_out')",
                (record.unit_id, to_json(record)),
            )
            _link(db, "sweep_speeds", sweep_id, record.unit_id)

    def adopt(self, sweep_id: str, run_ids: Iterable[str], speed_ids: Iterable[str]) -> None:
        """Count what other sweeps measured already as part of this one."""
        with self._transaction() as db:
            for run_id in run_ids:
                _link(db, "sweep_runs", sweep_id, run_id)
            for unit_id in speed_ids:
                _link(db, "sweep_speeds", sweep_id, unit_id)

    def begin_attempt(self, unit_id: str, kind: str) -> int:
        """Put down that a unit is started; return the attempt's number."""
        with self._transaction() as db:
            cursor = db.execute(
                "INSERT INTO attempts (unit_id, kind, started) VALUES (?, ?, ?)",
                (unit_id, kind, _now()),
            )
            return int(cursor.lastrowid or 0)

    def end_attempt(self, attempt: int, outcome: str, detail: str | None = None) -> None:
        """Put down how an attempt ended."""
        with self._transaction() as db:
            db.execute(
                "UPDATE attempts SET ended = ?, outcome = ?, detail = ? WHERE attempt = ?",
                (_now(), outcome, detail, attempt),
            )

    # --- reading ----------------------------------------------------------------------------

    def sweeps(self) -> list[Sweep]:
        """Return every sweep, the newest last."""
        rows = self._rows(
            "SELECT sweep_id, config, facts, environment, status, created, name FROM sweeps "
            "ORDER BY touched, rowid"
        )
        return [
            Sweep(
                sweep_id=row[0],
                config=replace(from_json(SweepConfig, row[1]), name=row[6]),
                facts=from_json(Facts, row[2]),
                environment=json.loads(row[3]),
                status=row[4],
                created=row[5],
            )
            for row in rows
        ]

    def sweep(self, wanted: str | None = None) -> Sweep:
        """Return the sweep of that name or the beginning of its id; the newest without one."""
        sweeps = self.sweeps()
        if not sweeps:
            raise StoreError(f"the store in {self.folder} holds no sweep yet; run `bsx sweep`")
        if wanted is None:
            return sweeps[-1]
        named = [s for s in sweeps if s.config.name == wanted]
        begun = [s for s in sweeps if s.sweep_id.startswith(wanted)]
        found = named[-1:] or begun
        if len(found) == 1:
            return found[0]
        problem = "several sweeps begin so" if found else "there is no such sweep"
        raise StoreError(f"{wanted}: {problem} in {self.folder}; see `bsx list sweeps`")

    def runs(self, sweep_id: str) -> list[RunRecord]:
        """Return the records of a sweep, in an order that does not depend on how they came."""
        return self._run_records("JOIN sweep_runs USING (run_id) WHERE sweep_id = ?", (sweep_id,))

    def runs_by_id(self, run_ids: Iterable[str]) -> list[RunRecord]:
        """Return the records of those among ``run_ids`` that are stored, whichever sweep's."""
        wanted = json.dumps(list(run_ids))
        return self._run_records("WHERE run_id IN (SELECT value FROM json_each(?))", (wanted,))

    def count_runs(self, sweep_id: str) -> int:
        """Return how many runs of a sweep are stored."""
        query = "SELECT count(*) FROM runs JOIN sweep_runs USING (run_id) WHERE sweep_id = ?"
        return int(self._rows(query, (sweep_id,))[0][0])

    def attempts(self) -> list[tuple[str, str | None]]:
        """Return (unit id, outcome) of every attempt in the order they were begun."""
        return [
            tuple(row)
            for row in self._rows("SELECT unit_id, outcome FROM attempts ORDER BY attempt")
        ]

    def speeds(self, sweep_id: str) -> list[SpeedRecord]:
        """Return the speed records of a sweep."""
        rows = self._rows(
            "SELECT record FROM speeds JOIN sweep_speeds USING (unit_id) WHERE sweep_id = ?",
            (sweep_id,),
        )
        return [from_json(SpeedRecord, row[0]) for row in rows]

    def speeds_by_id(self, unit_ids: Iterable[str]) -> list[SpeedRecord]:
        """Return the speed records of those among ``unit_ids`` that are stored."""
        rows = self._rows(
            "SELECT record FROM speeds WHERE unit_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(unit_ids)),),
        )
        return [from_json(SpeedRecord, row[0]) for row in rows]

    # --- within -----------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Check that the file is ours and of our version; lay the tables in a new one."""
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            with self._transaction() as db:
                if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    for statement in SCHEMA.split(";\n"):
                        if statement.strip():
                            db.execute(statement)
                    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    db.execute(f"PRAGMA user_version = {STORE_VERSION}")
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID:
            raise StoreError(f"{self.path} is a database, but none of bsx; name another --store")
        if version != STORE_VERSION:
            raise StoreError(
                f"{self.path} is of store version {version}, this bsx writes {STORE_VERSION}; "
                "take the bsx that wrote it, or name another --store"
            )

    def _insert_run(
        self, db: sqlite3.Connection, unit_id: str, record: RunRecord, anew: bool
    ) -> None:
        recipe = record.run.recipe.canonical
        recipe_id = digest_of(recipe)
        db.execute("INSERT INTO recipes VALUES (?, ?) ON CONFLICT DO NOTHING", (recipe_id, recipe))
        curve = Curve.of(record.curve)
        # A run that failed or ran out of time gives way to a later try; a settled one never does.
        db.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (run_id) DO UPDATE SET unit_id = excluded.unit_id, "
            "status = excluded.status, stopped_at = excluded.stopped_at, "
            "train_seconds = excluded.train_seconds, final = excluded.final, "
            "environment = excluded.environment, error = excluded.error, "
            "metric_names = excluded.metric_names, curve = excluded.curve "
            f"WHERE {int(anew)} OR runs.status IN ('failed', 'timed_out')",
            (
                record.run_id,
                recipe_id,
                unit_id,
                record.run.learning_rate,
                record.run.seed,
                record.status.value,
                record.stopped_at,
                record.train_seconds,
                to_json(record.final),
                to_json(record.environment),
                record.error,
                to_json(curve.metric_names),
                curve.packed,
            ),
        )

    def _run_records(self, where: str, values: tuple[Any, ...]) -> list[RunRecord]:
        recipes: dict[str, Recipe] = {}
        environments: dict[str, Mapping[str, Any]] = {}  # the same in thousands of runs
        records = []
        for row in self._rows(
            "SELECT recipe_id, recipe, learning_rate, seed, status, stopped_at, train_seconds, "
            "final, runs.environment, error, metric_names, curve "
            f"FROM runs JOIN recipes USING (recipe_id) {where}",
            values,
        ):
            if row[0] not in recipes:
                recipes[row[0]] = from_json(Recipe, row[1])
            if row[8] not in environments:
                environments[row[8]] = json.loads(row[8])
            records.append(
                RunRecord(
                    run=Run(recipes[row[0]], row[2], row[3]),
                    status=RunStatus(row[4]),
                    stopped_at=row[5],
                    train_seconds=row[6],
                    final=json.loads(row[7]),
                    environment=environments[row[8]],
                    error=row[9],
                    curve=self._curve(row[10], row[11]),
                )
            )
        records.sort(key=lambda r: (r.run.recipe.batch_size, r.run.learning_rate, r.run.seed))
        return records

    def _curve(self, metric_names: str, packed: bytes) -> Curve:
        try:
            return Curve(json.loads(metric_names), packed)
        except ValueError as error:
            raise StoreError(f"{self.path} is damaged: {error}; name another --store") from None

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._plainly("read"):
            return self._db.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._plainly("write"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:  # SQLite has done it itself where the disk is full
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _plainly(self, what: str) -> Iterator[None]:
        """Turn what SQLite and the system say into one clear line."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"cannot {what} the store {self.path}: {error}; "
                "check the folder, its room and its rights, or name another with --store"
            ) from error


def _link(db: sqlite3.Connection, table: str, sweep_id: str, row_id: str) -> None:
    db.execute(f"INSERT INTO {table} VALUES (?, ?) ON CONFLICT DO NOTHING", (sweep_id, row_id))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
