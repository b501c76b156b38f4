"""A trainer that is stopped anywhere goes on to the same bits from the state that it kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bsx import registry
from bsx.errors import Stopped, StoreError
from bsx.schema import Group, Ingredient, Notice, Record, RunRecord, RunStatus, Sampling, Training
from bsx.train import keeper
from tests.contracts.test_trainers import MEMBERS, values
from tests.train_setup import group, recipe, trained

TRAINERS = ["loop", "lanes"]
MLP = Ingredient("mlp", {"hidden": (8,), "dropout": 0.2})
WITH_NORM = Ingredient("mlp", {"hidden": (8,), "norm": "batch"})
CASES = {
    "momentum": recipe(),
    "dropout": recipe(model=MLP),
    "running statistics": recipe(model=WITH_NORM),
    "nesterov": recipe(optimizer=Ingredient("sgd", {"momentum": 0.9, "nesterov": True})),
    "adam": recipe(optimizer=Ingredient("adam"), model=MLP),
    "lbfgs's like: a user's class": recipe(
        optimizer=Ingredient("tests.user_code:NormalizedDescent")
    ),
    "schedule and clipping": recipe(training=Training(schedule="cosine", clip_norm=0.1)),
    "micro-batches": recipe(training=Training(micro_batch_size=5)),
    "augmented": recipe(sampling=Sampling(augment=("noise",))),
    "growing batches": recipe(training=Training(schedule="step", decay="batch-size", grow_to=32)),
}


@pytest.fixture(autouse=True)
def heard_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainers look after each step whether they are to end."""
    monkeypatch.setattr(keeper, "SIGN_OF_LIFE", 0.0)


def interrupted(of: Group, after: int) -> list[Record]:
    """Return the records of a group that is stopped whenever it has reported so often."""
    kept: list[Record] = []
    for _ in range(100):
        heard = 0

        def report(_fraction: float, _best: float | None) -> None:
            nonlocal heard
            heard += 1
            if heard == after:
                raise Stopped("the test")

        done = {record.run_id for record in kept if isinstance(record, RunRecord)}
        left = tuple(member for member, run in zip(of.members, of.runs, strict=True)
                     if run.run_id not in done)  # fmt: skip
        if not left:
            return kept
        try:
            for records in registry.worker("trainer", of.trainer)(
                replace(of, members=left), report
            ):
                kept += records
        except Stopped:
            continue
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("name", CASES)
def test_stopped_anywhere_it_goes_on_to_the_same_bits(
    trainer: str, name: str, tmp_path: Path
) -> None:
    of = group(CASES[name], MEMBERS, trainer)
    undisturbed = trained(of)
    for after in (7, 23):
        kept = interrupted(group(CASES[name], MEMBERS, trainer, checkpoints=str(tmp_path)), after)
        found = {record.run_id: record for record in kept if isinstance(record, RunRecord)}
        assert len(found) == len(MEMBERS)
        for record in undisturbed:
            other = found[record.run_id]
            assert other.status is record.status
            assert values(other).tobytes() == values(record).tobytes()
    assert not list(tmp_path.iterdir())  # nothing is left of what is done


@pytest.mark.parametrize("trainer", TRAINERS)
def test_lanes_that_diverged_before_the_stop_stay_as_they_were(
    trainer: str, tmp_path: Path
) -> None:
    of = recipe(model=Ingredient("mlp", {"hidden": (8,)}))
    members = [(0.01, 0), (1e6, 0), (0.05, 0), (0.01, 1), (1e6, 1), (0.05, 1)]
    undisturbed = {r.run_id: r for r in trained(group(of, members, trainer))}
    assert {r.status for r in undisturbed.values()} == {RunStatus.COMPLETED, RunStatus.DIVERGED}
    for record in interrupted(group(of, members, trainer, checkpoints=str(tmp_path)), 15):
        assert isinstance(record, RunRecord)
        same = undisturbed[record.run_id]
        assert (record.status, record.stopped_at) == (same.status, same.stopped_at)
        assert values(record).tobytes() == values(same).tobytes()


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_damaged_checkpoint_is_told_of_and_costs_only_time(trainer: str, tmp_path: Path) -> None:
    of = group(recipe(), MEMBERS, trainer, checkpoints=str(tmp_path))

    def stop_at_the_ninth(_fraction: float, _best: float | None, heard: list[int] = [0]) -> None:  # noqa: B006
        heard[0] += 1
        if heard[0] == 9:
            raise Stopped("the test")

    with pytest.raises(Stopped):
        list(registry.worker("trainer", trainer)(of, stop_at_the_ninth))
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    told = list(registry.worker("trainer", trainer)(of, lambda _fraction, _best: None))
    records = [record for some in told for record in some]
    notices = [record for record in records if isinstance(record, Notice)]
    assert [str(path) in notice.line and "damaged" in notice.line for notice in notices] == [True]
    runs = [record for record in records if isinstance(record, RunRecord)]
    for a, b in zip(runs, trained(group(recipe(), MEMBERS, trainer)), strict=True):
        assert values(a).tobytes() == values(b).tobytes()


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_checkpoint_that_cannot_be_written_is_told_in_a_line(
    trainer: str, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")

    def stop(_fraction: float, _best: float | None) -> None:
        raise Stopped("the test")

    with pytest.raises(StoreError, match="no checkpoint can be written"):
        list(
            registry.worker("trainer", trainer)(
                group(recipe(), MEMBERS, trainer, checkpoints=str(blocked)), stop
            )
        )
