"""Batches that grow where the rate would decay."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsx.arithmetic import evaluation_steps, growing_batches
from bsx.arithmetic.schedule import SHAPES
from bsx.data import open_dataset
from bsx.models import build_model
from bsx.schema import Ingredient, Recipe, RunStatus, Training
from bsx.tasks import build_task
from bsx.train.batches import SampleOrder
from bsx.train.evaluate import evaluate
from tests.oracles import growing_by_hand, train_on_by_hand
from tests.train_setup import DATA, group, recipe, trained

DECAYING = ["step", "exponential", "cosine", "linear"]
TAILS = ["keep", "drop", "merge"]


def growing(schedule: str = "step", grow_to: int | None = 10**9, **changes: Any) -> Recipe:
    """Return a recipe whose batches grow."""
    warmup = changes.pop("warmup", 0.0)
    training = Training(schedule, warmup, decay="batch-size", grow_to=grow_to)
    return recipe(training=training, **changes)


def order_of(of: Recipe, samples: int, seed: int = 3) -> SampleOrder:
    """Return the batches of a recipe's runs."""
    before = of.batches_before(samples)
    return SampleOrder(samples, of.batch_size, of.tail, [seed], before=before)


@given(
    schedule=st.sampled_from(DECAYING),
    warmup=st.sampled_from([0.0, 0.1, 0.37]),
    tail=st.sampled_from(TAILS),
    samples=st.integers(2, 90),
    steps=st.integers(1, 120),
    data=st.data(),
)
@settings(deadline=None)
def test_a_growing_run_sees_what_one_that_keeps_its_size_sees(
    schedule: str, warmup: float, tail: str, samples: int, steps: int, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, samples))
    of = growing(schedule, warmup=warmup, batch_size=size, tail=tail, steps=steps)
    order, twin = order_of(of, samples), SampleOrder(samples, size, tail, [3])
    grown = [order.rows(step)[0].tolist() for step in range(of.length(samples))]
    steady = [twin.rows(step)[0].tolist() for step in range(steps)]
    assert [row for batch in grown for row in batch] == [row for batch in steady for row in batch]
    assert all(len(set(batch)) == len(batch) for batch in grown)  # none crosses an epoch's end
    assert min(map(len, grown)) >= min(map(len, steady))  # nor is one a smaller tail
    assert order.samples_seen(len(grown)) == twin.samples_seen(steps)
    assert of.largest_batch(samples) >= max(map(len, grown)) - samples % size


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("schedule", DECAYING)
def test_batches_grow_as_by_hand(schedule: str, tail: str) -> None:
    of = growing(schedule, 40, batch_size=7, tail=tail, steps=60)
    order = order_of(of, 96)
    whole = [SampleOrder(96, 96, "keep", [3]).rows(epoch)[0].tolist() for epoch in range(6)]
    by_hand = growing_by_hand(lambda e: whole[e], 7, tail, 60, SHAPES[schedule], most=40 // 7)
    assert [order.rows(s)[0].tolist() for s in range(of.length(96))] == [b for b, _ in by_hand]


def test_where_the_rate_would_go_to_a_tenth_the_batch_becomes_ten_times_as_large() -> None:
    of = growing("step", batch_size=2, steps=400)
    order = order_of(of, 200)
    sizes = [order.rows(step).shape[1] for step in range(of.length(200))]
    assert sizes == [2] * 200 + [20] * 10 + [200]
    assert of.largest_batch(200) == 200


def test_batches_grow_to_a_tenth_of_the_training_set_unless_told_otherwise() -> None:
    assert growing("linear", None, batch_size=4).largest_batch(200) == 20
    assert growing("step", 31, batch_size=4, steps=200).largest_batch(200) == 28
    assert growing("linear", None, batch_size=16).largest_batch(200) == 16
    steady = recipe(training=Training("step"))
    assert (steady.largest_batch(96), steady.length(96)) == (16, 40)


@pytest.mark.parametrize("schedule", DECAYING)
def test_rate_over_batch_is_what_the_schedule_says_and_the_rate_never_rises_above(
    schedule: str,
) -> None:
    from bsx.train.session import Session

    of = growing(schedule, 64, batch_size=4, steps=300)
    session, before = Session(group(of, [(0.1, 0)])), of.batches_before(96)
    for step, (first, after) in enumerate(pairwise(before)):
        assert session.factor(step) <= 1
        expected = SHAPES[schedule](first / 300)
        assert session.factor(step) / (after - first) == pytest.approx(expected)
    full = [session.factor(s) for s, (a, b) in enumerate(pairwise(before)) if b - a == 10]
    assert schedule != "step" or set(full) == {1.0}


def test_a_warm_up_stays_on_the_rate() -> None:
    before = growing_batches("linear", 0.3, 100, 10**6, 10**6)
    assert list(before[:31]) == list(range(31))
    assert max(b - a for a, b in pairwise(before)) > 1


def test_a_growing_run_is_evaluated_where_one_that_keeps_its_size_is() -> None:
    from bsx.train.session import Session

    of = growing("step", 64, batch_size=4, steps=300)
    session, before = Session(group(of, [(0.1, 0)])), of.batches_before(96)
    assert session.steps == len(before) - 1 < 300
    grid = evaluation_steps(300, of.evaluation_spacing)
    reached = [before[step] for step in session.evaluate_at]
    assert reached == sorted(set(reached))
    assert reached[-1] == 300
    for batches in grid:
        assert 0 <= min(at - batches for at in reached if at >= batches) < 16


@pytest.mark.parametrize("tail", ["keep", "drop"])
@pytest.mark.parametrize("schedule", DECAYING)
def test_the_loop_equals_growing_batches_written_by_hand_bit_for_bit(
    schedule: str, tail: str
) -> None:
    args = {"hidden": (8,), "norm": "batch", "dropout": 0.2}
    of = growing(
        schedule, 64, batch_size=7, steps=90, tail=tail,
        model=Ingredient("mlp", args), evaluation_spacing=1.3,
    )  # fmt: skip
    [record] = trained(group(of, [(0.05, 3)]))
    splits = open_dataset("blobs", DATA, validation=0.1, test=0.1, seed=0)
    model = build_model("mlp", args, input_shape=(5,), output_size=3, seed=3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    whole = SampleOrder(96, 96, "keep", [3])
    batches = growing_by_hand(
        lambda epoch: whole.rows(epoch)[0].tolist(), 7, tail, 90, SHAPES[schedule], most=64 // 7
    )
    train = (splits.train.inputs, splits.train.targets)
    losses = train_on_by_hand(model, optimizer, train, batches, rate=0.05, seed=3)
    ends = [0, *(point.step for point in record.curve)]
    assert [p.train_loss for p in record.curve] == [
        sum(losses[a:b]) / (b - a) for a, b in pairwise(ends)
    ]
    assert [p.samples_seen for p in record.curve] == [
        sum(len(rows) for rows, _ in batches[:end]) for end in ends[1:]
    ]
    assert record.stopped_at == len(batches)
    found = evaluate(model, splits.validation, build_task("classification"))
    assert record.final["validation"]["loss"] == float(found["loss"])


@pytest.mark.parametrize("trainer", ["loop", "lanes"])
def test_a_size_that_cannot_grow_trains_as_where_the_rate_decays(trainer: str) -> None:
    of = growing("cosine", 31)
    decaying = dataclasses.replace(of, training=Training("cosine"))
    [one], [other] = (trained(group(r, [(0.05, 0)], trainer)) for r in (of, decaying))
    assert [p.train_loss for p in one.curve] == [p.train_loss for p in other.curve]
    assert one.final == other.final


@pytest.mark.parametrize("trainer", ["loop", "lanes"])
def test_progress_and_the_last_step_count_the_steps_that_are_taken(trainer: str) -> None:
    of = growing("step", 64, batch_size=4, steps=300)
    reports: list[tuple[float, float | None]] = []
    [record] = trained(group(of, [(0.05, 0)], trainer), reports)
    assert record.status is RunStatus.COMPLETED
    assert record.stopped_at == record.curve[-1].step == of.length(96)
    assert reports[-1][0] == 1.0
    assert record.curve[-1].samples_seen == 300 * 4


def test_under_batchnorm_no_batch_holds_one_sample() -> None:
    for samples in range(20, 60):
        for size in (2, 3, 5, 8):
            tail = "merge" if samples % size == 1 else "keep"
            of = growing("linear", batch_size=size, tail=tail, steps=70)
            order = order_of(of, samples)
            assert min(order.rows(s).shape[1] for s in range(of.length(samples))) > 1


def test_ghost_norm_takes_grown_batches_in_loop_and_lanes_alike() -> None:
    model = Ingredient("mlp", {"hidden": 8, "norm": "ghost", "ghost_size": 4})
    of = growing("step", 64, batch_size=7, steps=80, model=model, precision="float64")
    loop, lanes = (trained(group(of, [(0.05, 0), (0.02, 1)], t)) for t in ("loop", "lanes"))
    for one, other in zip(loop, lanes, strict=True):
        losses = [p.train_loss for p in other.curve]
        assert losses == pytest.approx([p.train_loss for p in one.curve], rel=1e-9)
