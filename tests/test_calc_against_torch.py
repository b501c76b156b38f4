"""The arithmetic against torch itself: sampler, loader and accumulation loop, item by item."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from bsx.arithmetic import Layout, last_batch, steps_per_epoch, walk_epoch

TAILS = st.sampled_from(["keep", "drop"])


class Numbers(Dataset[int]):
    """The integers below ``length``."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        return index


@dataclass(frozen=True)
class Seen:
    """What one device's training loop saw: the items of each update, and of each micro-batch."""

    updates: list[list[int]]
    micro_batches: list[list[int]]
    sampler_length: int


def train(samples: int, rank: int, micro: int, layout: Layout) -> Seen:
    """Walk one epoch on one device as a user would write it."""
    data = Numbers(samples)
    sampler = DistributedSampler(
        data,
        num_replicas=layout.world_size,
        rank=rank,
        shuffle=False,
        drop_last=layout.sampler == "drop",
    )
    loader = DataLoader(
        data, batch_size=micro, sampler=sampler, drop_last=layout.tail == "drop", collate_fn=list
    )
    micro_batches = list(loader)
    updates, window = [], []
    for number, batch in enumerate(micro_batches, start=1):
        window += batch
        if number % layout.accumulation == 0:
            updates.append(window)
            window = []
    if window and layout.last_window == "keep":
        updates.append(window)
    return Seen(updates, micro_batches, len(sampler))


@settings(deadline=None, max_examples=150)
@given(st.integers(1, 300), st.integers(1, 300), TAILS)
def test_one_device_yields_the_batches_of_a_data_loader(samples: int, size: int, tail: str) -> None:
    size = min(size, samples)
    loader = DataLoader(Numbers(samples), batch_size=size, drop_last=tail == "drop")
    batches = [len(batch) for batch in loader]
    epoch = walk_epoch(samples, size, Layout(tail=tail))
    assert len(loader) == len(batches) == steps_per_epoch(samples, size, tail) == epoch.steps
    assert batches[-1] == last_batch(samples, size, tail) == epoch.last_batch
    assert sum(batches) == epoch.samples_seen


@settings(deadline=None, max_examples=250)
@given(
    st.integers(1, 400),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 20),
    TAILS,
    st.sampled_from(["pad", "drop"]),
    TAILS,
)
def test_devices_and_accumulation_agree_with_the_sampler_and_the_loop(
    samples: int, world: int, accumulation: int, micro: int, tail: str, sampler: str, window: str
) -> None:
    size = world * accumulation * micro
    samples += size  # a batch is never larger than the data
    layout = Layout(world, accumulation, tail, sampler, window)
    epoch = walk_epoch(samples, size, layout)
    devices = [train(samples, rank, micro, layout) for rank in range(world)]

    assert {len(device.updates) for device in devices} == {epoch.steps}
    assert sum(len(device.updates[-1]) for device in devices) == epoch.last_batch
    assert {len(device.micro_batches) for device in devices} == {epoch.micro_batches}
    assert {len(device.micro_batches[-1]) for device in devices} == {epoch.last_micro_batch}
    seen = sum(len(update) for device in devices for update in device.updates)
    assert seen == epoch.samples_seen
    given_out = sum(device.sampler_length for device in devices)
    assert epoch.padded == max(0, given_out - samples)
    assert epoch.dropped == samples + epoch.padded - seen


@pytest.mark.parametrize("sampler", ["pad", "drop"])
def test_dropping_everywhere_or_nowhere_gives_the_textbook_count(sampler: str) -> None:
    for samples in range(24, 200):
        tail = "keep" if sampler == "pad" else "drop"
        epoch = walk_epoch(samples, 24, Layout(2, 3, tail, sampler, tail))
        assert epoch.steps == steps_per_epoch(samples, 24, tail)
