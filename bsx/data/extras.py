"""Data by way of other libraries, which are imported only when they are asked for.

What is not installed, not on this machine or not to be reached fails in one line that says so.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn import datasets as sklearn_datasets

from bsx.data.coerce import from_mapping
from bsx.data.dataset import Dataset
from bsx.data.room import check_room
from bsx.errors import BsxError, ConfigError, DataError

_REGRESSIONS = {  # of scikit-learn: the targets alone do not tell
    "load_diabetes", "load_linnerud", "fetch_california_housing", "make_regression",
    "make_friedman1", "make_friedman2", "make_friedman3", "make_sparse_uncorrelated",
    "make_s_curve", "make_swiss_roll",
}  # fmt: skip
_TARGET_COLUMNS = ("label", "labels", "target", "class", "fine_label", "y")
_LOCAL = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}


def sklearn(source: str, task: str = "auto", **options: Any) -> Dataset:
    """sklearn:NAME, a function of sklearn.datasets: load_wine, make_moons, fetch_covtype."""
    name = f"--dataset sklearn:{source}"
    function = getattr(sklearn_datasets, source, None)
    if not source.startswith(("load_", "make_", "fetch_")) or not callable(function):
        raise ConfigError(
            f"{name}: sklearn.datasets has no such function; give one such as load_wine, "
            "make_moons or fetch_covtype"
        )
    with _refusing(name, "give the arguments that it needs; a fetch_ needs the network once"):
        made = function(**options)
    if isinstance(made, Mapping):  # scikit-learn's Bunch
        x = np.asarray(made["data"]) if "images" not in made else np.asarray(made["images"])
        y = made["target"]
        x = x[:, None] if "images" in made and x.ndim == 3 else x
    elif isinstance(made, tuple) and len(made) >= 2:
        x, y = made[:2]
    else:
        raise DataError(f"{name}: it gives no inputs and targets; take another function")
    regression = task == "auto" and source in _REGRESSIONS
    return _made(x, y, f"sklearn:{source}", "regression" if regression else task)


def openml(source: str, version: int | str = "active", task: str = "auto") -> Dataset:
    """openml:NAME or openml:NUMBER, a table of openml.org, fetched once and then kept.

    Columns of categories become one of 0 and 1 for each category.
    """
    name = f"--dataset openml:{source}"
    which = {"data_id": int(source)} if source.isdigit() else {"name": source, "version": version}
    remedy = "check the name at openml.org and the network, or take csv:FILE"
    with _refusing(name, remedy):
        bunch = sklearn_datasets.fetch_openml(**which, as_frame=False, parser="liac-arff")
    if bunch["target"] is None:
        raise DataError(f"{name}: it names no target column; take another, or csv:FILE")
    if hasattr(bunch["data"], "toarray"):
        raise DataError(f"{name}: it is sparse, which bsx does not train on; take another")
    columns = [
        _one_hot(column, len(bunch["categories"][title]))
        if title in (bunch.get("categories") or {})
        else column[:, None]
        for title, column in zip(
            bunch["feature_names"], np.asarray(bunch["data"], dtype=np.float32).T, strict=True
        )
    ]
    targets = np.asarray(bunch["target"])
    if task == "auto":
        task = "classification" if targets.dtype.kind in "OUS" else "regression"
    return _made(np.concatenate(columns, axis=1), targets, f"openml:{source}", task)


def torchvision(source: str, root: str = "data", download: bool = False) -> Dataset:
    """torchvision:NAME, such as CIFAR10: root=data, download=true fetches it there once."""
    name = f"--dataset torchvision:{source}"
    library = _library("torchvision.datasets", "torchvision", name)
    factory = getattr(library, source, None)
    if not callable(factory):
        raise ConfigError(f"{name}: torchvision has no such dataset; give one such as CIFAR10")
    named = inspect.signature(factory).parameters
    if "train" not in named and "split" not in named:
        raise ConfigError(f"{name}: it has no training part; name another, or take images:DIR")
    values: dict[str, Any] = {}
    remedy = "give --dataset-arg root=DIR where it lies, or download=true to fetch it"
    for part in ("train", "test"):
        which = {"train": part == "train"} if "train" in named else {"split": part}
        with _refusing(name, remedy):
            made = factory(root=root, download=download, **which)
        values[f"x_{part}"], values[f"y_{part}"] = _images_and_labels(made, name)
    return from_mapping(values, f"torchvision:{source}")


def hf(
    source: str,
    config: str | None = None,
    inputs: str | Sequence[str] | None = None,
    target: str | None = None,
    task: str = "auto",
) -> Dataset:
    """hf:NAME, a Hugging Face dataset by name, or a local file or folder: inputs= target=.

    ``inputs`` are one column of images, or columns of numbers; all numbers by default.
    """
    name = f"--dataset hf:{source}"
    library = _library("datasets", "datasets", name)
    remedy = "check the name and the network, or give the path of a local copy"
    with _refusing(name, remedy):
        parts = _hf_parts(library, source, config)
        values: dict[str, Any] = {}
        for part in ("train", "validation", "test"):
            if part not in parts:
                continue
            x, y = _hf_columns(parts[part], inputs, target, name)
            if part == "train" or y.dtype.kind not in "iu" or (y >= 0).all():
                values[f"x_{part}"], values[f"y_{part}"] = x, y  # labels of -1 are kept secret
    if not values:
        raise DataError(f"{name}: it has no part called train, but {', '.join(parts)}")
    return from_mapping({**values, "task": task}, f"hf:{source}")


def _made(x: Any, y: Any, name: str, task: str) -> Dataset:
    return from_mapping({"x": np.asarray(x), "y": y, "task": task}, name)


def _library(module: str, package: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        raise DataError(
            f"{name}: the package {package} "
            + (f"is not installed; pip install {package}" if missing else f"fails: {_line(error)}")
        ) from None


@contextmanager
def _refusing(name: str, remedy: str) -> Iterator[None]:
    """Turn whatever another library raises into one line."""
    try:
        yield
    except BsxError:
        raise
    except Exception as error:
        raise DataError(f"{name}: {type(error).__name__}: {_line(error)}; {remedy}") from error


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".;") if lines else "it does not say why"


def _one_hot(codes: np.ndarray, categories: int) -> np.ndarray:
    """Columns of 0 and 1; all NaN where the category is missing."""
    hot = np.zeros((len(codes), categories), dtype=np.float32)
    known = np.isfinite(codes)
    hot[np.flatnonzero(known), codes[known].astype(np.int64)] = 1.0
    hot[~known] = np.nan
    return hot


def _images_and_labels(made: Any, name: str) -> tuple[Any, Any]:
    """The arrays behind a torchvision dataset, images as (samples, channels, height, width)."""
    images = getattr(made, "data", None)
    labels = getattr(made, "targets", getattr(made, "labels", None))
    if images is None or labels is None:
        raise DataError(f"{name}: its images are not held in memory; take images:DIR")
    array = torch.as_tensor(np.asarray(images))
    if array.dim() == 3:
        array = array[:, None]
    elif array.shape[-1] in (1, 3) and array.shape[1] not in (1, 3):
        array = array.permute(0, 3, 1, 2).contiguous()
    return array, np.asarray(labels)


def _hf_parts(library: Any, source: str, config: str | None) -> Mapping[str, Any]:
    """Load a dataset by name, a folder saved by the library, or a file."""
    path = Path(source).expanduser()
    if path.is_file():
        form = _LOCAL.get(path.suffix.lower())
        if form is None:
            raise ConfigError(
                f"--dataset hf:{source}: local files are {', '.join(_LOCAL)}; give one of these"
            )
        loaded = library.load_dataset(form, data_files=str(path))
    elif path.is_dir() and any((path / f).is_file() for f in ("dataset_dict.json", "state.json")):
        loaded = library.load_from_disk(str(path))
    else:
        loaded = library.load_dataset(source, config) if config else library.load_dataset(source)
    return loaded if isinstance(loaded, Mapping) else {"train": loaded}


def _hf_columns(
    part: Any, inputs: str | Sequence[str] | None, target: str | None, name: str
) -> tuple[np.ndarray, np.ndarray]:
    titles = list(part.column_names)
    label = target or next((t for t in _TARGET_COLUMNS if t in titles), None)
    if label not in titles:
        raise ConfigError(
            f"{name}: there is no column {target or 'label'}; give --dataset-arg target= one of "
            f"{', '.join(titles)}"
        )
    if inputs is None:
        images = [t for t in titles if t in ("image", "img")]
        columns = images[:1] or [t for t in titles if t != label and _is_number(part[0][t])]
    else:
        columns = [inputs] if isinstance(inputs, str) else list(inputs)
    absent = [c for c in columns if c not in titles]
    if not columns or absent:
        raise ConfigError(
            f"{name}: there is no column {absent[0] if absent else 'of numbers or images'}; give "
            f"--dataset-arg inputs= some of {', '.join(titles)}"
        )
    if len(columns) == 1:
        column = part[columns[0]]
        needed = len(column) * _array(column[0], name, columns[0]).nbytes
        check_room(needed, f"{name}: column {columns[0]}", "give a smaller part, or images:DIR")
        x = np.stack([_array(value, name, columns[0]) for value in column])
        x = x[:, None] if x.ndim == 1 else x
    else:
        x = np.stack([np.asarray(part[c], dtype=np.float32) for c in columns], axis=1)
    return x, np.asarray(part[label])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _array(value: Any, name: str, column: str) -> np.ndarray:
    """An item as numbers; an image as uint8 (channels, height, width)."""
    if isinstance(value, str):
        raise ConfigError(f"{name}: column {column} is text; bsx trains on text:FILE")
    array = np.asarray(value)
    if hasattr(value, "getbands"):  # an image of Pillow's
        return array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    return array
