"""The prediction that a model must beat: one that looks at the targets of training alone.

It is scored by the task's own losses and metrics, from the outputs that a model would give for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from bsx.schema import Baseline, Objective
from bsx.tasks.base import Task
from bsx.tasks.build import build_task

# A rule that the data know: its name, and its outputs for each part.
Rule = tuple[str, Mapping[str, Tensor]]

CHUNK = 16_384  # predictions scored at once
# Counts of what never occurs in training: half a sample, lest its loss be infinite.
_UNSEEN = 0.5


def score_baseline(
    kind: str,
    objective: Objective,
    train: Tensor,
    targets: Mapping[str, Tensor],
    output_size: int,
    rule: Rule | None = None,
) -> Baseline:
    """Score the trivial prediction of a task.

    Args:
        kind: the name of the task.
        objective: the loss and the metrics that were asked for.
        train: the targets of the training part, (samples, *target).
        targets: those of ``validation`` and ``test``.
        output_size: how many numbers a model gives for a sample (and position).
        rule: what to score instead; its outputs are aligned with ``targets``.
    """
    task = build_task(kind, objective, output_size)
    if rule is None:
        name, constant = _RULES[kind]
        output = constant(train, output_size, objective)
        rule = name, {part: _repeated(output, of, kind) for part, of in targets.items()}
    name, outputs = rule
    scores = {part: _scores(task, outputs[part], of) for part, of in targets.items()}
    return Baseline(name, scores["validation"], scores["test"])


def _repeated(output: Tensor, targets: Tensor, kind: str) -> Tensor:
    """Give every sample (and position of a text) the same output, without copying it."""
    places = targets.shape if kind == "language-modelling" else targets.shape[:1]
    return output.expand(*places, *output.shape)


def _scores(task: Task, outputs: Tensor, targets: Tensor) -> dict[str, float | None]:
    """Return ``loss`` and every metric of the task, None for one that means nothing."""
    size = max(1, CHUNK // task.predictions(tuple(targets.shape[1:])))
    seen = [
        task.observe(outputs[start : start + size], targets[start : start + size])
        for start in range(0, len(targets), size)
    ]
    found = {name: float(value) for name, value in task.summarize(seen, targets).items()}
    known = {name: value for name, value in found.items() if math.isfinite(value)}
    return {name: known.get(name) for name in ("loss", *(name for name, _, _ in task.metrics))}


def _of_classes(train: Tensor, classes: int, objective: Objective) -> Tensor:
    """Return the outputs that the loss takes for the classes' frequencies, shape (classes,)."""
    counts = torch.bincount(train.reshape(-1), minlength=classes).double().clamp(min=_UNSEEN)
    frequencies = counts / counts.sum()
    if objective.loss == "mse":
        return frequencies
    return frequencies.logit() if objective.loss == "binary" else frequencies.log()


def _of_labels(train: Tensor, _labels: int, _objective: Objective) -> Tensor:
    """Return the log odds of each label, shape (labels,)."""
    samples = len(train)
    counts = train.double().sum(dim=0).clamp(_UNSEEN, samples - _UNSEEN)
    return (counts / samples).logit()


def _mean(train: Tensor, _size: int, _objective: Objective) -> Tensor:
    """Return the mean of each number of the targets, shape (*target)."""
    return train.double().mean(dim=0)


_RULES: Mapping[str, tuple[str, Callable[[Tensor, int, Objective], Tensor]]] = {
    "classification": ("most frequent class", _of_classes),
    "multi-label": ("label frequencies", _of_labels),
    "language-modelling": ("character frequencies", _of_classes),
    "regression": ("mean of the training targets", _mean),
}
