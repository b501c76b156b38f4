"""What must hold of every dataset before it is divided, and after."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bsx.data.content import Content
from bsx.data.dataset import Dataset
from bsx.errors import DataError

_TARGET_SHAPES = {"classification": (1,), "multi-label": (2,), "regression": (1, 2)}


def check(dataset: Dataset, name: str) -> None:
    """Refuse data that cannot be trained on, by all but the numbers of the inputs.

    Raises:
        DataError: with the reason and, where there is one, the sample.
    """
    inputs, targets = dataset.inputs, dataset.targets
    if not inputs.shape or targets.dim() == 0:
        raise DataError(f"--dataset {name}: there is a single number; give a row for each sample")
    if len(inputs) != len(targets):
        raise DataError(
            f"--dataset {name}: {len(inputs)} inputs but {len(targets)} targets; they must pair"
        )
    if len(inputs) < 3:
        raise DataError(
            f"--dataset {name} has {len(inputs)} samples; three parts need at least one each"
        )
    if len(inputs.shape) < 2 or 0 in inputs.shape:
        raise DataError(
            f"--dataset {name}: inputs have shape {tuple(inputs.shape)}; "
            "give (samples, features) or (samples, channels, height, width)"
        )
    _check_targets(dataset, name)
    _check_naive(dataset, name)
    _check_parts(dataset.parts or {}, len(targets), name)


def check_finite(content: Content, name: str) -> None:
    """Refuse inputs that are not finite, by the first sample that has one."""
    if content.broken is not None:
        raise DataError(
            f"--dataset {name}: the inputs of sample {content.broken} are not finite; remove or "
            "fill them"
        )


def _check_targets(dataset: Dataset, name: str) -> None:
    targets, task = dataset.targets, dataset.task
    shapes = _TARGET_SHAPES.get(task)
    if shapes and targets.dim() not in shapes:
        raise DataError(
            f"--dataset {name}: targets of a {task} have shape {tuple(targets.shape)}; "
            + ("one a sample is needed" if task == "classification" else "give (samples, targets)")
        )
    if targets.is_floating_point():
        finite = torch.isfinite(targets).reshape(len(targets), -1).all(dim=1)
        if not bool(finite.all()):
            row = int((~finite).nonzero()[0])
            raise DataError(f"--dataset {name}: the target of sample {row} is not finite")
    if task == "classification":
        _check_labels(dataset, name)
    elif task == "regression" and bool((targets == targets[:1]).all()):
        raise DataError(f"--dataset {name}: all targets are equal; nothing can be learned")


def _check_naive(dataset: Dataset, name: str) -> None:
    if dataset.naive is None:
        return
    rule, predicted = dataset.naive
    if dataset.task != "regression":
        raise DataError(f"--dataset {name}: only a regression takes a naive prediction ({rule})")
    if predicted.shape != dataset.targets.shape:
        raise DataError(
            f"--dataset {name}: what is predicted by the {rule} has shape "
            f"{tuple(predicted.shape)}, the targets {tuple(dataset.targets.shape)}"
        )
    if not bool(torch.isfinite(predicted).all()):
        raise DataError(f"--dataset {name}: what is predicted by the {rule} is not all finite")


def _check_labels(dataset: Dataset, name: str) -> None:
    targets, classes = dataset.targets, dataset.classes
    if classes is not None:
        _check_range(targets, classes, name)
    if bool((targets == targets[0]).all()):
        raise DataError(f"--dataset {name}: all samples are of one class; nothing can be learned")


def _check_range(targets: Tensor, classes: int, name: str) -> None:
    outside = (targets < 0) | (targets >= classes)
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        raise DataError(
            f"--dataset {name}: label {int(targets[row])} of sample {row} is out of range; "
            f"there are {classes} classes, numbered from 0"
        )


def _check_parts(parts: Mapping[str, Tensor], total: int, name: str) -> None:
    unknown = set(parts) - {"train", "validation", "test"}
    if unknown or (parts and "train" not in parts):
        raise DataError(
            f"--dataset {name}: parts are {', '.join(sorted(parts))}; "
            "they must be train and, where there are, validation and test"
        )
    seen = torch.zeros(total, dtype=torch.bool)
    for part, rows in parts.items():
        if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= total):
            raise DataError(f"--dataset {name}: the {part} part names samples that do not exist")
        if bool(seen[rows].any()) or len(torch.unique(rows)) < len(rows):
            raise DataError(f"--dataset {name}: a sample of the {part} part is there twice")
        seen[rows] = True
