"""Rates that are clearly behind are stopped on the way, and nothing is hidden of it."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from bsx import registry
from bsx.arithmetic import evaluation_steps
from bsx.config import read_sweep
from bsx.errors import ConfigError, Stopped
from bsx.schema import CurvePoint, Group, Ingredient, LearningRates, RunRecord, RunStatus
from bsx.store import Store
from bsx.train import keeper
from bsx.train.halving import dominated, rungs
from tests.contracts.test_trainers import values
from tests.test_store import begun, record, stored
from tests.train_setup import DATA, group, recipe, trained

STEPS = 400
AT = evaluation_steps(STEPS, 1.05)
QUALITY = ("accuracy", True)
RATES = (1e-5, 0.02, 0.05, 1e30)
MEMBERS = [(rate, seed) for rate in RATES for seed in range(4)]
TRAINERS = ["loop", "lanes"]


def curve(ends: float, noise: float = 0.0, delay: float = 1.0, seed: int = 0) -> list[CurvePoint]:
    """Return a curve that nears ``ends`` like 1 − delay/(delay + steps/10)."""
    drawn = random.Random(seed)
    return [
        CurvePoint(step, 0.0, 0, 0.0, 1.0, 1.0,
                   {"accuracy": ends * step / (step + 10 * delay) + drawn.gauss(0, noise)})
        for step in AT
    ]  # fmt: skip


def stopped(kinds: list[list[list[CurvePoint]]], rung: int = 100) -> set[int]:
    """Return which rates, by number, are dropped; ``kinds``: rate → seed → curve."""
    members = [(0.1 * (n + 1), s) for n, row in enumerate(kinds) for s in range(len(row))]
    whole = [one for row in kinds for one in row]
    curves = {n: [p for p in one if p.step <= rung] for n, one in enumerate(whole)}
    gone = dominated(members, curves, rung, STEPS, QUALITY)
    assert gone == {n for n in curves if members[n][0] in {members[g][0] for g in gone}}
    return {round(10 * members[n][0]) - 1 for n in gone}


def seeds(ends: float, delay: float = 1.0, noise: float = 0.01, start: int = 0, count: int = 5
          ) -> list[list[CurvePoint]]:  # fmt: skip
    """Return the curves of some seeds."""
    return [curve(ends, noise, delay, 1000 * start + n) for n in range(count)]


def test_rungs_are_evaluations_at_a_quarter_and_half_of_the_way() -> None:
    found = rungs(AT, STEPS)
    assert all(step in AT for step in found)
    assert [round(step / STEPS, 1) for step in found] == [0.3, 0.5]
    assert rungs(evaluation_steps(20, 1.05), 20) == (10,)
    assert rungs(evaluation_steps(10, 1.05), 10) == ()


def test_a_rate_that_has_settled_lower_is_dropped_and_the_best_never() -> None:
    assert stopped([seeds(0.95), seeds(0.6, start=1), seeds(0.94, start=2)]) == {1}
    assert stopped([seeds(0.6), seeds(0.6, start=1)]) == set()


def test_a_rate_that_is_behind_but_rises_is_kept() -> None:
    assert stopped([seeds(0.95), seeds(1.0, delay=3, start=1)]) == set()


def test_two_seeds_are_too_few_to_tell() -> None:
    assert stopped([seeds(0.95, count=2), seeds(0.3, start=1, count=2)]) == set()


def test_of_a_metric_that_is_to_be_small_the_larger_one_is_behind() -> None:
    members = [(rate, seed) for rate in (0.1, 0.2) for seed in range(3)]
    curves = {n: curve(0.9 if rate == 0.1 else 0.5)[:60] for n, (rate, _) in enumerate(members)}
    rung = curves[0][-1].step
    assert dominated(members, curves, rung, rung + 1, ("accuracy", False)) == {0, 1, 2}


def test_of_rates_that_are_alike_next_to_none_is_dropped() -> None:
    """Seven rates, five seeds, settled: 50 sweeps of nothing but noise, six each to drop twice."""
    dropped = sum(
        len(stopped([seeds(0.9, 0.01, 0.02, 100 * trial + rate) for rate in range(7)], rung))
        for trial in range(50)
        for rung in rungs(AT, STEPS)
    )
    assert dropped <= 12  # 2 %


# --- trainers ---------------------------------------------------------------------------------


def halved(trainer: str, **changes: object) -> Group:
    """Return a group of which two rates are of no use: one learns nothing, one diverges."""
    model = Ingredient("mlp", {"hidden": (8,), "dropout": 0.2})
    data = Ingredient("blobs", {**DATA, "samples": 600, "spread": 0.8})
    of = recipe(model=model, dataset=data, steps=80)
    return replace(group(of, MEMBERS, trainer), halving=True, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_what_is_dropped_keeps_its_curve_and_has_no_end(trainer: str) -> None:
    records = trained(halved(trainer))
    assert [r.run for r in records] == list(halved(trainer).runs)
    by_rate = {rate: {r.status for r in records if r.run.learning_rate == rate} for rate in RATES}
    assert by_rate[1e-5] == {RunStatus.DOMINATED}
    assert by_rate[1e30] == {RunStatus.DIVERGED}
    assert RunStatus.COMPLETED in by_rate[0.02] | by_rate[0.05]
    for r in records:
        if r.status is RunStatus.DOMINATED:
            assert r.curve[-1].step == r.stopped_at < 80
            assert not r.final and r.error is None
    whole = trained(replace(halved(trainer), halving=False))
    steps = [sum(r.stopped_at for r in some) for some in (records, whole)]
    assert steps[0] < 0.8 * steps[1]


def test_runs_one_after_another_are_what_they_are_without_halving_to_the_bit() -> None:
    halfway, whole = trained(halved("loop")), trained(replace(halved("loop"), halving=False))
    for a, b in zip(halfway, whole, strict=True):
        if a.status is RunStatus.DOMINATED:
            b = replace(b, curve=b.curve[: len(a.curve)], final={})
        assert values(a).tobytes() == values(b).tobytes()


@pytest.mark.parametrize("trainer", TRAINERS)
def test_stopped_anywhere_it_drops_the_same_and_goes_on_to_the_same_bits(
    trainer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "SIGN_OF_LIFE", 0.0)
    undisturbed = trained(halved(trainer))
    of, heard, kept = halved(trainer, checkpoints=str(tmp_path)), 0, list[RunRecord]()

    def report(_fraction: float, _best: float | None) -> None:
        nonlocal heard
        heard += 1
        if heard % 301 == 0:
            raise Stopped("the test")

    for _ in range(100):
        try:
            for records in registry.worker("trainer", trainer)(of, report):
                kept += [r for r in records if isinstance(r, RunRecord)]
            break
        except Stopped:
            assert not kept  # all or none
    assert heard > 101
    for a, b in zip(kept, undisturbed, strict=True):
        assert (a.run, a.status, a.stopped_at) == (b.run, b.status, b.stopped_at)
        assert values(a).tobytes() == values(b).tobytes()
    assert not list(tmp_path.iterdir())


# --- the sweep --------------------------------------------------------------------------------


def test_a_group_without_halving_is_known_by_what_it_was_before() -> None:
    plain = group(recipe(), MEMBERS)
    assert replace(plain, halving=True).unit_id != plain.unit_id
    config, _ = read_sweep({}, {}, None)
    assert "halving" not in config.question()["learning_rates"]
    other = replace(config, learning_rates=LearningRates(halving=True))
    assert other.question()["learning_rates"]["halving"] is True


def test_a_later_run_to_the_end_takes_the_place_of_one_that_was_dropped(tmp_path: Path) -> None:
    dropped = record(status=RunStatus.DOMINATED, final={})
    with begun(tmp_path) as store:
        store.append("aaa111", "one", [dropped])
        assert stored(store) == [dropped]
        store.append("aaa111", "two", [record()])
        store.append("aaa111", "one", [dropped])
        assert stored(store) == [record()]


def test_what_was_measured_of_a_dropped_run_is_not_lost_to_a_try_that_failed(
    tmp_path: Path,
) -> None:
    dropped = record(status=RunStatus.DOMINATED, final={})
    failed = replace(dropped, status=RunStatus.FAILED, curve=())
    with begun(tmp_path) as store:
        store.append("aaa111", "one", [dropped])
        store.append("aaa111", "two", [failed])
        assert stored(store) == [dropped]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"learning_rate": "0.1"}, "there is one rate"),
        ({"schedule": "cosine"}, "may be ahead"),
        ({"scout": True}, "one seed tries each first"),
        ({"tune": ("learning-rate,momentum",)}, "BSX_SCOUT=false"),
        ({"seeds": "2"}, "give --seeds 3 or more"),
        ({"method": "branched"}, "--method branched and --halving"),
        ({"vary": ("halving=true,false",)}, "halving"),
    ],
)
def test_what_does_not_go_with_halving_is_refused(flags: dict[str, object], said: str) -> None:
    from bsx.config import read_arms

    with pytest.raises(ConfigError, match=said):
        read_arms({"halving": True, **flags}, {}, None)


@pytest.mark.slow
def test_on_digits_it_recommends_the_same_and_trains_fewer_steps(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import json

    from bsx.cli.app import run

    grid = "0.00005,0.0005,0.02,0.1"
    asked = ["sweep", "--batch-sizes", "16,64", "--learning-rate", grid, "--seeds", "4",
             "--steps", "320", "--threads", "1", "--executor", "inline", "--format", "json",
             "--target", "accuracy=0.9"]  # fmt: skip
    found, steps = [], []
    for name, more in (("whole", []), ("halved", ["--halving"])):
        store = str(tmp_path / name)
        assert run([*asked, *more, "--store", store]) == 0
        found.append(json.loads(capfd.readouterr().out))
        with Store(store) as opened:
            steps.append(sum(r.stopped_at for r in opened.runs(opened.sweep().sweep_id)))
    whole, less = found
    assert steps[1] < 0.9 * steps[0]
    assert {c["code"] for c in less["cautions"]} >= {"dominated"}
    for a, b in zip(whole["batch_sizes"], less["batch_sizes"], strict=True):
        steps_a, steps_b = a["to_target"][0]["steps"], b["to_target"][0]["steps"]
        assert steps_a["low"] <= steps_b["high"] and steps_b["low"] <= steps_a["high"]
        ends = [row["final"]["validation"]["accuracy"] for row in (a, b)]
        assert ends[0]["low"] <= ends[1]["high"] and ends[1]["low"] <= ends[0]["high"]
        assert a["final"]["learning_rate"] == b["final"]["learning_rate"]
    fits = {s["batch_size"] for s in whole["batch_sizes"]}
    assert less["recommendation"]["batch_size"] in fits
    # And a sweep that asks for every end trains what was dropped, on the same store.
    assert run([*asked, "--store", str(tmp_path / "halved")]) == 0
    capfd.readouterr()
    with Store(tmp_path / "halved") as opened:
        runs = opened.runs(opened.sweep().sweep_id)
    assert {r.status for r in runs} <= {RunStatus.COMPLETED, RunStatus.DIVERGED}
