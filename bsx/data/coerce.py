"""What a reader or a user's own code gave, as a :class:`Dataset`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from bsx import registry
from bsx.data.dataset import Dataset
from bsx.data.items import all_items, all_that_come
from bsx.data.room import Room
from bsx.data.rows import Joined, Rows, Table, is_mapped
from bsx.errors import ConfigError, DataError

TASKS = ("classification", "multi-label", "regression")
_PARTS = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}
_ALL = Room(math.inf)


def coerced(made: Any, name: str, room: Room = _ALL) -> Dataset:
    """Turn what a reader or a user's function gave into a Dataset.

    Arrays stay where they are, those mapped from files too; a torch Dataset and an iterable are
    collected in memory as far as there is ``room``.
    """
    if isinstance(made, Dataset):
        return made
    if isinstance(made, Mapping):
        return from_mapping(made, name)
    if isinstance(made, tuple | list) and len(made) == 2:
        return Dataset(_inputs(made[0], name, "inputs"), labels(made[1], name))
    if isinstance(made, tuple | list) and len(made) == 4:
        keys = ("x_train", "y_train", "x_test", "y_test")
        return from_mapping(dict(zip(keys, made, strict=True)), name)
    if _is_frame(made):
        raise DataError(
            f"--dataset {name} gave a data frame; give a pair (inputs, targets) of its columns, or "
            "its file as csv:FILE or parquet:FILE with the column of the targets"
        )
    if isinstance(made, IterableDataset) or (
        isinstance(made, Iterable) and not hasattr(made, "__getitem__")
    ):
        inputs, targets = all_that_come(made, name, room)
        return Dataset(inputs, labels(targets, name))
    if is_map_style(made):
        inputs, targets = all_items(made, name, room)
        return Dataset(inputs, labels(targets, name))
    raise DataError(
        f"--dataset {name} gave {type(made).__name__}; give a pair (inputs, targets) of arrays or "
        "tensors, four of them (with those for the test), a dict of x_train, y_train, x_test, "
        "y_test, a torch Dataset of (input, target) pairs, or a bsx.data.Dataset"
    )


def _is_frame(made: Any) -> bool:
    """Say whether it is a table whose columns have names, of pandas or its like."""
    return hasattr(made, "columns") and hasattr(made, "shape")


def is_map_style(made: Any) -> bool:
    """Say whether samples are asked for by their numbers, as of a torch Dataset."""
    arrays = isinstance(made, tuple | list) and len(made) in (2, 4)
    if arrays or _is_frame(made) or isinstance(made, Dataset | Mapping | IterableDataset):
        return False
    return hasattr(made, "__getitem__") and hasattr(made, "__len__")


def from_mapping(values: Mapping[str, Any], name: str, *, task: str = "classification") -> Dataset:
    """Return the dataset of arrays by name: ``x``, ``y``, or ``x_train``, ``y_train``, ``x_test`` …

    ``values`` may hold ``task`` too; ``auto`` judges by the targets.
    """
    task = str(values.get("task", task))
    if "x" in values and "y" in values:
        inputs = _inputs(values["x"], name, "inputs")
        targets, task = targets_of(values["y"], name, task)
        return Dataset(inputs, targets, task=task)
    pairs = {
        part: (values[f"x_{alias}"], values[f"y_{alias}"])
        for part, aliases in _PARTS.items()
        for alias in aliases
        if f"x_{alias}" in values and f"y_{alias}" in values
    }
    if "train" not in pairs:
        found = ", ".join(map(str, values)) or "nothing"
        raise DataError(
            f"--dataset {name}: there is no x and y, nor x_train and y_train, but {found}"
        )
    return _joined(pairs, name, task)


def _joined(pairs: Mapping[str, tuple[Any, Any]], name: str, task: str) -> Dataset:
    """Put official parts into one dataset that remembers them."""
    inputs: list[Tensor | Rows] = []
    targets, parts, start = [], {}, 0
    for part, (x, y) in pairs.items():
        found = _inputs(x, name, f"{part} inputs")
        array = _array(y)
        if not found.shape or array.ndim == 0 or len(found) != len(array):
            raise DataError(
                f"--dataset {name}: the {part} part has inputs of shape {tuple(found.shape)} but "
                f"targets of shape {array.shape}; they must pair"
            )
        inputs.append(found)
        targets.append(array)
        parts[part] = torch.arange(start, start + len(array))
        start += len(array)
    kinds: tuple[tuple[str, Sequence[Any]], ...] = (("inputs", inputs), ("targets", targets))
    for what, each in kinds:
        if len({tuple(one.shape[1:]) for one in each}) > 1:
            shapes = ", ".join(str(tuple(one.shape)) for one in each)
            raise DataError(f"--dataset {name}: {what} of the parts differ in shape: {shapes}")
    together, task = targets_of(np.concatenate(targets), name, task)
    return Dataset(joined(inputs), together, task=task, parts=parts)


def targets_of(values: Any, name: str, task: str) -> tuple[Tensor, str]:
    """Return targets as the task wants them, and the task; ``auto`` judges by the values.

    Of numbers with fractions it makes a regression, of several columns of 0 and 1 several labels,
    and of everything else classes; so it does of columns of which each row has exactly one 1.
    """
    array = _array(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if task == "auto":
        task = _judged(array)
    if task == "classification":
        return labels(array, name), task
    if task not in TASKS:
        raise ConfigError(f"--dataset {name}: task {task}: give one of {', '.join(TASKS)}")
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise DataError(
            f"--dataset {name}: targets of a {task} must be numbers, one or several a sample; "
            f"these are {array.dtype} of shape {array.shape}"
        )
    numbers = array.astype(np.float32)
    if task == "multi-label" and (array.ndim != 2 or not np.isin(array, (0, 1)).all()):
        raise DataError(
            f"--dataset {name}: targets of a multi-label task must be 0 or 1, a column a label"
        )
    return torch.from_numpy(numbers), task


def labels(values: Any, name: str) -> Tensor:
    """Return class labels, numbers, names or one-hot rows, as numbers from 0."""
    array = _array(values)
    if _is_one_hot(array):
        array = array.argmax(axis=1)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"--dataset {name}: targets have shape {array.shape}; give one class label a sample"
        )
    if array.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(array) | (array != np.round(array)))
        if bad.size:
            raise DataError(
                f"--dataset {name}: target {array[bad[0]]} of sample {bad[0]} is no class label; "
                f"give whole numbers or names, or say that the task is regression: {_told(name)}"
            )
    try:
        _, codes = np.unique(array, return_inverse=True)
    except TypeError:
        raise DataError(
            f"--dataset {name}: the targets are of several kinds; give numbers or names"
        ) from None
    return torch.from_numpy(codes.astype(np.int64))


def _told(name: str) -> str:
    """Say how the task is said: to a reader by its argument, of a user's own data beside them."""
    if registry.split_source("dataset", name)[0] in registry.targets("dataset"):
        return "--dataset-arg task=regression"
    return 'return {"x": inputs, "y": targets, "task": "regression"}'


def _is_one_hot(array: np.ndarray) -> bool:
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "biuf":
        return False
    return bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all())


def _judged(array: np.ndarray) -> str:
    if _is_one_hot(array):
        return "classification"
    if array.ndim == 2:
        binary = array.dtype.kind in "biu" and np.isin(array, (0, 1)).all()
        return "multi-label" if binary else "regression"
    fractions = array.dtype.kind == "f" and not np.array_equal(array, np.round(array))
    return "regression" if fractions else "classification"


def joined(parts: Sequence[Tensor | Rows]) -> Tensor | Rows:
    """Return the inputs of several parts as those of one."""
    tensors = [part for part in parts if isinstance(part, Tensor)]
    if len(tensors) == len(parts):
        return torch.cat(tensors)
    return Joined([Table(p.numpy()) if isinstance(p, Tensor) else p for p in parts])


def _array(values: Any) -> np.ndarray:
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)


def _inputs(values: Any, name: str, what: str) -> Tensor | Rows:
    """Return inputs as a tensor, or where they lie if that is a file that is mapped."""
    if isinstance(values, np.ndarray) and is_mapped(values) and values.dtype.kind in "biuf":
        return Table(values)
    try:
        if isinstance(values, Tensor):
            tensor = values.detach().cpu()
        else:
            array = np.ascontiguousarray(values)
            if not array.flags.writeable:  # of a data frame: torch would warn
                array = array.copy()
            tensor = torch.as_tensor(array.astype(array.dtype.newbyteorder("="), copy=False))
        if tensor.is_complex():
            raise TypeError("they are complex")
        return tensor if tensor.dtype == torch.uint8 else tensor.to(torch.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"--dataset {name}: the {what} are no numbers: {error}") from None
