"""From a dataset's name to samples ready for training: read, check, divide, standardize.

What fits is held in memory: images as uint8 until they are divided, then as float32 (Fashion-MNIST
220 MB, CIFAR-10 740 MB). What does not fit stays where it lies and is fetched (:class:`Stream`);
it is gone through twice when it is opened, a chunk at a time, and comes to the same numbers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bsx import registry
from bsx.data import scratch
from bsx.data.call import call_reader
from bsx.data.check import check, check_finite
from bsx.data.coerce import coerced, is_map_style
from bsx.data.content import Content, Scale, scale_of, scaled
from bsx.data.dataset import Dataset, Part, Samples, Splits
from bsx.data.divide import divided
from bsx.data.inputs import as_rows, chunks_of, content_of, picked
from bsx.data.items import Items
from bsx.data.kept import as_kept, from_kept, spooled
from bsx.data.room import Room, room_for_inputs
from bsx.data.rows import Rows
from bsx.data.stream import Stream
from bsx.errors import DataError

# The coordinator and an inline executor ask for the same data again.
_MOST_OPEN = 2
MOST_KEPT_BYTES = 2**32  # on disk, of data in memory: more is no small thing to put there unasked
_open_now: dict[tuple[Any, ...], Splits] = {}


@dataclasses.dataclass(frozen=True)
class _Division:
    """How to divide: fractions of all samples, the seed of the draw, how many to take first."""

    validation: float
    test: float
    seed: int
    subset: int | None

    @property
    def fractions(self) -> dict[str, float]:
        return {"validation": self.validation, "test": self.test}


def open_dataset(
    name: str,
    args: Mapping[str, Any],
    *,
    validation: float,
    test: float,
    seed: int,
    subset: int | None = None,
    stream: bool | None = None,
    device: str = "cpu",
    fingerprint: str = "",
    check_again: bool = False,
) -> Splits:
    """Return the dataset called ``name``, divided and standardized.

    ``validation`` and ``test`` are fractions of all samples, drawn (stratified, where there are
    classes) with ``seed`` where the dataset brings no official part of that name. A reader that
    names ``validation`` or ``test`` is given them, with ``seed`` if it names that too, and divides
    by itself. ``subset`` takes so many of all samples before that. ``stream``: whether inputs are
    fetched as they are needed; None does so where they are too large for memory, or for that of
    ``device``. ``fingerprint``: of these data, where another process has opened them already; what
    it keeps of them is taken. ``check_again``: the first process that asks for it reads them anew
    all the same, for its caller to see that they come out alike.

    Raises:
        ConfigError: for a name or argument that is not known.
        DataError: for data that cannot be trained on, with the reason and the remedy.
    """
    division = _Division(validation, test, seed, subset)
    key = (name, _Args(args), division, _stamp(name, args))
    splits = _open_now.pop(key, None)
    if splits is None or stream not in (None, splits.streamed):
        known = None
        if fingerprint and stream:
            known = _known_streamed(name, args, division, fingerprint)
        elif fingerprint:
            known = _known_in_memory(fingerprint, check_again)
        with _telling_of_helpers(name):
            splits = known or _open(name, args, division, room_for_inputs(stream, device))
        if not fingerprint and not splits.streamed:
            _keep_in_memory(splits)
    _open_now[key] = splits
    while len(_open_now) > _MOST_OPEN:
        del _open_now[next(iter(_open_now))]
    return splits


@contextlib.contextmanager
def _telling_of_helpers(name: str) -> Iterator[None]:
    """Turn the end of a process that fetches into one line."""
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise DataError(
            f"--dataset {name}: a process that reads it was ended from outside, as the system does "
            "when memory runs out; free some, or make its items smaller"
        ) from error


def _stamp(name: str, args: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """Return size and time of the files that are named, by which a cache sees that they changed."""
    _, source = registry.split_source("dataset", name)
    given = registry.given("dataset", name)
    found = [] if given is None else [(given.number, 0)]
    for text in (source, *args.values()):
        if isinstance(text, str) and text:
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # no such ~name
                path = Path(text).expanduser()
                for one in (path, *sorted(path.iterdir())) if path.is_dir() else (path,):
                    state = one.stat()
                    found.append((state.st_size, state.st_mtime_ns))
    return tuple(found)


class _Args(dict[str, Any]):
    """Arguments as the key of a cache; their values may be lists and tables."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self)))


def _open(name: str, args: Mapping[str, Any], division: _Division, room: Room) -> Splits:
    dataset = coerced(_read(name, args, division), name, room)
    check(dataset, name)
    dataset, classes = _numbered(dataset)
    parts = divided(
        dataset.parts,
        dataset.targets if dataset.task == "classification" else None,
        len(dataset.targets),
        name,
        fractions=division.fractions,
        seed=division.seed,
        subset=division.subset,
    )
    inputs = _inputs(dataset, parts, room, name)
    content = content_of(inputs)
    check_finite(content, name)
    targets, shift, scale = _targets(dataset, parts)
    splits = Splits(
        **_samples(inputs, targets, parts, room=room, name=name, standardize=dataset.standardize),
        task=dataset.task,
        classes=classes,
        fingerprint=_fingerprint(dataset, inputs, content, parts),
        output_size=_output_size(dataset, classes, name),
        target_shift=shift,
        target_scale=scale,
        naive=_naive(dataset, parts, shift, scale),
        identifiers=dataset.identifiers,
        dates=dataset.dates,
        filled=dataset.filled,
        dropped=dataset.dropped,
        predicted=dataset.predicted,
    )
    _keep(splits)
    return splits


def _read(name: str, args: Mapping[str, Any], division: _Division) -> Any:
    return call_reader(name, dict(args), {**division.fractions, "seed": division.seed})


def _inputs(dataset: Dataset, parts: Mapping[str, Tensor], room: Room, name: str) -> Tensor | Rows:
    """Return the inputs of all samples, their gaps filled: in memory where there is room."""
    inputs = dataset.inputs
    if isinstance(inputs, Rows):
        everything = torch.arange(len(inputs))
        return picked(inputs, everything) if room.holds(inputs.shape, name) else inputs
    if dataset.impute is not None:
        inputs = dataset.impute(inputs, parts["train"])
    kept = inputs.dtype in (torch.uint8, torch.int64)
    return inputs if kept else inputs.to(torch.float32)


def _samples(
    inputs: Tensor | Rows,
    targets: Mapping[str, Tensor],
    parts: Mapping[str, Tensor],
    *,
    room: Room,
    name: str,
    standardize: bool,
) -> dict[str, Part]:
    """Return each part, its inputs shifted and scaled by the training part's statistics."""
    tokens = inputs.dtype is torch.int64
    scale = scale_of(chunks_of(inputs, parts["train"])) if standardize and not tokens else None
    total = sum(map(len, parts.values()))
    held = room.holds((total, *inputs.shape[1:]), name)
    return {p: _part(inputs, rows, targets[p], scale, held) for p, rows in parts.items()}


def _part(
    inputs: Tensor | Rows, rows: Tensor, targets: Tensor, scale: Scale | None, held: bool
) -> Part:
    if held:
        return Samples(scaled(picked(inputs, rows), scale), targets)
    return Stream(as_rows(inputs), rows, targets, scale)


def _keep(splits: Splits) -> None:
    """Keep what was found by going through inputs that are not in memory, for other processes."""
    source = _source_of(splits)
    if source is not None and source.processes:
        scratch.keep(splits.fingerprint, as_kept(splits, source))


def _keep_in_memory(splits: Splits) -> None:
    """Keep data that fit in memory, for other processes to read them in hundredths of the time."""
    parts = (splits.train, splits.validation, splits.test)
    held = [part for part in parts if isinstance(part, Samples)]
    size = sum(part.inputs.nbytes + part.targets.nbytes for part in held)
    if size <= MOST_KEPT_BYTES:
        scratch.keep(_in_memory(splits.fingerprint), as_kept(splits), size)


def _known_in_memory(fingerprint: str, check_again: bool) -> Splits | None:
    """Return data that another process has read and divided, unless they are to be checked now."""
    key = _in_memory(fingerprint)
    if check_again and scratch.to_check(key):
        return None
    kept = scratch.kept(key)
    return None if kept is None else from_kept(kept)


def _in_memory(fingerprint: str) -> str:
    return f"{fingerprint}-in-memory"


def _known_streamed(
    name: str, args: Mapping[str, Any], division: _Division, fingerprint: str
) -> Splits | None:
    """Return streamed data that another process has gone through; only their source is made."""
    kept = scratch.kept(fingerprint)
    if kept is None:
        return None
    source: Any = spooled(kept)
    if source is None:
        made = _read(name, args, division)
        source = Items(made, name) if is_map_style(made) else coerced(made, name).inputs
    return from_kept(kept, source)


def _source_of(splits: Splits) -> Rows | None:
    return splits.train.source if isinstance(splits.train, Stream) else None


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


def _targets(
    dataset: Dataset, parts: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], tuple[float, ...], tuple[float, ...]]:
    """Return each part's targets, and by what they were shifted and scaled."""
    targets = dataset.targets
    if dataset.task != "regression" or not dataset.standardize_targets:
        if dataset.task in ("regression", "multi-label"):
            targets = targets.to(torch.float32)
        shift_and_scale = dataset.scaled_by or ((), ())
        return {part: targets[rows] for part, rows in parts.items()}, *shift_and_scale
    train = targets[parts["train"]].double()
    shift, spread = train.mean(dim=0), train.std(dim=0, correction=0)
    scale = torch.where(spread > 0, spread, torch.ones_like(spread))
    found = {p: ((targets[rows] - shift) / scale).to(torch.float32) for p, rows in parts.items()}
    return found, tuple(shift.reshape(-1).tolist()), tuple(scale.reshape(-1).tolist())


def _naive(
    dataset: Dataset,
    parts: Mapping[str, Tensor],
    shift: tuple[float, ...],
    scale: tuple[float, ...],
) -> tuple[str, Mapping[str, Tensor]] | None:
    """Return what the reader's rule predicts of the parts that it is judged on, scaled likewise."""
    if dataset.naive is None:
        return None
    name, predicted = dataset.naive
    found = {part: predicted[parts[part]].double() for part in ("validation", "test")}
    if dataset.standardize_targets:
        by = [torch.tensor(numbers, dtype=torch.float64) for numbers in (shift, scale)]
        found = {part: (values - by[0]) / by[1] for part, values in found.items()}
    return name, found


def _fingerprint(
    dataset: Dataset, inputs: Tensor | Rows, content: Content, parts: Mapping[str, Tensor]
) -> str:
    of_targets = " targets" if dataset.standardize_targets else ""
    kind = str(inputs.dtype).removeprefix("torch.")
    shape = tuple(inputs.shape)
    hasher = hashlib.sha256(f"{dataset.task} {dataset.standardize}{of_targets}".encode())
    hasher.update(f"{kind} {shape} {content.digest}".encode())
    for tensor in (dataset.targets, *parts.values()):
        array = np.ascontiguousarray(tensor.numpy())
        hasher.update(f"{array.dtype} {array.shape}".encode())
        hasher.update(array.data)
    return hasher.hexdigest()[:20]
