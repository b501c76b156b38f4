"""Taking up what is stored: what it takes of memory, and what it does not do twice."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from bsx.errors import StoreError
from bsx.schema import Run
from tests.test_store import begun, record, stored

RUNS = 300
MOST_BESIDE_CURVE = 2_500  # bytes a run


def test_a_stored_run_takes_little_memory_beside_its_packed_curve(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        store.append("aaa111", "one", [record(seed=seed) for seed in range(2 * RUNS)])
        some = [r.run_id for r in stored(store)]
        taken = []
        for ids in (some[:RUNS], some):
            tracemalloc.start()
            found = store.runs_by_id(ids)
            taken.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
            packed = sum(len(r.curve.packed) for r in found)  # type: ignore[attr-defined]
            assert len(found) == len(ids)
    a_run = (taken[1] - taken[0]) / RUNS  # what does not grow with the runs cancels
    assert a_run < packed / (2 * RUNS) + MOST_BESIDE_CURVE


def test_a_run_that_was_stored_keeps_the_identity_it_was_stored_by(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        store.append("aaa111", "one", [record()])
        [found] = stored(store)
    run = found.run
    assert found.run_id == Run(run.recipe, run.learning_rate, run.seed).run_id


def test_a_damaged_curve_is_told_with_the_store_where_it_is_looked_at(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        store.append("aaa111", "one", [record()])
        with store._transaction() as db:
            db.execute("UPDATE runs SET curve = ?", (b"junk",))
        [found] = stored(store)
        with pytest.raises(StoreError, match="damaged"):
            len(found.curve)
        with pytest.raises(StoreError, match="damaged"):
            list(found.curve)
