"""Branches as they are trained: the same samples for all, from copies of one state."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bsx import registry
from bsx.arithmetic import branch_evaluations
from bsx.data import prepare
from bsx.schema import BranchUnit, Ingredient, Recipe, Run, RunRecord, RunStatus, Sampling, Trunk
from bsx.train.session import Session
from tests.train_setup import recipe

RATE, BASE, SAMPLES, POINTS = 0.02, 4, 128, (7, 30)  # 96 samples: branches go on over epochs
SIZES = (4, 8, 16)


def runs(of: Recipe, seed: int = 3, rule: float = 1.0, rate: float = RATE) -> tuple[Run, ...]:
    """Return every branch of a seed, whose rate is that of the trunk times (B/base)^rule."""
    made = []
    for point in POINTS:
        trunk = Trunk(of.optimizer, BASE, point, rate)
        for size in SIZES:
            branch = dataclasses.replace(
                of, batch_size=size, steps=SAMPLES // size, tail="keep", trunk=trunk
            )
            made.append(Run(branch, rate * (size / BASE) ** rule, seed))
    return tuple(made)


def trained(some: tuple[Run, ...], **changes: Any) -> list[RunRecord]:
    """Train branches, in the order in which they come."""
    unit = BranchUnit(some, "cpu", 1, **changes)
    worker = registry.worker(unit.kind, unit.worker)
    return [record for batch in worker(unit, lambda *_: None) for record in batch]


def losses(record: RunRecord) -> list[float]:
    """Return the validation losses of a curve."""
    return [point.validation_loss for point in record.curve]


def by_hand(unit: BranchUnit) -> dict[str, list[float]]:
    """Train the same as one would write it down: run id → validation losses."""
    session = Session(unit)
    inputs, targets = session.train.inputs, session.train.targets  # type: ignore[union-attr]
    stream = torch.cat([session.order([unit.seed], "keep", 96).rows(e)[0] for e in range(10)])
    found = {}
    for run in unit.runs:
        trunk = run.recipe.trunk
        assert trunk is not None
        model = session.model(unit.seed)
        optimizer = torch.optim.SGD(
            model.parameters(), lr=trunk.learning_rate, **trunk.optimizer.args
        )
        at = 0

        def step(size: int, model: Any = model, optimizer: Any = optimizer) -> None:
            nonlocal at
            rows = stream[at : at + size]
            at += size
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()

        def loss(model: Any = model) -> float:
            with torch.no_grad():
                part = session.validation
                return float(F.cross_entropy(model(part.inputs), part.targets))  # type: ignore[union-attr]

        for _ in range(trunk.steps):
            step(trunk.batch_size)
        for group in optimizer.param_groups:
            group["lr"] = run.learning_rate
        seen = [loss()]
        for number in range(1, run.recipe.steps + 1):
            step(run.recipe.batch_size)
            if number in branch_evaluations(SAMPLES, run.recipe.batch_size):
                seen.append(loss())
        found[run.run_id] = seen
    return found


def test_branches_are_what_one_would_write_by_hand() -> None:
    unit = BranchUnit(runs(recipe()), "cpu", 1)
    expected = by_hand(unit)
    for record in trained(unit.runs):
        assert record.status is RunStatus.COMPLETED
        np.testing.assert_allclose(losses(record), expected[record.run_id], rtol=1e-5)


@pytest.mark.parametrize(
    "optimizer",
    [
        Ingredient("sgd", {"momentum": 0.9}),
        Ingredient("adam"),
        Ingredient("muon"),
        Ingredient("tests.user_code:NormalizedDescent"),
    ],
    ids=lambda one: one.name,
)
def test_the_branch_at_the_base_size_is_the_trunk_going_on(optimizer: Ingredient) -> None:
    """Bit for bit: where the first branch ends, a trunk of that length would be."""
    of = recipe(optimizer=optimizer, model=Ingredient("mlp", {"hidden": (8,), "dropout": 0.2}))
    [early, *_] = trained(runs(of)[:1])
    there = POINTS[0] + SAMPLES // BASE
    further = dataclasses.replace(
        runs(of)[0], recipe=dataclasses.replace(
            runs(of)[0].recipe, trunk=Trunk(optimizer, BASE, there, RATE)
        ),
    )  # fmt: skip
    [later] = trained((further,))
    assert early.curve[-1].validation_loss == later.curve[0].validation_loss
    assert early.curve[-1].samples_seen == later.curve[0].samples_seen
    assert (early.curve[0].step, early.curve[-1].step) == (0, SAMPLES // BASE)


def test_a_branch_does_not_depend_on_those_trained_before_it() -> None:
    of = recipe(model=Ingredient("mlp", {"hidden": (8,), "dropout": 0.2, "norm": "batch"}))
    everything = {record.run_id: losses(record) for record in trained(runs(of))}
    for run in runs(of)[1::2]:
        [alone] = trained((run,))
        assert losses(alone) == everything[run.run_id]
    assert len({tuple(values) for values in everything.values()}) == len(everything)
    starts = [losses(record)[0] for record in trained(runs(of))]
    assert len(set(starts[:3])) == len(set(starts[3:])) == 1


def test_branches_end_and_are_evaluated_where_they_have_seen_the_same() -> None:
    for record in trained(runs(recipe())):
        trunk = record.run.recipe.trunk
        assert trunk is not None
        seen = [point.samples_seen - trunk.steps * BASE for point in record.curve]
        assert seen[0] == 0
        assert seen[-1] == SAMPLES
        assert {96, 112, 128} <= set(seen)
        assert record.curve[-1].epoch == pytest.approx((trunk.steps * BASE + SAMPLES) / 96)
        assert record.final == {}


def test_a_branch_whose_rate_is_too_high_diverges_alone() -> None:
    some = runs(recipe(optimizer=Ingredient("sgd")))
    wild = dataclasses.replace(some[1], learning_rate=1e38)
    records = trained((some[0], wild, *some[2:]))
    statuses = [record.status for record in records]
    assert statuses == [
        RunStatus.COMPLETED, RunStatus.DIVERGED, *[RunStatus.COMPLETED] * 4
    ]  # fmt: skip
    assert records[1].stopped_at < SAMPLES // 8


def test_of_a_trunk_that_diverges_every_branch_from_there_on_has_diverged() -> None:
    some = runs(recipe(optimizer=Ingredient("sgd")), rate=1e38)
    records = trained(some)
    assert [record.run for record in records] == list(some)
    assert {record.status for record in records} == {RunStatus.DIVERGED}
    assert all(not len(record.curve) for record in records)


def test_each_branch_comes_by_itself_and_progress_is_told() -> None:
    unit = BranchUnit(runs(recipe()), "cpu", 1)
    told: list[tuple[float, float | None]] = []
    worker = registry.worker(unit.kind, unit.worker)
    assert [len(batch) for batch in worker(unit, lambda *now: told.append(now))] == [1] * 6
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    bests = [best for _, best in told if best is not None]
    assert bests == sorted(bests)


class Hungry(nn.Module):
    """A logistic regression for which there is no memory in batches of 16."""

    def __init__(self, input_shape: tuple[int, ...], output_size: int) -> None:
        super().__init__()
        self.last = nn.Linear(input_shape[0], output_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and len(x) == 16:
            raise torch.OutOfMemoryError("no memory")
        found: torch.Tensor = self.last(x)
        return found


def test_memory_that_runs_out_ends_one_branch() -> None:
    of = recipe(model=Ingredient("tests.test_branch_training:Hungry"))
    statuses = [record.status for record in trained(runs(of))]
    assert statuses == [*[RunStatus.COMPLETED] * 2, RunStatus.OUT_OF_MEMORY] * 2


SEEN: list[torch.Tensor] = []


class Watching(nn.Module):
    """A logistic regression that keeps the batches it was trained on."""

    def __init__(self, input_shape: tuple[int, ...], output_size: int) -> None:
        super().__init__()
        self.last = nn.Linear(math.prod(input_shape), output_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            SEEN.append(x.detach().clone())
        found: torch.Tensor = self.last(x.flatten(1))
        return found


def test_every_size_sees_the_same_varied_images() -> None:
    of = recipe(
        dataset=Ingredient("digits"), model=Ingredient("tests.test_branch_training:Watching"),
        sampling=Sampling(subset=200, augment=("crop", "noise")),
    )  # fmt: skip
    SEEN.clear()
    trained(runs(of)[:3])
    a, b, c = torch.cat(SEEN[POINTS[0] :]).split(SAMPLES)
    assert torch.equal(a, b)
    assert torch.equal(a, c)
    assert not torch.equal(a[:4], a[4:8])


@pytest.mark.slow
def test_fetched_inputs_give_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(prepare, "_open_now", {})
    of = recipe(dataset=Ingredient("tests.data.streams:Pairs"))
    held, fetched = (
        [losses(record) for record in trained(runs(of), streamed=streamed)]
        for streamed in (False, True)
    )
    assert held == fetched
