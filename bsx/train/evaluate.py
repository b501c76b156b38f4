"""When to evaluate, and evaluation that covers every sample once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bsx.data import Samples
from bsx.tasks import Task

# Predictions at once; of its own: it never follows the batch size of training.
EVALUATION_BATCH = 2048


def evaluation_steps(total: int, spacing: float) -> tuple[int, ...]:
    """Return the steps after which to evaluate: at most a factor ``spacing`` apart, and the last.

    The grid is the same whatever the batch size and the budget, so that no run has more chances
    to cross a target than another.
    """
    steps = []
    step = 1
    while step < total:
        steps.append(step)
        step = max(step + 1, int(step * spacing))
    return (*steps, total)


@torch.no_grad()
def evaluate(
    forward: Callable[[Tensor], Tensor], samples: Samples, task: Task
) -> dict[str, Tensor]:
    """Return ``loss`` and every metric of the task over all ``samples``.

    ``forward`` maps (batch, *input_shape) to (…, batch, *outputs); each value has the shape (…).
    Of each chunk only what the metrics need is kept: the outputs of a language model are many
    times its data.
    """
    inputs, targets = samples.inputs, samples.targets
    size = max(1, EVALUATION_BATCH // task.predictions(tuple(targets.shape[1:])))
    seen = [
        task.observe(forward(inputs[start : start + size]), targets[start : start + size])
        for start in range(0, len(targets), size)
    ]
    return task.summarize(seen, targets)
