"""What is stored comes back bit for bit; what is not ours is left alone."""

from __future__ import annotations

import dataclasses
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bsx.errors import StoreError
from bsx.schema import (
    SCHEMA_VERSION,
    Curve,
    CurvePoint,
    Ingredient,
    MemoryLimit,
    Run,
    RunRecord,
    RunStatus,
    SpeedRecord,
    digest,
)
from bsx.store import Store
from tests import fakes

FINITE = st.floats(allow_nan=False, allow_infinity=False)
POINTS = st.builds(
    CurvePoint,
    step=st.integers(1, 2**53),
    epoch=FINITE,
    samples_seen=st.integers(0, 2**53),
    train_seconds=FINITE,
    train_loss=FINITE,
    validation_loss=FINITE,
    metrics=st.builds(lambda a, z: {"accuracy": a, "zeta": z}, FINITE, FINITE),
)


def begun(folder: Path, sweep_id: str = "aaa111", **changes: Any) -> Store:
    """Return a store with a sweep in it."""
    store = Store(folder, create=True)
    store.begin_sweep(sweep_id, fakes.config(**changes), fakes.facts(), {"machine": "fake"})
    return store


def record(rate: float = 0.1, seed: int = 0, **changes: Any) -> RunRecord:
    """Return a small record."""
    point = CurvePoint(1, 0.1, 16, 0.01, 2.0, 2.1, {"accuracy": 0.1})
    made = RunRecord(
        Run(fakes.recipe(), rate, seed),
        RunStatus.COMPLETED,
        (point,),
        {"test": {"accuracy": 0.9}},
        1,
        0.01,
        {"torch": "2"},
    )
    return dataclasses.replace(made, **changes)


def stored(store: Store, sweep_id: str = "aaa111") -> list[RunRecord]:
    """Return what the store holds of a sweep."""
    return store.runs(sweep_id)


def test_a_sweep_taken_up_again_is_known_and_read_as_it_is_told_now(tmp_path: Path) -> None:
    """An earlier version may have known less of its data; what was measured stays."""
    with begun(tmp_path, tolerance=0.005) as store:
        store.append("aaa111", "unit", [record()])
        before = store.sweep().created
        now = fakes.facts(memory_limit=MemoryLimit(2**34, "machine"), target_scale=(2.5,))
        store.begin_sweep("aaa111", fakes.config(tolerance=0.02), now, {"machine": "fake"})
        sweep = store.sweep()
        assert sweep.facts == now
        assert (sweep.config.tolerance, sweep.created) == (0.02, before)
        assert stored(store) == [record()]


@given(st.lists(POINTS, max_size=20))
def test_curves_come_back_bit_for_bit(curve: list[CurvePoint]) -> None:
    packed = Curve.of(curve)
    back = Curve(packed.metric_names, packed.packed)
    assert repr(tuple(back)) == repr(tuple(curve))  # repr tells 0.0 from −0.0
    assert back == packed
    assert len(back) == len(curve)
    assert back.steps == [point.step for point in curve]
    assert repr(back[-1:]) == repr(tuple(curve[-1:]))


def test_a_metric_that_one_point_lacks_is_no_number_there() -> None:
    points = [
        CurvePoint(1, 0.1, 8, 0.1, 1.0, 1.0, {"a": 1.0}),
        CurvePoint(2, 0.2, 16, 0.2, 1.0, 1.0, {"a": 2.0, "b": 3.0}),
    ]
    curve = Curve.of(points)
    assert list(curve.metric("a") or ()) == [1.0, 2.0]
    assert str(list(curve.metric("b") or ())) == "[nan, 3.0]"
    assert curve.metric("c") is None


@pytest.mark.parametrize("blob", [b"", b"junk", zlib.compress(b"12345678")])
def test_what_is_no_curve_is_refused_when_it_is_read(blob: bytes) -> None:
    with pytest.raises(ValueError, match=r"curve|numbers"):
        Curve(["accuracy"], blob)


@given(st.floats(1e-9, 1e9), st.integers(0, 10**6))
def test_a_run_is_known_by_the_hash_of_its_canonical_text(rate: float, seed: int) -> None:
    run = record(0.1).run
    run = Run(run.recipe, rate, seed)
    assert run.run_id == digest({"schema_version": SCHEMA_VERSION, "run": run})


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(
    curve=st.lists(POINTS, max_size=4),
    rate=st.floats(1e-300, 1e300),
    status=st.sampled_from(RunStatus),
)
def test_records_come_back_as_they_were(
    curve: list[CurvePoint], rate: float, status: RunStatus, tmp_path: Path
) -> None:
    given_record = record(rate, curve=tuple(curve), status=status, error="a\nb")
    with begun(tmp_path, "fff") as store:
        store.append("fff", "unit", [given_record], anew=True)
        [back] = [r for r in stored(store, "fff") if r.run.learning_rate == rate]
    assert back == given_record
    assert back.run_id == given_record.run_id


def test_arguments_of_any_shape_leave_the_identity_of_a_run_alone(tmp_path: Path) -> None:
    args = {"hidden": (8, 4), "table": {"a": (1, None)}, "flag": True, "x": 0.1, "text": "é"}
    recipe = fakes.recipe(model=Ingredient("mlp", args, "0" * 20))
    with begun(tmp_path) as store:
        store.append("aaa111", "unit", [record(), record(run=Run(recipe, 0.1, 0))])
    with Store(tmp_path) as store:
        assert {r.run_id for r in stored(store)} == {record().run_id, Run(recipe, 0.1, 0).run_id}


def test_a_sweep_comes_back_as_it_was_asked_for(tmp_path: Path) -> None:
    with begun(tmp_path, name="first") as store:
        found = store.sweep()
    assert found.config == fakes.config(name="first")
    assert found.config.question() == fakes.config().question()
    assert found.facts == fakes.facts()
    assert found.status == "running"


def test_storing_twice_changes_nothing(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        store.append("aaa111", "one", [record(), record(seed=1)])
        before = stored(store)
        store.append("aaa111", "two", [record(train_seconds=9.0), record(seed=1)])
        assert stored(store) == before
        assert store.count_runs("aaa111") == 2
        store.append("aaa111", "two", [record(train_seconds=9.0)], anew=True)
        assert stored(store)[0].train_seconds == 9.0


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.TIMED_OUT])
def test_what_failed_gives_way_to_what_came_of_a_later_try(
    tmp_path: Path, status: RunStatus
) -> None:
    with begun(tmp_path) as store:
        store.append("aaa111", "one", [record(status=status, error="no", curve=())])
        store.append("aaa111", "two", [record()])
        assert stored(store) == [record()]
        store.append("aaa111", "three", [record(status=status, error="no", curve=())])
        assert stored(store) == [record()]


def test_records_of_a_unit_are_stored_all_or_none(tmp_path: Path) -> None:
    unwritable = record(seed=1, environment={"x": float("nan")})
    with begun(tmp_path) as store:
        with pytest.raises(ValueError, match="JSON"):
            store.append("aaa111", "one", [record(), unwritable])
        assert stored(store) == []
        store.append("aaa111", "one", [record()])
        assert stored(store) == [record()]


def test_runs_are_shared_between_sweeps_but_shown_only_where_they_belong(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        store.append("aaa111", "one", [record(), record(seed=1)])
        store.begin_sweep("bbb222", fakes.config(), fakes.facts(), {})
        assert stored(store, "bbb222") == []
        found = store.runs_by_id([record().run_id, "unknown"])
        assert found == [record()]
        store.adopt("bbb222", [record().run_id], [])
        store.adopt("bbb222", [record().run_id], [])
        assert stored(store, "bbb222") == [record()]
        assert len(stored(store)) == 2


def test_records_come_in_an_order_of_their_own(tmp_path: Path) -> None:
    some = [record(rate, seed) for rate in (0.1, 0.2) for seed in (0, 1)]
    with begun(tmp_path) as store:
        store.append("aaa111", "one", reversed(some))
        assert stored(store) == some


def test_speeds_come_back(tmp_path: Path) -> None:
    speed = SpeedRecord("u1", 16, "device", RunStatus.COMPLETED, (0.1, 1 / 3), None, {"a": 1})
    failed = SpeedRecord("u1", 16, "device", RunStatus.FAILED, error="no")
    with begun(tmp_path) as store:
        store.append_speed("aaa111", failed)
        store.append_speed("aaa111", speed, anew=True)
        store.append_speed("aaa111", failed)
        assert store.speeds("aaa111") == [speed]
        assert store.speeds_by_id(["u1", "u2"]) == [speed]


def test_a_failed_speed_gives_way_like_a_failed_run(tmp_path: Path) -> None:
    speed = SpeedRecord("u1", 16, "device", RunStatus.COMPLETED, (0.1,))
    with begun(tmp_path) as store:
        store.append_speed("aaa111", SpeedRecord("u1", 16, "device", RunStatus.FAILED, error="no"))
        store.append_speed("aaa111", speed)
        assert store.speeds("aaa111") == [speed]


def test_a_sweep_is_found_by_name_or_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    with begun(tmp_path, "abc111", name="first") as store:
        store.begin_sweep("abd222", fakes.config(name="second"), fakes.facts(), {})
        assert store.sweep().sweep_id == "abd222"
        assert store.sweep("first").sweep_id == "abc111"
        assert store.sweep("abc").sweep_id == "abc111"
        with pytest.raises(StoreError, match="several sweeps begin so"):
            store.sweep("ab")
        with pytest.raises(StoreError, match="there is no such sweep"):
            store.sweep("zzz")
        with pytest.raises(StoreError, match=r"one to write is given as --output none\.csv"):
            store.sweep("none.csv")
        with pytest.raises(StoreError, match="did you mean first"):
            store.sweep("frist")
        store.begin_sweep("abc111", fakes.config(name="first"), fakes.facts(), {})
        assert store.sweep().sweep_id == "abc111"  # the newest is the one last run
        store.end_sweep("abc111", "complete")
        assert store.sweep("abc").status == "complete"


def test_attempts_are_put_down_with_how_they_ended(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        first, second = store.begin_attempt("u", "trainer"), store.begin_attempt("u", "trainer")
        store.end_attempt(first, "failed", "trace")
        rows = store._rows("SELECT attempt, outcome, detail FROM attempts ORDER BY attempt")
    assert rows == [(first, "failed", "trace"), (second, None, None)]


def test_no_store_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="run `bsx sweep` first"):
        Store(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with Store(tmp_path, create=True) as store, pytest.raises(StoreError, match="no sweep yet"):
        store.sweep()
