"""Lanes are divided into groups that fit the memory they are given."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from bsx import parse, plan
from bsx.config import read_sweep
from bsx.errors import ConfigError
from bsx.schema import BatchSizes, CostModel, Group, Ingredient, MemoryLimit, RunStatus
from tests import fakes
from tests.contracts.test_trainers import MEMBERS, values
from tests.train_setup import group, recipe, trained


def groups(
    lanes_bytes: int | None = None, limit: int | None = None, history: float = 0
) -> list[Group]:
    """Return the first round of one batch size of a model of a million numbers."""
    config = fakes.config(batch_sizes=BatchSizes((8,)), lanes_bytes=lanes_bytes)
    facts = fakes.facts(
        parameters=10**6,
        memory_limit=limit and MemoryLimit(limit, "container"),
        workers=1,
        history_floats=history,
    )
    coming = plan.next_round(config, facts, plan.recipes(config, facts), {}, CostModel(1e-3, 1e-6))
    assert coming is not None
    return [unit for unit in coming.groups if isinstance(unit, Group)]


def lanes(of: list[Group]) -> list[int]:
    """Return how many lanes each group has."""
    return [len(unit.members) for unit in of]


def test_a_small_budget_divides_lanes_and_loses_none() -> None:
    whole, divided = groups(), groups(10**8)
    assert max(lanes(divided)) <= 10**8 // (16 * 10**6) < max(lanes(whole))
    assert sorted(m for g in divided for m in g.members) == sorted(
        m for g in whole for m in g.members
    )
    assert lanes(groups(1)) == [1] * sum(lanes(whole))  # one lane is the least


def test_a_budget_that_holds_no_run_is_refused_with_one_that_does() -> None:
    config, facts = fakes.config(lanes_bytes=10**6), fakes.facts(parameters=10**6, workers=3)
    of = plan.recipes(config, facts)
    with pytest.raises(
        ConfigError,
        match="--max-memory of 1,000,000 B: one run .* batch size 4 "
        r".* 16(\.\d)?MB in each of 3 processes; give .*, or fewer --workers",
    ) as refused:
        plan.check_budget(config, facts, of)
    enough = re.search(r"give (\S+) or more", str(refused.value))
    assert enough is not None
    plan.check_budget(
        replace(config, lanes_bytes=parse.memory(enough[1], "--max-memory")), facts, of
    )
    plan.check_budget(replace(config, lanes_bytes=None), facts, of)


def test_what_the_optimizer_keeps_is_counted() -> None:
    assert max(lanes(groups(10**8, history=2))) <= 10**8 // (24 * 10**6)
    assert max(lanes(groups(10**8, history=2))) < max(lanes(groups(10**8)))


def test_in_a_small_container_less_is_taken_and_little_changes_of_it_change_nothing() -> None:
    assert max(lanes(groups(limit=2**29))) <= 2**27 // (16 * 10**6)
    assert groups(limit=2**29 + 10**6) == groups(limit=2**30 - 10**6)
    assert groups(limit=2**36) == groups()
    assert groups(10**8, limit=2**29) == groups(10**8)  # what is asked for counts


def test_the_budget_is_part_of_the_question_only_where_it_is_given() -> None:
    assert "lanes_bytes" not in read_sweep({}, {}, None)[0].question()
    assert read_sweep({"max_memory": "1MB"}, {}, None)[0].question()["lanes_bytes"] == 10**6


def test_divided_lanes_learn_the_same_and_say_how_many_they_were() -> None:
    of = recipe(model=Ingredient("mlp", {"hidden": (8,)}))
    whole = trained(group(of, MEMBERS, "lanes"))
    halves = [r for part in (MEMBERS[:2], MEMBERS[2:]) for r in trained(group(of, part, "lanes"))]
    assert {r.environment["lanes"] for r in whole} == {4}
    assert {r.environment["lanes"] for r in halves} == {2}
    for a, b in zip(whole, halves, strict=True):
        assert replace(a, environment={}, curve=(), final={}, train_seconds=0.0) == replace(
            b, environment={}, curve=(), final={}, train_seconds=0.0
        )
        assert a.status is RunStatus.COMPLETED
        np.testing.assert_allclose(values(a), values(b), rtol=1e-4, atol=1e-5)
