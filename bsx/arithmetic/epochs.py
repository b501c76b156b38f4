"""One epoch, walked the way torch walks it: sampler → loader → accumulation → update.

N samples go to W devices (each gets the same number: the sampler pads or drops), each device's
loader cuts its share into micro-batches (the tail is kept or dropped), and A micro-batches make
one update (the last window of an epoch may be incomplete: kept or dropped).

``batch_size`` is always the global one: micro-batch × accumulation × devices.
"""

from __future__ import annotations

from dataclasses import dataclass

TAILS = ("keep", "drop", "merge")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one update's samples are spread, and what happens to what does not come out even.

    ``tail``: the loader's last, smaller batch: keep, drop, or merge into the one before.
    ``sampler``: pad repeats samples until every device has as many, drop leaves some out.
    ``last_window``: an accumulation window that the epoch's end cut short: keep steps on it.
    """

    world_size: int = 1
    accumulation: int = 1
    tail: str = "keep"
    sampler: str = "pad"
    last_window: str = "keep"


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch comes to; counts are over all devices unless they say otherwise.

    ``samples_seen`` = samples + ``padded`` − ``dropped``. The micro-batches are one device's, as
    its loader yields them, those of a dropped window included.
    """

    steps: int
    last_batch: int
    samples_seen: int
    dropped: int
    padded: int
    micro_batch_size: int
    micro_batches: int
    last_micro_batch: int
    last_window: int  # micro-batches in the last update


def steps_per_epoch(samples: int, batch_size: int, tail: str = "keep") -> int:
    """Return the updates in one epoch: ⌈N/B⌉, ⌊N/B⌋ with the tail dropped.

    With the tail merged into the batch before it: ⌊N/B⌋, and at least 1.
    """
    if tail == "keep":
        return -(-samples // batch_size)
    if tail == "drop":
        return samples // batch_size
    if tail == "merge":
        return max(1, samples // batch_size)
    raise ValueError(f"tail must be one of {', '.join(TAILS)}, not {tail!r}")


def last_batch(samples: int, batch_size: int, tail: str = "keep") -> int:
    """Return the size of an epoch's last batch; 0 where every sample is dropped."""
    steps = steps_per_epoch(samples, batch_size, tail)
    if tail == "drop":
        return batch_size if steps else 0
    return samples - (steps - 1) * batch_size


def walk_epoch(samples: int, batch_size: int, layout: Layout | None = None) -> Epoch:
    """Count one epoch of ``samples`` in updates of ``batch_size``.

    Raises:
        ValueError: where the batch does not split evenly over devices and accumulation, or a
            merged tail is asked for with either (no loader does that).

    References:
        torch.utils.data.DistributedSampler (padding, ``drop_last``), torch.utils.data.DataLoader.
    """
    layout = layout or Layout()
    if layout.tail == "merge":
        return _walk_merged(samples, batch_size, layout)
    parts = layout.world_size * layout.accumulation
    micro, uneven = divmod(batch_size, parts)
    if uneven or not micro:
        raise ValueError(f"a batch of {batch_size} does not split evenly into {parts}")

    share = samples // layout.world_size  # samples of one device
    if layout.sampler == "pad":
        share = -(-samples // layout.world_size)
    padded = max(0, share * layout.world_size - samples)

    micro_batches, rest = divmod(share, micro)
    last_micro = micro
    if rest and layout.tail == "keep":
        micro_batches += 1
        last_micro = rest
    used = micro_batches * micro - (micro - last_micro)

    steps, cut_short = divmod(micro_batches, layout.accumulation)
    last_window = layout.accumulation
    if cut_short and layout.last_window == "keep":
        steps += 1
        last_window = cut_short
    elif cut_short:
        used = steps * layout.accumulation * micro
    in_last = used - (steps - 1) * layout.accumulation * micro
    seen = used * layout.world_size
    return Epoch(
        steps=steps,
        last_batch=in_last * layout.world_size if steps else 0,
        samples_seen=seen,
        dropped=samples + padded - seen,
        padded=padded,
        micro_batch_size=micro,
        micro_batches=micro_batches,
        last_micro_batch=last_micro if micro_batches else 0,
        last_window=last_window if steps else 0,
    )


def _walk_merged(samples: int, batch_size: int, layout: Layout) -> Epoch:
    if layout.world_size != 1 or layout.accumulation != 1:
        raise ValueError("a merged tail is defined for one device without accumulation")
    steps = steps_per_epoch(samples, batch_size, "merge")
    tail = last_batch(samples, batch_size, "merge")
    return Epoch(
        steps=steps,
        last_batch=tail,
        samples_seen=samples,
        dropped=0,
        padded=0,
        micro_batch_size=batch_size,
        micro_batches=steps,
        last_micro_batch=tail,
        last_window=1,
    )
