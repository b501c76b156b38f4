"""Records of runs ↔ rows. A recipe, the same in hundreds of runs, is written once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from bsx.schema import Curve, Recipe, Run, RunRecord, RunStatus, digest_of
from bsx.store.encoding import from_json, to_json

SELECT_RUNS = (
    "SELECT recipe_id, recipe, learning_rate, seed, status, stopped_at, train_seconds, final, "
    "runs.environment, error, metric_names, curve FROM runs JOIN recipes USING (recipe_id)"
)

# A run that failed or ran out of time gives way to a later try, and one that ran out of memory to
# one that did not; any other never does.
_INSERT_RUN = (
    "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (run_id) DO UPDATE SET unit_id = excluded.unit_id, "
    "status = excluded.status, stopped_at = excluded.stopped_at, "
    "train_seconds = excluded.train_seconds, final = excluded.final, "
    "environment = excluded.environment, error = excluded.error, "
    "metric_names = excluded.metric_names, curve = excluded.curve "
    "WHERE ? OR runs.status IN ('failed', 'timed_out') "
    "OR (runs.status = 'out_of_memory' "
    "AND excluded.status IN ('completed', 'diverged', 'out_of_memory'))"
)


def recipe_id(recipe: Recipe) -> str:
    """Return what a recipe is known by in the store: hexadecimal digits."""
    return digest_of(recipe.canonical)


def insert_run(db: sqlite3.Connection, unit_id: str, record: RunRecord, *, anew: bool) -> None:
    """Insert a record, unless the run has one already that is settled and ``anew`` is false."""
    known_by, curve = recipe_id(record.run.recipe), Curve.of(record.curve)
    db.execute(
        "INSERT INTO recipes VALUES (?, ?) ON CONFLICT DO NOTHING",
        (known_by, record.run.recipe.canonical),
    )
    db.execute(
        _INSERT_RUN,
        (
            record.run_id,
            known_by,
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
            int(anew),
        ),
    )


def run_records(rows: Iterable[tuple[Any, ...]]) -> list[RunRecord]:
    """Return the records of the rows of :data:`SELECT_RUNS`, by batch size, rate and seed.

    Raises:
        ValueError: for a row that is damaged.
    """
    recipes: dict[str, Recipe] = {}
    environments: dict[str, Mapping[str, Any]] = {}  # the same in thousands of runs
    records = []
    for row in rows:
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
                curve=Curve(json.loads(row[10]), row[11]),
            )
        )
    places = ((r.run.recipe, r.run) for r in records)  # recipes of one size may share a rate
    order = [(of.batch_size, run.learning_rate, run.seed, of.canonical) for of, run in places]
    return [records[n] for n in sorted(range(len(records)), key=order.__getitem__)]
