"""Batches that are not mixed: sequential, by class, and dominated by one class."""

from __future__ import annotations

import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bsx.errors import ConfigError
from bsx.schema import Sampling
from bsx.train.batches import SampleOrder

LABELS = torch.arange(600) * 7 % 5  # five classes, 120 samples of each


def ordered(
    size: int, seed: int = 0, labels: torch.Tensor = LABELS, tail: str = "keep", **asked: object
) -> SampleOrder:
    """Return the order of a sampling."""
    sampling = Sampling(**asked)  # type: ignore[arg-type]
    return SampleOrder(len(labels), size, tail, [seed], sampling=sampling, labels=labels)


def epoch_of(order: SampleOrder, epoch: int = 0) -> list[torch.Tensor]:
    """Return the batches of an epoch."""
    first = epoch * order.steps_per_epoch
    return [order.rows(first + step)[0] for step in range(order.steps_per_epoch)]


def domination(batches: list[torch.Tensor]) -> float:
    """Return the share of its most frequent class in the median batch."""
    return statistics.median(
        float(torch.bincount(LABELS[batch]).max()) / len(batch) for batch in batches
    )


def test_sequential_takes_the_data_as_they_lie_in_every_epoch() -> None:
    for epoch in (0, 3):
        rows = torch.cat(epoch_of(ordered(32, order="sequential"), epoch))
        assert rows.tolist() == list(range(600))


def test_by_class_takes_one_class_after_another_each_shuffled() -> None:
    order = ordered(32, order="by-class")
    first, second = (torch.cat(epoch_of(order, epoch)) for epoch in (0, 1))
    assert LABELS[first].tolist() == sorted(LABELS.tolist())
    assert not torch.equal(first, second)
    assert first[:120].tolist() != sorted(first[:120].tolist())


@given(
    st.integers(1, 80),
    st.integers(1, 6),
    st.floats(0, 1),
    st.sampled_from(["keep", "merge"]),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_with_any_skew_every_sample_comes_once_an_epoch(
    samples: int, classes: int, skew: float, tail: str, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, samples))
    labels = torch.tensor(
        data.draw(st.lists(st.integers(0, classes), min_size=samples, max_size=samples))
    )
    rows = torch.cat(epoch_of(ordered(size, labels=labels, tail=tail, class_skew=skew)))
    assert sorted(rows.tolist()) == list(range(samples))


def test_without_skew_the_order_is_the_shuffled_one() -> None:
    plain = SampleOrder(600, 32, "keep", [3])
    assert torch.equal(ordered(32, seed=3, class_skew=0.0).rows(5), plain.rows(5))


@pytest.mark.parametrize("size", [8, 20, 50])
def test_the_skew_is_the_share_of_a_batch_that_comes_from_one_class(size: int) -> None:
    found = [domination(epoch_of(ordered(size, class_skew=s))) for s in (0, 0.3, 0.6, 0.9, 1)]
    assert found == sorted(found)
    for skew, share in zip((0.6, 0.9), found[2:4], strict=True):
        assert share == pytest.approx(skew + (1 - skew) / 5, abs=max(0.07, 1 / size))


def test_at_full_skew_every_batch_is_of_one_class_where_the_classes_allow_it() -> None:
    batches = epoch_of(ordered(24, class_skew=1.0))  # 120 samples make 5 batches of each class
    assert all(len(set(LABELS[batch].tolist())) == 1 for batch in batches)
    classes = [int(LABELS[batch[0]]) for batch in batches]
    assert classes != sorted(classes)  # the classes themselves come as they are drawn


def test_a_class_too_small_for_a_batch_comes_with_the_others_at_the_end() -> None:
    labels = torch.cat([torch.zeros(100), torch.ones(7)]).long()
    batches = epoch_of(ordered(20, labels=labels, class_skew=1.0))
    assert [int(labels[batch].sum()) for batch in batches] == [0, 0, 0, 0, 0, 7]


def test_a_seed_and_an_epoch_have_one_order_and_others_another() -> None:
    rows = [
        torch.cat(epoch_of(ordered(20, seed=seed, class_skew=0.5), epoch)).tolist()
        for seed, epoch in ((0, 0), (0, 0), (1, 0), (0, 1))
    ]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]
    assert rows[0] != rows[3]


def test_within_a_class_and_a_seed_the_samples_set_aside_are_the_same_at_every_size() -> None:
    """The share of a class that dominates batches is the first of its shuffled samples."""
    shuffled = SampleOrder(600, 600, "keep", [0]).rows(0)[0]
    for size in (10, 20, 40):
        batches = epoch_of(ordered(size, class_skew=0.5))
        for label in range(5):
            of_class = shuffled[LABELS[shuffled] == label].tolist()
            aside = {
                row
                for batch in batches
                for row in batch[: size // 2].tolist()
                if LABELS[row] == label and set(LABELS[batch[: size // 2]].tolist()) == {label}
            }
            assert aside >= set(of_class[: 60 // (size // 2) * (size // 2)])


def test_a_batch_of_one_has_no_dominating_class_to_choose() -> None:
    rows = torch.cat(epoch_of(ordered(1, class_skew=0.4)))
    assert torch.equal(rows, SampleOrder(600, 600, "keep", [0]).rows(0)[0])


@pytest.mark.parametrize(
    ("asked", "labels", "said"),
    [
        ({"order": "by-class"}, None, "--order by-class: these data have no classes"),
        ({"class_skew": 0.5}, torch.rand(10), "--class-skew 0.5: these data have no classes"),
        ({"class_skew": 0.5, "order": "by-class"}, torch.zeros(10).long(), "not by-class"),
    ],
)
def test_orders_that_the_data_have_no_classes_for_are_refused(
    asked: dict[str, object], labels: torch.Tensor | None, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        SampleOrder(10, 2, "keep", [0], sampling=Sampling(**asked), labels=labels)  # type: ignore[arg-type]
    assert said in str(refused.value)
