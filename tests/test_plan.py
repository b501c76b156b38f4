"""Config + facts + records → what is to be run."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx import plan
from bsx.errors import ConfigError
from bsx.plan import memory
from bsx.schema import (
    BatchSizes,
    Budget,
    CostModel,
    Group,
    Initialization,
    LearningRates,
    RunRecord,
    RunStatus,
    Sampling,
    SweepConfig,
    TargetSpec,
    Training,
)
from tests.fakes import config, facts
from tests.oracles import batches_by_hand

COST = CostModel(1e-3, 1e-6)


def steps(samples: int, size: int, tail: str = "keep", **budget: Any) -> int:
    """Return the steps that a budget comes to."""
    asked = config(batch_sizes=BatchSizes((size,)), budget=Budget(**budget), tail=tail)
    [recipe] = plan.recipes(asked, facts(train_samples=samples))
    return recipe.steps


def coming(asked: SweepConfig, records: list[RunRecord] | None = None, **known: Any) -> plan.Round:
    """Return the next round."""
    of = plan.recipes(asked, facts(**known))
    done = {record.run_id: record for record in records or []}
    found = plan.next_round(asked, facts(**known), of, done, COST)
    assert found is not None
    return found


def completed(groups: tuple[Group, ...]) -> list[RunRecord]:
    """Return a record without a curve for every run."""
    return [
        RunRecord(run, RunStatus.COMPLETED, final={"validation": {"accuracy": 0.5, "loss": 1.0}})
        for group in groups
        for run in group.runs
    ]


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({"epochs": 5}, 60),  # 1,200 samples at batch size 100, 5 epochs
        ({"epochs": 0.5}, 6),
        ({"epochs": 0.001}, 1),
        ({"steps": 7}, 7),
        ({"samples_seen": 1000}, 10),
        ({"samples_seen": 1001}, 11),
        ({"epochs": 5, "steps": 7}, 7),
        ({"epochs": 5, "samples_seen": 1000}, 10),
        ({"epochs": 5, "min_steps": 100}, 100),
        ({"epochs": 5, "min_steps": 10}, 60),
        ({"samples_seen": 1000, "min_steps": 300}, 300),
    ],
)
def test_the_first_limit_reached_ends_a_run_above_the_floor(
    budget: dict[str, Any], expected: int
) -> None:
    assert steps(1200, 100, **budget) == expected


@given(st.integers(1, 80), st.integers(1, 400), st.sampled_from(["keep", "drop"]), st.data())
def test_samples_seen_ends_with_the_batch_in_which_they_are_complete(
    samples: int, wanted: int, tail: str, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, samples))
    batches = batches_by_hand(list(range(samples)), size, tail)
    seen = by_hand = 0
    while seen < wanted:
        seen += len(batches[by_hand % len(batches)])
        by_hand += 1
    assert steps(samples, size, tail, samples_seen=wanted) == by_hand


def test_epochs_count_the_tail_unless_it_is_dropped() -> None:
    assert steps(1000, 300, epochs=2) == 8
    assert steps(1000, 300, "drop", epochs=2) == 6


def test_without_sizes_all_powers_of_two_that_fit_are_taken() -> None:
    asked = config(batch_sizes=BatchSizes())
    assert plan.batch_sizes(asked, facts(train_samples=1437)) == (
        2, 4, 8, 16, 32, 64, 128, 256, 512, 1024,
    )  # fmt: skip
    full = config(batch_sizes=BatchSizes(full_batch=True))
    assert plan.batch_sizes(full, facts(train_samples=100))[-2:] == (64, 100)
    assert plan.batch_sizes(full, facts(train_samples=64))[-2:] == (32, 64)


def test_the_whole_training_set_is_allowed_and_one_sample_more_is_not() -> None:
    asked = config(batch_sizes=BatchSizes((100,)))
    assert plan.batch_sizes(asked, facts(train_samples=100)) == (100,)
    with pytest.raises(ConfigError, match=r"--batch-sizes: 100 is above the 99 samples"):
        plan.batch_sizes(asked, facts(train_samples=99))


def test_batch_size_one_is_refused_under_batchnorm_with_the_reason() -> None:
    asked = config(batch_sizes=BatchSizes((1, 2)))
    assert plan.batch_sizes(asked, facts()) == (1, 2)
    with pytest.raises(ConfigError, match=r"BatchNorm cannot train on a batch of 1.*start at 2"):
        plan.batch_sizes(asked, facts(has_batchnorm=True))


def test_a_tail_of_one_is_merged_under_batchnorm_and_only_then() -> None:
    asked = config(batch_sizes=BatchSizes((8, 10, 16)), budget=Budget(epochs=1))
    plain = plan.recipes(asked, facts(train_samples=97))
    assert [recipe.tail for recipe in plain] == ["keep"] * 3
    normed = plan.recipes(asked, facts(train_samples=97, has_batchnorm=True))
    assert [recipe.tail for recipe in normed] == ["merge", "keep", "merge"]
    assert [recipe.steps for recipe in normed] == [12, 10, 6]
    dropped = dataclasses.replace(asked, tail="drop")
    found = plan.recipes(dropped, facts(train_samples=97, has_batchnorm=True))
    assert [recipe.tail for recipe in found] == ["drop"] * 3


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (TargetSpec("acuracy", 0.9), "did you mean accuracy"),
        (TargetSpec("accuracy", 97), "for 97 % write 0.97"),
        (TargetSpec("accuracy", 0.0), "lies between"),
        (
            TargetSpec("recall", 0.5),
            r"classification, which has accuracy, top-K \(such as top-3\), .*f1",
        ),
        (TargetSpec("top-K", 0.9), r"which has accuracy, top-K \(such as top-3\), [^(]*$"),
        (TargetSpec("top-k", 0.9), r"which has accuracy, top-K \(such as top-3\), [^(]*$"),
        (TargetSpec("balanced-acuracy", 0.5), "did you mean balanced-accuracy"),
        (TargetSpec("auroc", 0.9), "name more with --metric accuracy,auroc"),
        (TargetSpec("top-3", 0.9), "name more with --metric accuracy,top-3"),
        (TargetSpec("top-99", 0.9), "which has accuracy"),
    ],
)
def test_targets_that_cannot_be_meant_are_refused(target: TargetSpec, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        plan.recipes(config(targets=(target,)), facts())
    assert plan.recipes(config(targets=(TargetSpec("loss", 2.0),)), facts())


def test_a_base_batch_size_must_be_among_the_sizes_if_its_rate_is_to_be_tuned() -> None:
    rule = LearningRates("tuned", (), "linear", 33)
    with pytest.raises(ConfigError, match="must be one of --batch-sizes"):
        plan.batch_sizes(config(learning_rates=rule), facts())
    fixed = LearningRates("fixed", (0.1,), "linear", 33)
    assert plan.batch_sizes(config(learning_rates=fixed), facts())


def test_a_round_holds_every_run_once_with_a_rates_seeds_together() -> None:
    found = coming(config(batch_sizes=BatchSizes((4, 16)), seeds=2))
    assert found.number == 0
    for group in found.groups:
        rates = [rate for rate, _ in group.members]
        assert rates == sorted(rates)
        assert [seed for _, seed in group.members] == [0, 1] * 6
        assert {group.trainer, group.device} == {"tests.fakes:train", "cpu"}


def test_lanes_are_split_where_memory_is_short_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = config(batch_sizes=BatchSizes((4, 1024)))
    whole = coming(asked)
    assert [len(group.members) for group in whole.groups] == [30, 30]
    monkeypatch.setattr(memory, "LANES_BYTES", 16 * (1024 * 50 + 100) * 7)
    split = coming(asked)
    sizes = sorted(len(g.members) for g in split.groups if g.recipe.batch_size == 1024)
    assert sizes == [6, 6, 6, 6, 6]  # not 7: the 6 rates of a seed stay together
    assert {run.run_id for g in split.groups for run in g.runs} == {
        run.run_id for g in whole.groups for run in g.runs
    }
    monkeypatch.setattr(memory, "LANES_BYTES", 1)
    assert {len(group.members) for group in coming(asked).groups} == {1}


def test_groups_are_as_many_as_workers_where_there_are_seeds_to_divide() -> None:
    asked = config(batch_sizes=BatchSizes((4, 16)), seeds=3)
    known = dataclasses.replace(facts(), threads=8, workers=4)
    of = plan.recipes(asked, known)
    made = plan.next_round(asked, known, of, {}, COST)
    assert made is not None
    assert [group.threads for group in made.groups] == [2] * 4
    by_size = [{seed for _, seed in group.members} for group in made.groups]
    assert sorted(map(len, by_size)) == [1, 1, 2, 2]
    assert sum(len(group.members) for group in made.groups) == 36  # 6 rates


def test_rates_that_may_be_dropped_keep_their_seeds_together_whatever_the_machine() -> None:
    asked = config(batch_sizes=BatchSizes((4, 16)), seeds=3)
    asked = dataclasses.replace(
        asked, learning_rates=dataclasses.replace(asked.learning_rates, halving=True)
    )
    known = dataclasses.replace(facts(), threads=8, workers=4)
    made = plan.next_round(asked, known, plan.recipes(asked, known), {}, COST)
    assert made is not None
    assert [{seed for _, seed in group.members} for group in made.groups] == [{0, 1, 2}] * 2


def test_what_is_known_is_not_planned_again() -> None:
    asked = config(batch_sizes=BatchSizes((4, 16)), seeds=2)
    records = completed(coming(asked).groups)
    rest = coming(asked, records[:5] + records[9:])
    assert sum(len(group.members) for group in rest.groups) == 4
    of = plan.recipes(asked, facts())
    done = {record.run_id: record for record in records}
    assert plan.next_round(asked, facts(), of, done, COST) is None
    assert plan.members(asked, facts(), of, done) == set(done)


def test_more_seeds_extend_a_sweep_without_changing_what_is_there() -> None:
    few, many = (coming(config(seeds=seeds)).groups for seeds in (2, 5))
    ids = [{run.run_id for group in groups for run in group.runs} for groups in (few, many)]
    assert ids[0] < ids[1]


def test_cheap_units_come_first() -> None:
    seconds = [group.predicted_seconds for group in coming(config()).groups]
    assert seconds == sorted(seconds)
    assert all(second > 0 for second in seconds)


def test_with_little_time_whole_sizes_come_first_that_lie_apart() -> None:
    """What many sizes cost alike is spent on three far apart, not on the cheapest three."""
    asked = config(batch_sizes=BatchSizes(tuple(2**n for n in range(1, 12))), within_seconds=60.0)
    groups = coming(asked).groups
    seconds = {2: 210.0, 4: 120.0, 8: 70.0, 16: 50.0, 32: 37.0, 64: 31.0, 128: 28.0, 256: 27.0,
               512: 26.0, 1024: 25.0, 2048: 40.0}  # fmt: skip
    costly = [
        dataclasses.replace(group, members=members, predicted_seconds=seconds[size] * share)
        for group in groups
        for size in [group.recipe.batch_size]
        for members, share in ((group.members[:2], 0.1), (group.members[2:], 0.9))
    ]
    costly.sort(key=lambda group: group.predicted_seconds)
    units = plan.in_order(asked, facts(), costly, ())
    assert len(units) == len(costly)
    sizes = [unit.recipe.batch_size for unit in units if isinstance(unit, Group)]
    assert sizes[::2] == sizes[1::2]  # each whole before the next
    assert sizes[:6:2] == [1024, 32, 256]
    assert sizes[-1] == 4  # between 2 and 8, and dear


def test_runs_that_train_one_after_another_are_predicted_to_take_longer() -> None:
    cost = CostModel(step_seconds=1.0, sample_seconds=0.0, unit_seconds=0.0)
    for trainer, times in (("lanes", 1), ("loop", 30)):
        known = facts(trainer=trainer)
        of = plan.recipes(config(), known)
        found = plan.next_round(config(), known, of, {}, cost)
        assert found is not None
        assert {group.predicted_seconds for group in found.groups} == {2000.0 * times}


def test_the_identity_of_a_unit_is_what_it_does_not_when() -> None:
    [group] = coming(config(batch_sizes=BatchSizes((4,)))).groups
    for same in ({"predicted_seconds": 9.0}, {"round": 3}):
        assert dataclasses.replace(group, **same).unit_id == group.unit_id
    for other in ({"trainer": "loop"}, {"threads": 9}, {"members": group.members[1:]}):
        assert dataclasses.replace(group, **other).unit_id != group.unit_id


def test_speed_is_measured_in_two_visits_to_each_size_and_does_not_travel() -> None:
    of = plan.recipes(config(), facts())
    here = plan.speed_units(config(), facts(), of, {"machine": "a"}, COST)
    there = plan.speed_units(config(), facts(), of, {"machine": "b"}, COST)
    sizes = [recipe.batch_size for recipe in of]
    assert [(unit.visit, unit.recipe.batch_size) for unit in here] == [
        (visit, size) for visit in range(2) for size in sizes
    ]
    assert len({unit.unit_id for unit in here}) == 2 * len(sizes)
    assert len({unit.timed for unit in here}) == len(sizes)
    assert [unit.unit_id for unit in here[: len(sizes)]] == [
        unit.timed for unit in here[len(sizes) :]
    ]
    assert not {unit.unit_id for unit in here} & {unit.unit_id for unit in there}
    loaded = plan.speed_units(config(speed_loop="dataloader"), facts(), of, {"machine": "a"}, COST)
    assert not {unit.unit_id for unit in here} & {unit.unit_id for unit in loaded}
    longer = plan.recipes(config(budget=Budget(steps=99)), facts())
    same = plan.speed_units(config(), facts(), longer, {"machine": "a"}, COST)
    assert [unit.unit_id for unit in same] == [unit.unit_id for unit in here]


@pytest.mark.parametrize(
    "other",
    [
        {"training": Training(precision="bfloat16")},
        {"training": Training(micro_batch_size=2)},
        {"training": Training(clip_norm=1.0)},
        {"sampling": Sampling(augment=("flip",))},
        {"initialization": Initialization(freeze=("0.*",))},
        {"precision": "float64"},
    ],
)
def test_speed_is_of_all_that_a_step_does(other: dict[str, Any]) -> None:
    [plain] = plan.recipes(config(batch_sizes=BatchSizes((4,))), facts())
    other_steps = dataclasses.replace(plain, **other)
    units = [
        plan.speed_units(config(), facts(), [recipe], {"machine": "a"}, COST)[0]
        for recipe in (plain, other_steps)
    ]
    assert units[0].unit_id != units[1].unit_id


def test_the_spacing_of_evaluations_is_part_of_a_run_and_the_usual_one_changes_nothing() -> None:
    [usual] = plan.recipes(config(batch_sizes=BatchSizes((4,))), facts())
    [often] = plan.recipes(config(batch_sizes=BatchSizes((4,)), evaluation_spacing=1.01), facts())
    assert (usual.evaluation_spacing, often.evaluation_spacing) == (1.05, 1.01)
    assert usual.canonical != often.canonical
    assert config().question() == config(evaluation_spacing=1.05).question()
    assert config().question() != config(evaluation_spacing=1.01).question()


def test_on_how_many_samples_a_run_is_evaluated_is_part_of_it() -> None:
    of = {"batch_sizes": BatchSizes((4,))}
    [usual], [more] = (
        plan.recipes(config(**of, **extra), facts()) for extra in ({}, {"evaluation_samples": 5000})
    )
    assert (usual.evaluation_samples, more.evaluation_samples) == (None, 5000)
    assert usual.canonical != more.canonical
    assert "evaluation_samples" not in usual.canonical  # what was stored before keeps its identity


def test_a_rate_that_changes_does_not_change_the_speed() -> None:
    [plain] = plan.recipes(config(batch_sizes=BatchSizes((4,))), facts())
    cosine = dataclasses.replace(plain, training=Training(schedule="cosine", warmup=0.1))
    one, other = (
        plan.speed_unit(config(), facts(), recipe, {"machine": "a"}, COST)
        for recipe in (plain, cosine)
    )
    assert one.unit_id == other.unit_id


def test_where_data_lie_is_said_to_every_unit_and_changes_no_run() -> None:
    held, streamed = facts(), facts(streamed=True)
    of = plan.recipes(config(), held)
    assert plan.recipes(config(), streamed) == of
    assert config(stream="always").question() == config().question()
    for known, loop in ((held, "device"), (streamed, "stream")):
        calibrating = plan.calibration(config(), known, of, known.trainer)
        round_ = plan.next_round(config(), known, of, {}, COST)
        timed = plan.speed_units(config(), known, of, {}, COST)
        assert round_ is not None
        assert {u.streamed for u in (calibrating, *round_.groups, *timed)} == {known.streamed}
        assert {unit.loop for unit in timed} == {loop}


def test_the_calibration_is_small() -> None:
    of = plan.recipes(config(), facts())
    unit = plan.calibration(config(), facts(trainer="lanes"), of, "lanes")
    assert unit.batch_sizes == (4, 256)
    assert len(unit.members) == 30
    alone, rival = (plan.calibration(config(), facts(), of, name) for name in ("loop", "lanes"))
    assert len(alone.members) == 1
    assert len(rival.members) == 2
