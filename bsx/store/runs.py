"""Records of runs ↔ rows. A recipe, the same in hundreds of runs, is written once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from sys import intern
from typing import Any

from bsx.schema import Curve, Recipe, Run, RunRecord, RunStatus, digest_of
from bsx.store.encoding import from_json, to_json
from bsx.store.file import damaged

SELECT_RUNS = (
    "SELECT run_id, recipe_id, learning_rate, seed, status, stopped_at, train_seconds, final, "
    "runs.environment, error, metric_names, curve FROM runs"
)
SELECT_RECIPES = "SELECT recipe_id, recipe FROM recipes"

# A run that failed or ran out of time gives way to a later try, one that was not trained to its end
# to one that says more, and one that ran out of memory to one that did not; any other never does.
_INSERT_RUN = (
    "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (run_id) DO UPDATE SET unit_id = excluded.unit_id, "
    "status = excluded.status, stopped_at = excluded.stopped_at, "
    "train_seconds = excluded.train_seconds, final = excluded.final, "
    "environment = excluded.environment, error = excluded.error, "
    "metric_names = excluded.metric_names, curve = excluded.curve "
    "WHERE ? OR runs.status IN ('failed', 'timed_out') "
    "OR (runs.status = 'dominated' "
    "AND excluded.status IN ('completed', 'diverged', 'dominated')) "
    "OR (runs.status = 'out_of_memory' "
    "AND excluded.status IN ('completed', 'diverged', 'dominated', 'out_of_memory'))"
)


def recipe_id(recipe: Recipe) -> str:
    """Return what a recipe is known by in the store: hexadecimal digits."""
    return digest_of(recipe.canonical)


def insert_runs(
    db: sqlite3.Connection, unit_id: str, records: Sequence[RunRecord], *, anew: bool
) -> None:
    """Insert records, but not of a run that has a settled one already, unless ``anew``."""
    recipes = {record.run.recipe.canonical: recipe_id(record.run.recipe) for record in records}
    db.executemany(
        "INSERT INTO recipes VALUES (?, ?) ON CONFLICT DO NOTHING",
        ((known_by, text) for text, known_by in recipes.items()),
    )
    # The runs of a unit have one environment, which is written once
    shared = {id(record.environment): record.environment for record in records}
    environments = {key: to_json(environment) for key, environment in shared.items()}
    db.executemany(
        _INSERT_RUN,
        (
            (
                record.run_id,
                recipes[record.run.recipe.canonical],
                unit_id,
                record.run.learning_rate,
                record.run.seed,
                record.status.value,
                record.stopped_at,
                record.train_seconds,
                to_json(record.final),
                environments[id(record.environment)],
                record.error,
                to_json(curve.metric_names),
                curve.packed,
                int(anew),
            )
            for record in records
            for curve in (Curve.of(record.curve),)
        ),
    )


class _StoredCurve(Curve):
    """A curve of a store: unpacked, and seen whether it is whole, where it is looked at.

    Raises:
        StoreError: from every method, where it is damaged.
    """

    __slots__ = ("_store",)

    def __init__(self, metric_names: tuple[str, ...], packed: bytes, store: Path) -> None:
        self.metric_names = metric_names
        self.packed = packed
        self._length = None
        self._store = store

    def _unpacked(self) -> bytes:
        try:
            return super()._unpacked()
        except ValueError as error:
            raise damaged(self._store, error) from error


def run_records(
    rows: Iterable[tuple[Any, ...]], recipe_texts: Mapping[str, str], store: Path
) -> list[RunRecord]:
    """Return the records of the rows of :data:`SELECT_RUNS`, by batch size, rate and seed.

    ``recipe_texts``: the rows of :data:`SELECT_RECIPES`. What thousands of runs have in common is
    there once.

    Raises:
        ValueError: for a row that is damaged.
    """
    recipes: dict[str, Recipe] = {}
    shared: dict[str, Any] = {}
    records = []
    for row in rows:
        if row[1] not in recipes:
            if row[1] not in recipe_texts:
                raise ValueError(f"there is no recipe {row[1]}")
            recipes[row[1]] = from_json(Recipe, recipe_texts[row[1]])
        for text in (row[8], row[10]):
            if text not in shared:
                shared[text] = json.loads(text)
        records.append(
            RunRecord(
                run=Run(recipes[row[1]], row[2], row[3]).known_as(row[0]),
                status=RunStatus(row[4]),
                stopped_at=row[5],
                train_seconds=row[6],
                final=_by_name(json.loads(row[7])),
                environment=shared[row[8]],
                error=row[9],
                curve=_StoredCurve(tuple(shared[row[10]]), row[11], store),
            )
        )
    places = ((r.run.recipe, r.run) for r in records)  # recipes of one size may share a rate
    order = [(of.batch_size, run.learning_rate, run.seed, of.canonical) for of, run in places]
    return [records[n] for n in sorted(range(len(records)), key=order.__getitem__)]


def _by_name(final: Mapping[str, Mapping[str, float]]) -> Mapping[str, Mapping[str, float]]:
    """Return final metrics with names that all runs share."""
    return {
        intern(part): {intern(name): value for name, value in values.items()}
        for part, values in final.items()
    }
