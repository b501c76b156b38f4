"""Metrics: which of them are measured, and the arithmetic of those that are no plain mean.

Everything works on any leading axes at once and answers in float64.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bsx.errors import ConfigError
from bsx.schema import metric_of, no_such_metric
from bsx.tasks.base import MetricSpec


def chosen(
    task: str,
    usual: tuple[MetricSpec, ...],
    asked: str | None,
    on_request: Mapping[str, MetricSpec] | None = None,
) -> tuple[MetricSpec, ...]:
    """Return the metrics to measure: those asked for first, then the task's usual ones.

    ``asked`` may name several, divided by commas. Those ``on_request`` take long to compute, or
    few people want them: they are measured only where they are named.

    Raises:
        ConfigError: for a metric that the task does not have.
    """
    known = {spec[0]: spec for spec in usual} | dict(on_request or {})
    first = []
    for name in (part.strip() for part in (asked or "").split(",") if part.strip()):
        if name not in known:
            raise ConfigError(f"--metric {name}: {no_such_metric(name, task)}")
        if known[name] not in first:
            first.append(known[name])
    return (*first, *(spec for spec in usual if spec not in first))


def spec(task: str, name: str) -> MetricSpec:
    """Return what a task's metric is: its name, and which way it is better.

    Raises:
        KeyError: for one that the list of metrics does not know.
    """
    found = metric_of(task, name)
    if found is None:
        raise KeyError(name)
    return found.name, found.higher_is_better, found.bounded


def specs(task: str, *names: str) -> tuple[MetricSpec, ...]:
    """Return what these metrics of a task are."""
    return tuple(spec(task, name) for name in names)


def mean(rows: Tensor) -> Tensor:
    """Average over the samples: (…, n, 1) → (…)."""
    return rows.squeeze(-1).double().mean(dim=-1)


def column(values: Tensor) -> Tensor:
    """Give the values of samples the shape of notes: (…, n) → (…, n, 1)."""
    return values.unsqueeze(-1)


def likeliest(outputs: Tensor) -> Tensor:
    """Return the first of the likeliest classes, as ``argmax`` does: (…, n, classes) → (…, n).

    Where the classes of a sample do not lie side by side, torch's own takes five times as long.
    """
    classes = outputs.shape[-1]
    if outputs.stride(-1) == 1:
        return outputs.argmax(dim=-1)
    numbers = torch.arange(classes, dtype=torch.int32, device=outputs.device)
    at_most = outputs == outputs.amax(dim=-1, keepdim=True)  # nowhere, if one is no number
    return torch.where(at_most, numbers, classes - 1).amin(dim=-1).long()


def in_top(outputs: Tensor, targets: Tensor, k: int) -> Tensor:
    """Say whether the right class is among the k likeliest: (…, n, classes), (…, n) → (…, n).

    Of classes that are equally likely the first counts as likelier, as for ``argmax``: a model
    that cannot tell any two apart must not be right about all. Where outputs are no numbers,
    nothing is right.
    """
    own = outputs.gather(-1, targets.unsqueeze(-1))
    likelier = (outputs > own).sum(dim=-1, dtype=torch.int32)
    alike = (outputs == own).sum(dim=-1, dtype=torch.int32)  # itself among them
    inside = (likelier < k) & (alike > 0)
    ties = inside & (likelier + alike > k)  # few, looked at one by one
    inside[ties] = _before(outputs[ties], targets[ties]) < k
    return inside


def _before(outputs: Tensor, targets: Tensor) -> Tensor:
    """Count the classes likelier than the right one: (m, classes), (m,) → (m,)."""
    right = targets.unsqueeze(-1)
    own = outputs.gather(-1, right)
    numbers = torch.arange(outputs.shape[-1], device=outputs.device)
    return ((outputs > own) | ((outputs == own) & (numbers < right))).sum(dim=-1)


def counts(labels: Tensor, classes: int, where: Tensor | None = None) -> Tensor:
    """Count each class: (…, n) → (…, 1, classes), a row of notes; ``where`` picks samples."""
    of = torch.ones_like(labels) if where is None else where.to(labels.dtype)
    found = torch.zeros(*labels.shape[:-1], classes, dtype=labels.dtype, device=labels.device)
    return found.scatter_add_(-1, labels, of).unsqueeze(-2)


def balanced_accuracy(hits: Tensor, present: Tensor) -> Tensor:
    """Average the recall of the classes that there are: (…, classes), (classes,) → (…)."""
    there = present > 0
    return (hits[..., there].double() / present[there]).mean(dim=-1)


def macro_f1(hits: Tensor, predicted: Tensor, present: Tensor) -> Tensor:
    """Average F1 over the classes that are present or predicted: (…, classes) → (…).

    A class that is neither says nothing, and does not count.
    """
    sizes = predicted + present
    f1 = torch.where(sizes > 0, 2 * hits.double() / sizes.clamp(min=1), 0.0)
    return f1.sum(dim=-1) / (sizes > 0).sum(dim=-1).clamp(min=1)


def macro_auroc(scores: Tensor, positive: Tensor) -> Tensor:
    """Average the area under the ROC curve over columns: (…, n, columns), (n, columns) → (…).

    The area is the chance that a positive sample scores above a negative one, ties counting half
    (Mann & Whitney 1947). Columns whose samples are all positive or all negative do not count;
    one at least must have both.
    """
    areas = [
        _auroc(scores[..., number], positive[:, number])
        for number in range(scores.shape[-1])
        if both_sides(positive[:, number])
    ]
    return torch.stack(areas, dim=-1).mean(dim=-1)


def _auroc(scores: Tensor, positive: Tensor) -> Tensor:
    """Return the area of one column: (…, n), (n,) → (…)."""
    groups = scores[..., positive].contiguous(), scores[..., ~positive].contiguous()
    fewer, more = sorted(groups, key=lambda group: group.shape[-1])
    ordered = fewer.sort(dim=-1).values
    # Twice the number of pairs in which the one of ``more`` is the higher, ties counting once.
    above = torch.searchsorted(ordered, more).sum(dim=-1)
    above += torch.searchsorted(ordered, more, right=True).sum(dim=-1)
    area = above.double() / (2 * fewer.shape[-1] * more.shape[-1])
    return area if more is groups[0] else 1 - area


def both_sides(positive: Tensor) -> bool:
    """Say whether there are positive samples and negative ones."""
    return bool(positive.any()) and not bool(positive.all())
