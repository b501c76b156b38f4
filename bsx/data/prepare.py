"""From a dataset's name to samples ready for training: read, check, divide, standardize."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from bsx import registry
from bsx.data.dataset import Dataset, Samples, Splits
from bsx.errors import BsxError, ConfigError, DataError

_STD_FLOOR = 1e-6  # a feature that never varies is left as it is


def open_dataset(
    name: str,
    args: Mapping[str, Any],
    *,
    validation: float,
    test: float,
    seed: int,
) -> Splits:
    """Return the dataset called ``name``, divided and standardized.

    ``validation`` and ``test`` are fractions of all samples, drawn stratified with ``seed`` where
    the dataset brings no official part of that name.

    Raises:
        ConfigError: for a name or argument that is not known.
        DataError: for data that cannot be trained on, with the reason and the remedy.
    """
    return _open(name, tuple(sorted(args.items())), validation, test, seed)


@lru_cache(maxsize=2)  # the coordinator and an inline executor ask for the same data again
def _open(
    name: str, args: tuple[tuple[str, Any], ...], validation: float, test: float, seed: int
) -> Splits:
    made = _call(registry.load("dataset", name), name, dict(args))
    dataset = _checked(_coerced(made, name), name)
    labels, targets = torch.unique(dataset.targets, return_inverse=True)
    parts = _parts(dataset, targets, name, validation, test, seed)
    inputs = _standardized(dataset, parts["train"])
    samples = {part: Samples(inputs[rows], targets[rows]) for part, rows in parts.items()}
    return Splits(
        **samples,
        task=dataset.task,
        classes=len(labels),
        fingerprint=_fingerprint(dataset, parts),
    )


def _call(factory: Any, name: str, args: dict[str, Any]) -> Any:
    if not callable(factory):
        if args:
            raise ConfigError(f"--dataset-arg: {name} is no function and takes no arguments")
        return factory
    _check_args(factory, name, args)
    try:
        return factory(**args)
    except BsxError:
        raise
    except Exception as error:
        raise DataError(
            f"--dataset {name} fails when it is made: {type(error).__name__}: {error}"
        ) from error


def _check_args(factory: Callable[..., Any], name: str, args: dict[str, Any]) -> None:
    signature = inspect.signature(factory)
    try:
        signature.bind(**args)
    except TypeError as error:
        raise ConfigError(
            f"--dataset-arg: {name}: {error}; it takes {', '.join(signature.parameters) or 'none'}"
        ) from None


def _coerced(made: Any, name: str) -> Dataset:
    """Turn what a reader or a user's function gave into a Dataset."""
    if isinstance(made, Dataset):
        return made
    if isinstance(made, tuple | list) and len(made) == 2:
        return Dataset(_tensor(made[0], name, "inputs"), _labels(made[1], name))
    if hasattr(made, "__getitem__") and hasattr(made, "__len__"):
        return _from_map_style(made, name)
    raise DataError(
        f"--dataset {name} gave {type(made).__name__}; give a pair (inputs, targets) of arrays or "
        "tensors, a torch Dataset of (input, target) pairs, or a bsx.data.Dataset"
    )


def _from_map_style(made: Any, name: str) -> Dataset:
    try:
        pairs = [made[i] for i in range(len(made))]
        inputs = torch.stack([torch.as_tensor(np.asarray(x)) for x, _ in pairs])
        targets = [y.item() if hasattr(y, "item") else y for _, y in pairs]
    except Exception as error:
        raise DataError(
            f"--dataset {name}: its items are no (input, target) pairs of one shape: {error}"
        ) from error
    return Dataset(inputs.float(), _labels(targets, name))


def _tensor(values: Any, name: str, what: str) -> Tensor:
    try:
        tensor = values if isinstance(values, Tensor) else torch.as_tensor(np.asarray(values))
        return tensor.detach().cpu().to(torch.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"--dataset {name}: the {what} are no numbers: {error}") from None


def _labels(values: Any, name: str) -> Tensor:
    array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
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
                "give whole numbers or names"
            )
    _, codes = np.unique(array, return_inverse=True)
    return torch.from_numpy(codes.astype(np.int64))


def _checked(dataset: Dataset, name: str) -> Dataset:
    inputs, targets = dataset.inputs, dataset.targets
    if len(inputs) != len(targets):
        raise DataError(
            f"--dataset {name}: {len(inputs)} inputs but {len(targets)} targets; they must pair"
        )
    if len(inputs) < 3:
        raise DataError(
            f"--dataset {name} has {len(inputs)} samples; three parts need at least one each"
        )
    if inputs.dim() < 2:
        raise DataError(
            f"--dataset {name}: inputs have shape {tuple(inputs.shape)}; "
            "give (samples, features) or (samples, channels, height, width)"
        )
    finite = torch.isfinite(inputs).reshape(len(inputs), -1).all(dim=1)
    if not bool(finite.all()):
        row = int((~finite).nonzero()[0])
        raise DataError(
            f"--dataset {name}: the inputs of sample {row} are not finite; remove or fill them"
        )
    if len(torch.unique(targets)) < 2:
        raise DataError(f"--dataset {name}: all samples are of one class; nothing can be learned")
    return dataset


def _parts(
    dataset: Dataset, targets: Tensor, name: str, validation: float, test: float, seed: int
) -> dict[str, Tensor]:
    """Divide the rows; official parts stay as they are, the others are drawn stratified."""
    total = len(targets)
    parts = dict(dataset.parts or {"train": torch.arange(total)})
    for part, fraction in (("test", test), ("validation", validation)):
        if part not in parts:
            count = math.floor(fraction * total + 0.5)
            parts["train"], parts[part] = _drawn(parts["train"], targets, name, part, count, seed)
    for part in ("train", "validation", "test"):
        if len(parts[part]) == 0:
            raise DataError(f"--dataset {name}: the {part} part is empty; it has {total} samples")
    return {part: parts[part] for part in ("train", "validation", "test")}


def _drawn(
    rows: Tensor, targets: Tensor, name: str, part: str, count: int, seed: int
) -> tuple[Tensor, Tensor]:
    try:
        rest, drawn = train_test_split(
            rows.numpy(), test_size=max(count, 1), random_state=seed, stratify=targets[rows].numpy()
        )
    except ValueError as error:
        counts = torch.bincount(targets[rows])
        rare = int(torch.where(counts > 0, counts, counts.max() + 1).argmin())
        raise DataError(
            f"--dataset {name}: cannot draw a stratified {part} part of {count} from {len(rows)} "
            f"samples ({error}; the rarest class, number {rare}, has {int(counts[rare])}); "
            f"give more samples or another --{part}-fraction"
        ) from None
    return torch.from_numpy(rest), torch.from_numpy(drawn)


def _standardized(dataset: Dataset, train_rows: Tensor) -> Tensor:
    """Shift and scale by the training part: by feature for vectors, by channel for images."""
    inputs = dataset.inputs.to(torch.float32)
    if not dataset.standardize:
        return inputs
    over = [0] if inputs.dim() == 2 else [0, *range(2, inputs.dim())]
    train = inputs[train_rows]
    mean = train.mean(dim=over, keepdim=True)
    spread = train.std(dim=over, keepdim=True, correction=0)
    return (inputs - mean) / torch.where(spread > _STD_FLOOR, spread, torch.ones_like(spread))


def _fingerprint(dataset: Dataset, parts: Mapping[str, Tensor]) -> str:
    hasher = hashlib.sha256(f"{dataset.task} {dataset.standardize}".encode())
    for tensor in (dataset.inputs, dataset.targets, *parts.values()):
        array = np.ascontiguousarray(tensor.numpy())
        hasher.update(f"{array.dtype} {array.shape}".encode())
        hasher.update(array.data)
    return hasher.hexdigest()[:20]
