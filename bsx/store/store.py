"""Append and read sweeps, runs and speeds."""

from __future__ import annotations

import contextlib
import difflib
import json
import math
import os
import re
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bsx.errors import Stopped, StoreError
from bsx.schema import Facts, Recipe, RunRecord, SpeedRecord, Sweep, SweepConfig
from bsx.store.diagnostics import DiagnosticTables
from bsx.store.encoding import from_json, to_json
from bsx.store.file import (
    FILE_NAME,
    LOCK_NAME,
    damaged,
    open_to_read,
    open_to_write,
    transaction,
)
from bsx.store.lock import Lock
from bsx.store.runs import SELECT_RECIPES, SELECT_RUNS, insert_runs, recipe_id, run_records

_FILE_ENDING = re.compile(r"\.[a-zA-Z][a-zA-Z0-9]{1,8}$")  # of what is hardly a sweep
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_LOOKS_AGAIN_SECONDS = 0.2  # for a lock that another process has


class Store(DiagnosticTables):
    """One SQLite file in a folder. What :meth:`append` returned from is safe on the disk.

    Args:
        folder: where it is.
        create: to write to it, and to make it where there is none; otherwise it is read only.

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
            self._db = open_to_write(self.path) if create else open_to_read(self.path)

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

    @contextlib.contextmanager
    def held(
        self,
        recipes: Iterable[Recipe],
        told: Callable[[str], None],
        *,
        patience: float | None = None,
    ) -> Iterator[None]:
        """Keep other processes from training ``recipes`` until the end of the block.

        Waits for one that does so already, for ``patience`` seconds at most where it is given;
        ``told`` hears who that is.

        Raises:
            Stopped: where the patience is over.
        """
        keys = [recipe_id(recipe) for recipe in recipes]
        lock = Lock(self.folder / LOCK_NAME, keys)
        try:
            self._take(lock, told, math.inf if patience is None else time.monotonic() + patience)
            with self._transaction() as db:
                values = (os.getpid(), socket.gethostname(), _now())
                insert = "INSERT OR REPLACE INTO holders VALUES (?, ?, ?, ?)"
                db.executemany(insert, [(key, *values) for key in keys])
            yield
        finally:
            lock.release()

    def _take(self, lock: Lock, told: Callable[[str], None], end: float) -> None:
        """Wait for the lock. Who has it is looked up a moment later, when that is put down."""
        said, holder = "", ""
        while True:
            with self._plainly("lock"):
                key = lock.take()
            if key is None:
                return
            if time.monotonic() > end:
                raise Stopped(f"--within: {holder or 'another process'} still trains the same")
            time.sleep(_LOOKS_AGAIN_SECONDS)
            holder = self._holder(key)
            if holder != said:
                told(
                    f"{holder} trains at these batch sizes; waiting for it, then going on from "
                    "what it has stored (another --store would train beside it)"
                )
                said = holder

    def _holder(self, key: str) -> str:
        found = self._rows("SELECT pid, host, since FROM holders WHERE recipe_id = ?", (key,))
        for pid, host, since in found:
            return f"Process {pid} on {host}, since {since[:19].replace('T', ' ')} UTC,"
        return "Another process"

    # --- writing ----------------------------------------------------------------------------

    def begin_sweep(
        self, sweep_id: str, config: SweepConfig, facts: Facts, environment: Mapping[str, Any]
    ) -> None:
        """Put the sweep down as running; what was measured of it stays.

        How it is to be read and what is known of its data are as they are told now: an earlier
        version may have known less.
        """
        now = _now()
        with self._transaction() as db:
            last = db.execute("SELECT max(touched) FROM sweeps").fetchone()[0]
            db.execute(
                "INSERT INTO sweeps VALUES (?, ?, ?, ?, 'running', ?, ?, ?) "
                "ON CONFLICT (sweep_id) DO UPDATE SET touched = excluded.touched, "
                "status = 'running', name = coalesce(excluded.name, name), "
                "config = excluded.config, facts = excluded.facts",
                (
                    sweep_id,
                    config.name,
                    now,
                    _after(last, now),
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
        records = list(records)
        with self._transaction() as db:
            insert_runs(db, unit_id, records, anew=anew)
            _link(db, "sweep_runs", sweep_id, (record.run_id for record in records))

    def append_speed(self, sweep_id: str, record: SpeedRecord, *, anew: bool = False) -> None:
        """Store a speed measurement like a run; ``anew``, in place of all visits there were."""
        with self._transaction() as db:
            if anew and record.step_seconds and record.unit_id == record.same_as:
                visits = (record.unit_id, f"{record.unit_id}-%")
                db.execute("DELETE FROM speeds WHERE unit_id = ? OR unit_id LIKE ?", visits)
            db.execute(
                "INSERT INTO speeds VALUES (?, ?) "
                "ON CONFLICT (unit_id) DO UPDATE SET record = excluded.record "
                f"WHERE {int(anew)} OR json_extract(speeds.record, '$.status') "
                "IN ('failed', 'timed_out', 'out_of_memory')",
                (record.unit_id, to_json(record)),
            )
            _link(db, "sweep_speeds", sweep_id, [record.unit_id])

    def adopt(self, sweep_id: str, run_ids: Iterable[str], speed_ids: Iterable[str]) -> None:
        """Count what other sweeps measured already as part of this one."""
        with self._transaction() as db:
            _link(db, "sweep_runs", sweep_id, run_ids)
            _link(db, "sweep_speeds", sweep_id, speed_ids)

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
        with self._decoding():
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
        known = {name: None for s in sweeps for name in (s.config.name, s.sweep_id) if name}
        near = [] if found else difflib.get_close_matches(wanted, known, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else "see `bsx list sweeps`"
        if not found and _FILE_ENDING.search(wanted):
            hint += (
                f"; it looks like a file: one to write is given as --output {wanted}, and one of "
                f"curves is read by `bsx import {wanted}`"
            )
        raise StoreError(f"{wanted}: {problem} in {self.folder}; {hint}")

    def runs(self, sweep_id: str) -> list[RunRecord]:
        """Return the records of a sweep, in an order that does not depend on how they came."""
        return self._runs("JOIN sweep_runs USING (run_id) WHERE sweep_id = ?", sweep_id)

    def runs_by_id(self, run_ids: Iterable[str]) -> list[RunRecord]:
        """Return the records of those among ``run_ids`` that are stored, whichever sweep's."""
        wanted = json.dumps(list(run_ids))
        return self._runs("WHERE run_id IN (SELECT value FROM json_each(?))", wanted)

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
        """Return the speed records of a sweep, in the order in which they came."""
        return self._speeds("JOIN sweep_speeds USING (unit_id) WHERE sweep_id = ?", sweep_id)

    def speeds_by_id(self, unit_ids: Iterable[str]) -> list[SpeedRecord]:
        """Return the speed records of those among ``unit_ids`` that are stored."""
        wanted = json.dumps(list(unit_ids))
        return self._speeds("WHERE unit_id IN (SELECT value FROM json_each(?))", wanted)

    # --- within -----------------------------------------------------------------------------

    def _runs(self, where: str, value: str) -> list[RunRecord]:
        with self._plainly("read"), self._decoding():
            rows = self._db.execute(f"{SELECT_RUNS} {where}", (value,))
            # Looked at after the runs: a sweep that is under way may have stored both meanwhile.
            recipes = dict(self._rows(SELECT_RECIPES))
            return run_records(rows, recipes, self.path)

    def _speeds(self, where: str, value: str) -> list[SpeedRecord]:
        rows = self._rows(f"SELECT record FROM speeds {where} ORDER BY speeds.rowid", (value,))
        with self._decoding():
            return [from_json(SpeedRecord, row[0]) for row in rows]

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._plainly("read"):
            return self._db.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._plainly("write"), transaction(self._db):
            yield self._db

    @contextlib.contextmanager
    def _decoding(self) -> Iterator[None]:
        """Tell of what is stored and cannot have been written so."""
        try:
            yield
        except ValueError as error:
            raise damaged(self.path, error) from error

    @contextlib.contextmanager
    def _plainly(self, what: str) -> Iterator[None]:
        """Turn what SQLite and the system say into one clear line."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
                raise damaged(self.path, error) from error
            raise StoreError(
                f"cannot {what} the store {self.path}: {error}; "
                "check the folder, its room and its rights, or name another with --store"
            ) from error


def _link(db: sqlite3.Connection, table: str, sweep_id: str, row_ids: Iterable[str]) -> None:
    rows = ((sweep_id, row_id) for row_id in row_ids)
    db.executemany(f"INSERT INTO {table} VALUES (?, ?) ON CONFLICT DO NOTHING", rows)


def _after(last: str | None, now: str) -> str:
    """Return now, or a moment after the last where the clock was set back: order is kept."""
    if last is None or now > last:
        return now
    moment = datetime.fromisoformat(last) + timedelta(microseconds=1)
    return moment.isoformat(timespec="microseconds")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
