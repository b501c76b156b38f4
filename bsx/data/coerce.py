"""What a reader or a user's own code gave, as a :class:`Dataset`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from bsx.data.dataset import Dataset
from bsx.errors import ConfigError, DataError

MOST_ITEMS = 2_000_000  # samples of a torch Dataset or an iterable, which are collected in memory
MOST_NUMBERS = 2**31  # 8 GiB in float32
TASKS = ("classification", "multi-label", "regression")
_PARTS = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}


def coerced(made: Any, name: str) -> Dataset:
    """Turn what a reader or a user's function gave into a Dataset."""
    if isinstance(made, Dataset):
        return made
    if isinstance(made, Mapping):
        return from_mapping(made, name)
    if isinstance(made, tuple | list) and len(made) == 2:
        return Dataset(_tensor(made[0], name, "inputs"), labels(made[1], name))
    if isinstance(made, tuple | list) and len(made) == 4:
        keys = ("x_train", "y_train", "x_test", "y_test")
        return from_mapping(dict(zip(keys, made, strict=True)), name)
    if isinstance(made, IterableDataset) or (
        isinstance(made, Iterable) and not hasattr(made, "__getitem__")
    ):
        return _from_iterable(made, name)
    if hasattr(made, "__getitem__") and hasattr(made, "__len__"):
        return _from_map_style(made, name)
    raise DataError(
        f"--dataset {name} gave {type(made).__name__}; give a pair (inputs, targets) of arrays or "
        "tensors, four of them (with those for the test), a dict of x_train, y_train, x_test, "
        "y_test, a torch Dataset of (input, target) pairs, or a bsx.data.Dataset"
    )


def from_mapping(values: Mapping[str, Any], name: str, *, task: str = "classification") -> Dataset:
    """Return the dataset of arrays by name: ``x``, ``y``, or ``x_train``, ``y_train``, ``x_test`` …

    ``values`` may hold ``task`` too; ``auto`` judges by the targets.
    """
    task = str(values.get("task", task))
    if "x" in values and "y" in values:
        inputs = _tensor(values["x"], name, "inputs")
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
    inputs, targets, parts, start = [], [], {}, 0
    for part, (x, y) in pairs.items():
        tensor = _tensor(x, name, f"{part} inputs")
        array = _array(y)
        if tensor.dim() == 0 or array.ndim == 0 or len(tensor) != len(array):
            raise DataError(
                f"--dataset {name}: the {part} part has inputs of shape {tuple(tensor.shape)} but "
                f"targets of shape {array.shape}; they must pair"
            )
        inputs.append(tensor)
        targets.append(array)
        parts[part] = torch.arange(start, start + len(tensor))
        start += len(tensor)
    for what, found in (("inputs", inputs), ("targets", targets)):
        if len({tuple(one.shape[1:]) for one in found}) > 1:
            shapes = ", ".join(str(tuple(one.shape)) for one in found)
            raise DataError(f"--dataset {name}: {what} of the parts differ in shape: {shapes}")
    together, task = targets_of(np.concatenate(targets), name, task)
    return Dataset(torch.cat(inputs), together, task=task, parts=parts)


def targets_of(values: Any, name: str, task: str) -> tuple[Tensor, str]:
    """Return targets as the task wants them, and the task; ``auto`` judges by the values.

    Of numbers with fractions it makes a regression, of several columns of 0 and 1 several labels,
    and of everything else classes.
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
    """Return class labels, numbers or names, as numbers from 0."""
    array = _array(values)
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
                "give whole numbers or names, or say that the task is regression"
            )
    try:
        _, codes = np.unique(array, return_inverse=True)
    except TypeError:
        raise DataError(
            f"--dataset {name}: the targets are of several kinds; give numbers or names"
        ) from None
    return torch.from_numpy(codes.astype(np.int64))


def _judged(array: np.ndarray) -> str:
    if array.ndim == 2:
        binary = array.dtype.kind in "biu" and np.isin(array, (0, 1)).all()
        return "multi-label" if binary else "regression"
    fractions = array.dtype.kind == "f" and not np.array_equal(array, np.round(array))
    return "regression" if fractions else "classification"


def _from_map_style(made: Any, name: str) -> Dataset:
    total = len(made)
    if total > MOST_ITEMS:
        raise DataError(_too_much(name))
    return _from_items((made[i] for i in range(total)), name)


def _from_iterable(made: Iterable[Any], name: str) -> Dataset:
    return _from_items(itertools.islice(made, MOST_ITEMS + 1), name)


def _from_items(items: Iterable[Any], name: str) -> Dataset:
    inputs: list[Tensor] = []
    targets: list[Any] = []
    numbers = 0
    try:
        for x, y in items:
            inputs.append(torch.as_tensor(np.asarray(x)))
            targets.append(y.item() if hasattr(y, "item") else y)
            numbers += inputs[-1].numel()
            if numbers > MOST_NUMBERS or len(inputs) > MOST_ITEMS:
                break
        else:
            return Dataset(torch.stack(inputs).float(), labels(targets, name))
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"--dataset {name}: its items are no (input, target) pairs of one shape: {error}"
        ) from error
    raise DataError(_too_much(name))


def _too_much(name: str) -> str:
    return (
        f"--dataset {name} gives more than {MOST_ITEMS:,} items or {MOST_NUMBERS:,} numbers, more "
        "than is collected in memory; give fewer, or end the iteration"
    )


def _array(values: Any) -> np.ndarray:
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)


def _tensor(values: Any, name: str, what: str) -> Tensor:
    try:
        if isinstance(values, Tensor):
            tensor = values.detach().cpu()
        else:
            array = np.ascontiguousarray(values)
            tensor = torch.as_tensor(array.astype(array.dtype.newbyteorder("="), copy=False))
        if tensor.is_complex():
            raise TypeError("they are complex")
        return tensor if tensor.dtype == torch.uint8 else tensor.to(torch.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"--dataset {name}: the {what} are no numbers: {error}") from None
