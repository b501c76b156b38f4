"""Observers hook into the plain loop for measurements on the way; the loop measures nothing.

An observer is called before the first step and after each evaluation. It may compute what it likes
with the model as long as it does so within :func:`undisturbed`: the run that is observed takes the
very steps, to the bit, that it would take alone.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

# Called with the model, the steps taken and the samples seen.
Observer = Callable[[nn.Module, int, int], None]


def unobserved(_model: nn.Module, _step: int, _samples_seen: int) -> None:
    """Observe nothing."""


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Put back, at the end, all that looking at a model in training changes.

    That is the random state of torch and of Python, buffers such as running statistics, and which
    modules are in training mode. Parameters and their ``.grad`` are not to be written to.
    """
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    cuda = {p.device for p in model.parameters() if p.device.type == "cuda"}
    state = random.getstate()
    with torch.random.fork_rng(devices=sorted(device.index or 0 for device in cuda)):
        try:
            yield
        finally:
            random.setstate(state)
            for module, training in modes:
                module.training = training
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)


def log_spaced(evaluated: Sequence[int], points: int) -> tuple[int, ...]:
    """Return step 0 and up to ``points`` − 1 of the steps evaluated, evenly spaced in their log.

    The first and the last step evaluated are among them. ``points`` is at least 3.
    """
    last = evaluated[-1]
    wanted = [last ** (n / (points - 2)) for n in range(points - 1)]
    return (0, *dict.fromkeys(_nearest(evaluated, step) for step in wanted))


def thirds(evaluated: Sequence[int]) -> tuple[int, ...]:
    """Return step 0, the step evaluated that is nearest to the middle, and the last."""
    last = evaluated[-1]
    after = bisect_left(evaluated, last / 2)
    near = evaluated[max(0, after - 1) : after + 1]
    middle = min(near, key=lambda step: abs(step - last / 2))
    return (0, *dict.fromkeys((middle, last)))


def _nearest(evaluated: Sequence[int], step: float) -> int:
    """Return the step evaluated whose ratio to ``step`` is nearest to 1."""
    after = bisect_left(evaluated, step)
    near = evaluated[max(0, after - 1) : after + 1]
    return min(near, key=lambda other: abs(math.log(other / step)))
