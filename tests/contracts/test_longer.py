"""A longer run goes on from where a shorter one ended, to the bits of one trained at once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bsx import registry
from bsx.schema import EndStates, Group, Ingredient, Notice, Record, RunRecord, RunStatus, Training
from bsx.train import keeper
from tests.contracts.test_going_on import CASES
from tests.contracts.test_trainers import values
from tests.train_setup import group, recipe, trained

TRAINERS = ["loop", "lanes"]
CONSTANT = {name: of for name, of in CASES.items() if of.training.schedule == "constant"}
LONG = 40
# Of these, 16 is a step that every run is evaluated at, and 7, 17 and 39 are the ends alone.
CHAINS = [(16,), (7, 17)]
MEMBERS = [(0.02, 0), (0.1, 0), (0.02, 1)]
QUICK = ("dropout", "running statistics", "lbfgs's like: a user's class")
NAMES = [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CONSTANT]


@pytest.fixture(autouse=True)
def heard_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainers tell after each step how far they are."""
    monkeypatch.setattr(keeper, "SIGN_OF_LIFE", 0.0)


def taken(of: Group) -> tuple[list[RunRecord], int, list[str]]:
    """Return the records of a group, how often it told of itself, and what it noticed."""
    heard: list[float] = []
    worker = registry.worker("trainer", of.trainer)
    told: list[Record] = [r for some in worker(of, lambda f, _: heard.append(f)) for r in some]
    notices = [record.line for record in told if isinstance(record, Notice)]
    return [record for record in told if isinstance(record, RunRecord)], len(heard), notices


def kept(folder: Path, most: int = 10**9, anew: bool = False) -> EndStates:
    """Where end states are."""
    return EndStates(str(folder), most, anew)


def assert_same(ours: list[RunRecord], theirs: list[RunRecord]) -> None:
    """Assert that the records are equal to the bit, clocks aside."""
    assert [record.run_id for record in ours] == [record.run_id for record in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert (one.status, one.stopped_at) == (other.status, other.stopped_at)
        assert values(one).tobytes() == values(other).tobytes()


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("name", NAMES)
def test_grown_it_is_what_it_would_have_been_at_once(
    trainer: str, name: str, tmp_path: Path
) -> None:
    long = replace(CONSTANT[name], steps=LONG)
    undisturbed, steps, _ = taken(group(long, MEMBERS, trainer))
    for number, chain in enumerate(CHAINS):
        where = kept(tmp_path / str(number))
        for length in chain:
            short = group(replace(long, steps=length), MEMBERS, trainer)
            records, _, _ = taken(replace(short, states=where))
            assert_same(records, trained(short))
        grown, more, notices = taken(group(long, MEMBERS, trainer, states=where))
        assert_same(grown, undisturbed)
        assert notices == []
        assert more <= steps - 0.7 * steps * chain[-1] / LONG  # steps are told of, evaluations too


@pytest.mark.parametrize("trainer", TRAINERS)
def test_what_diverged_before_the_end_is_the_same_in_the_longer_run(
    trainer: str, tmp_path: Path
) -> None:
    members = [(0.01, 0), (1e6, 0), (0.05, 0), (0.01, 1), (1e6, 1), (0.05, 1)]
    model = Ingredient("mlp", {"hidden": (8,)})
    long = group(recipe(model=model), members, trainer)
    where = kept(tmp_path)
    taken(group(recipe(model=model, steps=17), members, trainer, states=where))
    grown, _, _ = taken(replace(long, states=where))
    assert {record.status for record in grown} == {RunStatus.COMPLETED, RunStatus.DIVERGED}
    assert_same(grown, trained(long))


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize(
    "training", [Training(schedule="cosine"), Training(warmup=0.5)], ids=["cosine", "warm-up"]
)
def test_where_the_rate_follows_the_length_nothing_is_kept(
    trainer: str, training: Training, tmp_path: Path
) -> None:
    taken(group(recipe(steps=9, training=training), MEMBERS, trainer, states=kept(tmp_path)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_damaged_foreign_or_longer_state_and_one_to_be_trained_anew_are_passed_over(
    trainer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = MEMBERS[:1]
    long = group(recipe(steps=20), members, trainer)
    undisturbed, steps, _ = taken(long)
    where = kept(tmp_path)
    taken(group(recipe(steps=17), members, trainer, states=where))
    [path] = tmp_path.iterdir()
    good = path.read_bytes()
    for spoiled in (good[:-1], good[:40], b"", good[:-9] + b"\0" + good[-8:], b"x" * 300):
        path.write_bytes(spoiled)
        grown, more, _ = taken(replace(long, states=where))
        assert_same(grown, undisturbed)
        assert more == steps
    path.write_bytes(good)
    with monkeypatch.context() as patch:
        patch.setattr("bsx.train.session.__version__", "0.0")
        assert taken(replace(long, states=where))[1] == steps  # computed by another version
    path.write_bytes(good)
    assert taken(replace(long, states=kept(tmp_path, anew=True)))[1] == steps
    assert_same(taken(replace(long, states=where))[0], undisturbed)  # goes on, and replaces it
    shorter = group(recipe(steps=9), members, trainer)
    assert_same(taken(replace(shorter, states=where))[0], trained(shorter))
    assert taken(replace(long, states=where))[1] < 5  # that of the longest run is still there


def test_they_take_no_more_room_than_was_given_and_the_oldest_give_way(tmp_path: Path) -> None:
    def ends(seed: int, most: int) -> list[str]:
        of = group(recipe(steps=5), [(0.05, seed)], "loop", states=kept(tmp_path, most))
        return taken(of)[2]

    assert ends(0, 100) != []  # more than there is room for is said, once
    assert ends(0, 10**9) == []
    [first] = tmp_path.iterdir()
    size = first.stat().st_size
    os.utime(first, (0, 0))
    assert ends(1, 2 * size + 20) == ends(2, 2 * size + 20) == []
    assert first not in set(tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 2


def test_where_they_cannot_be_written_the_run_is_good_all_the_same(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    of = group(recipe(steps=5), MEMBERS[:2], "loop")
    records, _, notices = taken(replace(of, states=kept(blocked)))
    assert_same(records, trained(of))
    assert "not kept for longer runs" in notices[0]
