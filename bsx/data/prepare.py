"""From a dataset's name to samples ready for training: read, check, divide, standardize.

All of it is held in memory: images as uint8 until they are divided, then as float32 (Fashion-MNIST
220 MB, CIFAR-10 740 MB). Data larger than memory is not streamed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bsx import registry
from bsx.data.check import check, check_finite
from bsx.data.coerce import coerced
from bsx.data.dataset import Dataset, Samples, Splits
from bsx.data.divide import PARTS, divided
from bsx.errors import BsxError, ConfigError, DataError

_STD_FLOOR = 1e-6  # a feature that never varies is left as it is
_SOURCES = {  # what a reader's ``source`` is annotated with
    "Folder": ("a folder", "DIR"),
    "File": ("a file", "FILE"),
}


def open_dataset(
    name: str,
    args: Mapping[str, Any],
    *,
    validation: float,
    test: float,
    seed: int,
    subset: int | None = None,
) -> Splits:
    """Return the dataset called ``name``, divided and standardized.

    ``validation`` and ``test`` are fractions of all samples, drawn (stratified, where there are
    classes) with ``seed`` where the dataset brings no official part of that name. A reader that
    names ``validation`` or ``test`` is given them, with ``seed`` if it names that too, and divides
    by itself. ``subset`` takes so many of all samples before that.

    Raises:
        ConfigError: for a name or argument that is not known.
        DataError: for data that cannot be trained on, with the reason and the remedy.
    """
    return _open(name, _Args(args), validation, test, seed, subset, _stamp(name, args))


def _stamp(name: str, args: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """Return size and time of the files that are named, by which a cache sees that they changed."""
    _, source = registry.split_source("dataset", name)
    found = []
    for text in (source, *args.values()):
        if isinstance(text, str) and text:
            with contextlib.suppress(OSError, ValueError):
                path = Path(text).expanduser()
                for one in (path, *sorted(path.iterdir())) if path.is_dir() else (path,):
                    state = one.stat()
                    found.append((state.st_size, state.st_mtime_ns))
    return tuple(found)


class _Args(dict[str, Any]):
    """Arguments as the key of a cache; their values may be lists and tables."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self)))


@lru_cache(maxsize=2)  # the coordinator and an inline executor ask for the same data again
def _open(
    name: str,
    args: _Args,
    validation: float,
    test: float,
    seed: int,
    subset: int | None,
    _stamp: tuple[tuple[int, int], ...],
) -> Splits:
    fractions = {"validation": validation, "test": test}
    factory = registry.load("dataset", name)
    dataset = coerced(_call(factory, name, dict(args), {**fractions, "seed": seed}), name)
    check(dataset, name)
    dataset, classes = _numbered(dataset)
    parts = divided(
        dataset.parts,
        dataset.targets if dataset.task == "classification" else None,
        len(dataset.targets),
        name,
        fractions=fractions,
        seed=seed,
        subset=subset,
    )
    if dataset.impute is not None:
        filled = dataset.impute(dataset.inputs, parts["train"])
        dataset = dataclasses.replace(dataset, inputs=filled)
        check_finite(filled, name)
    inputs = _parts_of(dataset.inputs, parts, dataset.standardize)
    targets, shift, scale = _targets(dataset, parts)
    return Splits(
        **{part: Samples(inputs[part], targets[part]) for part in PARTS},
        task=dataset.task,
        classes=classes,
        fingerprint=_fingerprint(dataset, parts),
        output_size=_output_size(dataset, classes, name),
        target_shift=shift,
        target_scale=scale,
    )


def _call(factory: Any, name: str, args: dict[str, Any], split: Mapping[str, Any]) -> Any:
    if not callable(factory):
        if args:
            raise ConfigError(f"--dataset-arg: {name} is no function and takes no arguments")
        return factory
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # a few builtins have none
        parameters = {}  # type: ignore[assignment]
    given = {**args, **_split_of(parameters, name, args, split)}
    _check_args(factory, name, given)
    try:
        return factory(**given)
    except BsxError:
        raise
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise DataError(
            f"--dataset {name} fails when it is made: {type(error).__name__}: {first}"
        ) from error


def _split_of(
    parameters: Mapping[str, Any], name: str, args: Mapping[str, Any], split: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how to divide, for a reader that divides by itself: it names a fraction."""
    named = {key: split[key] for key in ("validation", "test") if key in parameters}
    for key in named.keys() & args.keys():
        raise ConfigError(f"--dataset-arg {key}: {name} is given it by --{key}-fraction")
    if named and "seed" in parameters and "seed" not in args:
        named["seed"] = split["seed"]
    return named


def _check_args(factory: Callable[..., Any], name: str, args: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return
    source = signature.parameters.get("source")
    if source is not None and source.default is source.empty and "source" not in args:
        raise ConfigError(_needs_source(name, source.annotation))
    try:
        signature.bind(**args)
    except TypeError as error:
        raise ConfigError(
            f"--dataset-arg: {name}: {error}; it takes {', '.join(signature.parameters) or 'none'}"
        ) from None


def _needs_source(name: str, annotation: Any) -> str:
    kind = getattr(annotation, "__name__", str(annotation))
    what, placeholder = _SOURCES.get(kind, ("a file or a name", "SOURCE"))
    base, given = registry.split_source("dataset", name)
    if given is None and ":" in base:  # a user's own function
        return f"--dataset {name} needs {what}: --dataset-arg source={placeholder}"
    return f"{base} needs {what}: --dataset {base}:{placeholder}"


def _numbered(dataset: Dataset) -> tuple[Dataset, int | None]:
    """Number the classes that occur from 0, unless the reader fixed their numbers."""
    if dataset.task != "classification":
        return dataset, dataset.classes
    if dataset.classes is not None:
        return dataclasses.replace(dataset, targets=dataset.targets.long()), dataset.classes
    labels, targets = torch.unique(dataset.targets, return_inverse=True)
    return dataclasses.replace(dataset, targets=targets), len(labels)


def _output_size(dataset: Dataset, classes: int | None, name: str) -> int:
    size = dataset.output_size if dataset.output_size is not None else classes
    if size is None and dataset.task in ("multi-label", "regression"):
        size = dataset.targets.shape[1] if dataset.targets.dim() == 2 else 1
    if size is None:
        raise DataError(f"--dataset {name}: a {dataset.task} must say its output_size")
    return size


def _parts_of(inputs: Tensor, parts: Mapping[str, Tensor], standardize: bool) -> dict[str, Tensor]:
    """Return each part's inputs, shifted and scaled by the training part's statistics.

    By feature for vectors, by channel for images; token ids (int64) stay as they are.
    """
    if inputs.dtype == torch.int64:
        return {part: inputs[rows] for part, rows in parts.items()}
    found = {part: inputs[rows].to(torch.float32) for part, rows in parts.items()}
    if standardize:
        mean, spread = _statistics(found["train"])
        for part in found.values():
            part.sub_(mean).div_(spread)  # in place: a part is the largest thing there is
    return found


def _statistics(train: Tensor) -> tuple[Tensor, Tensor]:
    over = [0] if train.dim() == 2 else [0, *range(2, train.dim())]
    mean = train.mean(dim=over, keepdim=True)
    spread = train.std(dim=over, keepdim=True, correction=0)
    return mean, torch.where(spread > _STD_FLOOR, spread, torch.ones_like(spread))


def _targets(
    dataset: Dataset, parts: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], tuple[float, ...], tuple[float, ...]]:
    """Return each part's targets, and by what they were shifted and scaled."""
    targets = dataset.targets
    if dataset.task != "regression" or not dataset.standardize_targets:
        if dataset.task in ("regression", "multi-label"):
            targets = targets.to(torch.float32)
        return {part: targets[rows] for part, rows in parts.items()}, (), ()
    train = targets[parts["train"]].double()
    shift, spread = train.mean(dim=0), train.std(dim=0, correction=0)
    scale = torch.where(spread > 0, spread, torch.ones_like(spread))
    found = {p: ((targets[rows] - shift) / scale).to(torch.float32) for p, rows in parts.items()}
    return found, tuple(shift.reshape(-1).tolist()), tuple(scale.reshape(-1).tolist())


def _fingerprint(dataset: Dataset, parts: Mapping[str, Tensor]) -> str:
    scaled = " targets" if dataset.standardize_targets else ""
    hasher = hashlib.sha256(f"{dataset.task} {dataset.standardize}{scaled}".encode())
    for tensor in (dataset.inputs, dataset.targets, *parts.values()):
        array = np.ascontiguousarray(tensor.numpy())
        hasher.update(f"{array.dtype} {array.shape}".encode())
        hasher.update(array.data)
    return hasher.hexdigest()[:20]
