"""What the machine allows: its matrix product, its memory traffic, and what follows for a step."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

SIDE = 2048
# Of each weight a step reads it twice (forward, update), writes it once, and reads and writes the
# momentum: five times four bytes, however the step is written.
PASSES = 5
BYTES = 4


def matrix_peak(dtype: torch.dtype) -> float:
    """Return the operations per second of a large matrix product on all threads."""
    a, b = (torch.randn(SIDE, SIDE, dtype=dtype) for _ in range(2))
    return 2 * SIDE**3 / _seconds(lambda: a @ b)


def bandwidth(numbers: int) -> float:
    """Return the bytes per second of an update over so many weights and gradients."""
    weights, gradients = torch.ones(numbers), torch.ones(numbers)
    return 3 * BYTES * numbers / _seconds(lambda: weights.add_(gradients))


def operations(model: nn.Module, inputs: Tensor, loss: Callable[[Tensor], Tensor]) -> float:
    """Return the operations of one forward and backward pass for each sample."""
    with FlopCounterMode(display=False) as counter:
        loss(model(inputs)).backward()
    return counter.get_total_flops() / len(inputs)


def most_samples(
    model: nn.Module, per_sample: float, batch_size: int, peak: float, traffic: float
) -> float:
    """Return the samples per second that neither products nor memory traffic would allow more of.

    Args:
        per_sample: operations of a sample.
        peak: operations per second.
        traffic: bytes per second.
    """
    weights = sum(p.numel() for p in model.parameters())
    step = max(per_sample * batch_size / peak, PASSES * BYTES * weights / traffic)
    return batch_size / step


def _seconds(work: Callable[[], object]) -> float:
    """Return the median seconds of ``work``, warmed up."""
    for _ in range(3):
        work()
    drawn = []
    for _ in range(9):
        began = time.perf_counter()
        work()
        drawn.append(time.perf_counter() - began)
    return statistics.median(drawn)
