"""Branches laid out: where they begin, how long they are, and what does not go with them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx import plan
from bsx.arithmetic import branch_evaluations, lay_out_branches
from bsx.config import read_arms, read_sweep
from bsx.errors import ConfigError
from bsx.schema import (
    BatchSizes,
    Branching,
    BranchUnit,
    Budget,
    CostModel,
    LearningRates,
    Run,
    RunRecord,
    RunStatus,
    SweepConfig,
    digest,
)
from tests.fakes import config, facts, recipe

COST = CostModel(1e-3, 1e-6)


# --- the layout -----------------------------------------------------------------------------


@given(
    base=st.integers(1, 50),
    times=st.sets(st.integers(2, 12), min_size=1, max_size=4),
    batches=st.integers(8, 60),
    count=st.integers(1, 8),
    steps=st.integers(128, 10_000),
)
def test_every_size_is_evaluated_at_its_end_where_all_have_seen_the_same(
    base: int, times: set[int], batches: int, count: int, steps: int
) -> None:
    sizes = [base, *(base * k for k in times)]
    together = math.lcm(*sizes)
    found = lay_out_branches(
        base, sizes, batches * together, count, trunk_steps=steps, train_samples=10**9
    )
    assert abs(found.samples - batches * together) <= 4 * together
    seen = {
        size: {step * size for step in branch_evaluations(found.samples, size)}
        for size in found.sizes
    }
    for size, places in seen.items():
        assert found.samples % size == 0
        assert max(places) == found.samples
        assert min(places) >= found.samples / 2
        assert len({place for place in places if place >= 0.75 * found.samples}) >= 3
        assert places >= seen[found.sizes[-1]] or found.sizes[-1] % size
    assert len(found.points) == count
    assert found.points[-1] == steps
    assert all(1 <= a < b for a, b in zip(found.points, found.points[1:], strict=False))


def test_more_points_and_longer_trunks_keep_the_points_there_were() -> None:
    few, more = (
        lay_out_branches(8, (8, 16), None, n, trunk_steps=720, train_samples=1000).points
        for n in (3, 6)
    )
    longer = lay_out_branches(8, (8, 16), None, 5, trunk_steps=1440, train_samples=1000).points
    assert set(few) < set(more)
    assert few == (180, 360, 720)
    assert set(few) < set(longer)


def test_sizes_double_as_long_as_a_branch_has_eight_iterations() -> None:
    for samples, largest in ((1437, 128), (1024, 128), (1023, 64), (129, 16)):
        found = lay_out_branches(8, None, samples, 1, trunk_steps=10, train_samples=5000)
        assert found.sizes[-1] == largest
        assert found.sizes == tuple(8 * 2**i for i in range(len(found.sizes)))


@pytest.mark.parametrize(
    ("sizes", "samples", "points", "said"),
    [
        ((8, 512), 2000, 1, "--branch-samples 4096"),
        ((8, 24, 80), 1000, 1, "--branch-samples 1920"),
        (None, 100, 1, "--branch-samples 128"),
        ((8, 16), 2000, 9, "--branch-points 8"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(
    sizes: tuple[int, ...] | None, samples: int, points: int, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        lay_out_branches(8, sizes, samples, points, trunk_steps=200, train_samples=5000)
    assert said in str(refused.value)


# --- what was asked -------------------------------------------------------------------------


def test_a_branch_too_short_for_sizes_that_do_not_divide_one_another_says_what_would_do() -> None:
    with pytest.raises(ConfigError) as refused:
        lay_out_branches(10, [10, 30, 100], 500, 1, trunk_steps=100, train_samples=10**4)
    text = str(refused.value)
    assert "8 times the least common multiple of the sizes: of 10, 30 and 100 that is 2400" in text
    assert "500 are fewer; give --branch-samples 2400 or more" in text
    found = lay_out_branches(10, [10, 30, 100], 2400, 1, trunk_steps=100, train_samples=10**4)
    assert found.samples == 2400


def asked(**flags: Any) -> SweepConfig:
    """Read a branched sweep."""
    return read_sweep({"method": "branched", **flags}, {}, None)[0]


def test_the_rate_follows_the_size_as_the_optimizer_needs_it() -> None:
    rules = {
        name: asked(optimizer=name).branching.rule  # type: ignore[union-attr]
        for name in ("sgd", "adam", "adamw", "rmsprop")
    }
    assert rules == {"sgd": "linear", "adam": "sqrt", "adamw": "sqrt", "rmsprop": "sqrt"}
    assert asked(learning_rate_rule="none").branching.rule == "none"  # type: ignore[union-attr]
    assert asked(optimizer="adam").learning_rates == LearningRates()  # tuned, at one size


def test_the_base_is_the_smallest_size_unless_another_is_named() -> None:
    found = asked(batch_sizes="16,64,32")
    assert found.branching == Branching(16, "linear")
    assert found.batch_sizes == BatchSizes((16, 32, 64))
    assert asked(batch_sizes="64,32", base_batch_size="8").batch_sizes.sizes == (8, 32, 64)
    assert asked().branching == Branching(8, "linear")
    assert asked().batch_sizes.sizes is None


def test_half_lives_start_from_the_base_too() -> None:
    found = asked(momentum_rule="half-life", batch_sizes="4,8")
    assert found.scaling.base_batch_size == 4
    of = plan.recipes(found, facts(train_samples=800))
    known = facts(train_samples=800)
    cold = plan.next_round(
        asked(momentum_rule="half-life", batch_sizes="4,8", learning_rate="0.1"), known, of, {},
        COST,
    )  # fmt: skip
    assert cold is not None
    momenta = {run.recipe.batch_size: run.recipe.optimizer.args for run in cold.groups[0].runs}
    assert momenta[4]["momentum"] == pytest.approx(0.9)
    assert momenta[8]["momentum"] == pytest.approx(0.81)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"command": "python x.py {batch_size}"}, "--command"),
        ({"vary": ("model=mlp,cnn",)}, "--vary"),
        ({"tune": "momentum"}, "--tune"),
        ({"full_batch": True}, "--full-batch"),
        ({"drop_last": True}, "--drop-last"),
        ({"class_skew": "0.5"}, "--class-skew"),
        ({"objective": "cost", "price_per_hour": "2"}, "--objective"),
        ({"schedule": "cosine"}, "--schedule cosine"),
        ({"warmup": "0.1"}, "--warmup 0.1"),
        ({"learning_rate_rule": "tuned"}, "--learning-rate-rule tuned"),
        ({"learning_rate_rule": "saturating"}, "--saturation"),
        ({"optimizer": "adadelta"}, "--learning-rate-rule linear, sqrt or none"),
        ({"batch_sizes": "8,20"}, "20 is no multiple"),
        ({"batch_sizes": "8"}, "8,16,32"),
        ({"batch_sizes": "8,16", "base_batch_size": "16"}, "leave 8 out"),
    ],
)
def test_what_does_not_go_with_branches_is_refused_with_the_remedy(
    flags: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read_arms({"method": "branched", **flags}, {}, None)
    assert said in str(refused.value)


@pytest.mark.parametrize("flag", [{"branch_points": "3"}, {"branch_samples": "100"}])
def test_settings_of_branches_mean_nothing_without_them(flag: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="without --method branched"):
        read_sweep(flag, {}, None)


def test_what_was_stored_before_there_were_branches_keeps_its_identity() -> None:
    assert Run(recipe(), 0.1, 0).run_id == "8dad6d00eca84200e12c"
    assert digest(read_sweep({}, {}, None)[0].question(), 12) == "de3945aa5514"


def test_how_many_branches_there_are_is_part_of_the_question_and_the_tolerance_is_not() -> None:
    questions = [asked(), asked(branch_points="3"), asked(branch_samples="99"), asked(seeds="9")]
    assert len({digest(one.question()) for one in questions}) == 4
    assert digest(asked(tolerance="0.1").question()) == digest(asked().question())


# --- rounds ---------------------------------------------------------------------------------

SIZES = BatchSizes((4, 8, 16, 32))


def branching(**changes: Any) -> SweepConfig:
    """Return a branched sweep in the fake world."""
    given: dict[str, Any] = {
        "branching": Branching(4, "linear", points=3, samples=512),
        "batch_sizes": SIZES,
        "learning_rates": LearningRates("fixed", (0.1,), "none"),
        "budget": Budget(steps=400),
        "seeds": 3,
    }
    return config(**{**given, **changes})


def completed(runs: list[Run]) -> dict[str, RunRecord]:
    """Return a record without a curve for each run."""
    final = {"validation": {"accuracy": 0.5, "loss": 1.0}}
    return {run.run_id: RunRecord(run, RunStatus.COMPLETED, final=final) for run in runs}


def test_a_unit_is_a_trunk_with_all_its_branches() -> None:
    of = plan.recipes(branching(), facts())
    found = plan.next_round(branching(), facts(), of, {}, COST)
    assert found is not None
    units = [unit for unit in found.groups if isinstance(unit, BranchUnit)]
    assert [unit.seed for unit in units] == [0, 1, 2]
    for unit in units:
        assert len(unit.runs) == 3 * 4
        assert [run.recipe.trunk.steps for run in unit.runs] == [100] * 4 + [200] * 4 + [400] * 4  # type: ignore[union-attr]
        assert [run.recipe.batch_size for run in unit.runs] == [4, 8, 16, 32] * 3
        rates = [run.learning_rate for run in unit.runs[:4]]
        assert rates == pytest.approx([0.1, 0.2, 0.4, 0.8])
        assert {run.recipe.steps * run.recipe.batch_size for run in unit.runs} == {512}
        assert unit.recipe.batch_size == 4
        assert unit.recipe.steps == 400
        assert unit.recipe.trunk is None
    assert plan.speed_units(branching(), facts(), of, {}, COST) == ()


def test_only_what_is_missing_is_asked_for_and_the_trunk_no_further_than_needed() -> None:
    of = plan.recipes(branching(), facts())
    first = plan.next_round(branching(), facts(), of, {}, COST)
    assert first is not None
    runs = [run for unit in first.groups for run in unit.runs]
    late = [run for run in runs if run.recipe.trunk and run.recipe.trunk.steps == 400]
    done = completed([run for run in runs if run.seed != 1 or run in late])
    [unit] = plan.next_round(branching(), facts(), of, done, COST).groups  # type: ignore[union-attr]
    assert isinstance(unit, BranchUnit)
    assert (unit.seed, unit.trunk.steps, len(unit.runs)) == (1, 200, 8)
    [before] = [one for one in first.groups if isinstance(one, BranchUnit) and one.seed == 1]
    assert unit.predicted_seconds < before.predicted_seconds
    everything = completed(runs)
    assert plan.next_round(branching(), facts(), of, everything, COST) is None
    assert plan.members(branching(), facts(), of, everything) == set(everything)


def test_a_unit_is_the_same_whatever_it_misses() -> None:
    of = plan.recipes(branching(), facts())
    unit = plan.next_round(branching(), facts(), of, {}, COST).groups[0]  # type: ignore[union-attr]
    assert isinstance(unit, BranchUnit)
    rest = unit.without({run.run_id for run in unit.runs[:5]})
    assert len(rest.runs) == 7
    assert rest.unit_id == unit.unit_id


def test_the_rate_is_tuned_at_the_base_size_before_anything_branches_off() -> None:
    rates = (0.05, 0.1, 0.2)
    tuned = branching(learning_rates=LearningRates("grid", rates))
    of = plan.recipes(tuned, facts())
    assert [one.batch_size for one in of] == [4]
    first = plan.next_round(tuned, facts(), of, {}, COST)
    assert first is not None
    assert {run.recipe.trunk for group in first.groups for run in group.runs} == {None}
    assert len(first.later) == 3  # a trunk a seed, foretold
    runs = [run for group in first.groups for run in group.runs]
    done = {
        run.run_id: RunRecord(
            run,
            RunStatus.COMPLETED,
            final={"validation": {"accuracy": 0.9 if run.learning_rate == 0.1 else 0.5, "loss": 1}},
        )
        for run in runs
    }
    second = plan.next_round(tuned, facts(), of, done, COST)
    assert second is not None
    assert {unit.trunk.learning_rate for unit in second.groups} == {0.1}  # type: ignore[union-attr]
    assert plan.members(tuned, facts(), of, done) > set(done)
    gone = {run.run_id: RunRecord(run, RunStatus.DIVERGED) for run in runs}
    assert plan.next_round(tuned, facts(), of, gone, COST) is None


def test_a_size_above_the_training_set_is_refused() -> None:
    with pytest.raises(ConfigError, match="above the 20 samples"):
        plan.recipes(branching(), facts(train_samples=20))
