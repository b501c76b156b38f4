"""Evaluation that covers every sample once."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from bsx.data import Part
from bsx.tasks import Task

# Predictions at once; of its own: it never follows the batch size of training.
EVALUATION_BATCH = 2048
# Of inputs at once. What layers make of them is many times that, and on a CPU is to stay in its
# caches: convolutions evaluate a thousand images half as fast as a hundred.
_NUMBERS_ON_CPU, _NUMBERS_ELSEWHERE = 2**17, 2**24


@torch.no_grad()
def evaluate(forward: Callable[[Tensor], Tensor], samples: Part, task: Task) -> dict[str, Tensor]:
    """Return ``loss`` and every metric of the task over all ``samples``.

    ``forward`` maps (batch, *input_shape) to (…, batch, *outputs); each value has the shape (…).
    Of each chunk only what the metrics need is kept: the outputs of a language model are many
    times its data.
    """
    predictions = task.predictions(tuple(samples.targets.shape[1:]))
    on_cpu = samples.targets.device.type == "cpu"
    numbers = _NUMBERS_ON_CPU if on_cpu else _NUMBERS_ELSEWHERE
    most = numbers // max(1, math.prod(samples.input_shape))
    size = max(1, min(EVALUATION_BATCH // predictions, most))
    seen = [task.observe(forward(inputs), targets) for inputs, targets in samples.chunks(size)]
    return task.summarize(seen, samples.targets)
