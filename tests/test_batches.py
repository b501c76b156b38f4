"""Which samples make up each batch."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bsx.train.batches import SampleOrder
from tests.oracles import batches_by_hand

TAILS = st.sampled_from(["keep", "drop", "merge"])


def epoch_of(order: SampleOrder, epoch: int = 0, lane: int = 0) -> list[list[int]]:
    """Return the batches of one epoch."""
    first = epoch * order.steps_per_epoch
    return [order.rows(first + i)[lane].tolist() for i in range(order.steps_per_epoch)]


@given(st.integers(1, 60), st.data())
def test_every_sample_comes_once_an_epoch(samples: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, samples))
    order = SampleOrder(samples, size, data.draw(st.sampled_from(["keep", "merge"])), [0])
    for epoch in (0, 1):
        rows = [row for batch in epoch_of(order, epoch) for row in batch]
        assert sorted(rows) == list(range(samples))


@given(st.integers(1, 60), TAILS, st.data())
def test_batches_are_cut_as_by_hand(samples: int, tail: str, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, samples))
    whole = epoch_of(SampleOrder(samples, samples, "keep", [5]))[0]
    assert epoch_of(SampleOrder(samples, size, tail, [5])) == batches_by_hand(whole, size, tail)


@given(st.integers(1, 60), TAILS, st.integers(0, 40), st.data())
def test_samples_seen_counts_what_the_batches_hold(
    samples: int, tail: str, steps: int, data: st.DataObject
) -> None:
    order = SampleOrder(samples, data.draw(st.integers(1, samples)), tail, [0])
    assert order.samples_seen(steps) == sum(order.rows(step).shape[1] for step in range(steps))


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_the_order_of_a_seed_is_the_same_at_every_batch_size(epoch: int) -> None:
    orders = [
        list(itertools.chain(*epoch_of(SampleOrder(50, size, "keep", [3]), epoch)))
        for size in (1, 7, 16, 50)
    ]
    assert all(order == orders[0] for order in orders)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    order = SampleOrder(50, 50, "keep", [0, 1])
    found = {tuple(order.rows(epoch)[lane].tolist()) for epoch in range(3) for lane in range(2)}
    assert len(found) == 6


def test_the_rows_of_a_lane_are_those_of_its_seed_alone() -> None:
    together = SampleOrder(50, 8, "keep", [4, 9])
    for lane, seed in enumerate((4, 9)):
        alone = SampleOrder(50, 8, "keep", [seed])
        for step in (0, 6, 7, 20):
            assert torch.equal(together.rows(step)[lane], alone.rows(step)[0])


def test_steps_may_be_asked_for_in_any_order() -> None:
    order = SampleOrder(20, 6, "keep", [0])
    forwards = [order.rows(step)[0].tolist() for step in range(12)]
    assert [order.rows(step)[0].tolist() for step in reversed(range(12))] == forwards[::-1]


def test_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    SampleOrder(20, 6, "keep", [1]).rows(0)
    assert torch.equal(torch.rand(1), expected)
