"""torch Datasets of (input, target) pairs, and other things that give samples one by one."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bsx.data.content import Content
from bsx.data.fetch import PIECE_BYTES, consecutive, fetched
from bsx.data.room import Room
from bsx.data.rows import Numbers, Rows
from bsx.data.scratch import Spool
from bsx.errors import BsxError, DataError

MOST_ITEMS = 2**25  # whatever gives more does not end
_AT_ONCE = 4  # processes that fetch: more seldom help, and each has the user's imports to itself


class Items(Rows):
    """The inputs of a map-style Dataset, asked for one by one.

    Raises:
        DataError: for what are no pairs of a number or array and a target, alike in shape.
    """

    processes = _AT_ONCE

    def __init__(self, made: Any, name: str) -> None:
        total = len(made)
        if total > MOST_ITEMS:
            raise DataError(_too_many(name))
        if total == 0:
            raise DataError(f"--dataset {name}: its items are none; give some")
        self._made, self._name = made, name
        first, _ = _pair(made[0], name)
        self.shape = (total, *first.shape)
        self.dtype = _kind(first)

    def fetch(self, numbers: Numbers) -> Tensor:
        """Return these inputs."""
        return self.pairs(numbers)[0]

    def pairs(self, numbers: Numbers) -> tuple[Tensor, list[Any]]:
        """Return inputs and targets of these items."""
        inputs = torch.empty((len(numbers), *self.shape[1:]), dtype=self.dtype)
        rows, targets = inputs.numpy(), []
        for place, number in enumerate(numbers.tolist()):
            try:
                item = self._made[number]
            except BsxError:
                raise
            except Exception as error:
                raise DataError(
                    f"--dataset {self._name}: its item {number} fails: "
                    f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
                ) from error
            array, target = _pair(item, self._name)
            _check_alike(array, self.shape[1:], self.dtype, number, self._name)
            rows[place] = array
            targets.append(target)
        return inputs, targets

    def look(self) -> list[Any]:
        """Go through all items once, keep their content in mind, and return their targets."""
        self.content = Content()
        targets: list[Any] = []
        size = max(1, PIECE_BYTES // max(1, math.prod(self.shape[1:]) * self.dtype.itemsize))
        for inputs, found in fetched(self.pairs, consecutive(len(self), size), self.processes):
            self.content.add(inputs)
            targets += found
        return targets


def all_items(made: Any, name: str, room: Room) -> tuple[Tensor | Rows, list[Any]]:
    """Return inputs and targets of a map-style Dataset: in memory, or fetched where too large."""
    items = Items(made, name)
    if room.holds(items.shape, name):
        return items.pairs(np.arange(len(items)))
    return items, items.look()


def all_that_come(made: Iterable[Any], name: str, room: Room) -> tuple[Tensor | Rows, list[Any]]:
    """Return inputs and targets of what gives one sample after another, until it ends.

    They are kept in memory while they fit there; then they are written to a file.
    """
    targets: list[Any] = []
    pending: list[npt.NDArray[Any]] = []
    spool: Spool | None = None
    with contextlib.ExitStack() as undo:
        for array, target in _alike(made, name):
            pending.append(array)
            targets.append(target)
            if spool is None and not room.holds((len(targets), *array.shape), name):
                spool = Spool(array.shape, _kind(array), name)
                undo.callback(spool.discard)
            if spool is not None and len(pending) * array.nbytes >= PIECE_BYTES:
                spool.add(_stacked(pending))
                pending.clear()
        if not targets:
            raise DataError(f"--dataset {name}: its items are none; give some")
        if spool is None:
            return _stacked(pending), targets
        if pending:
            spool.add(_stacked(pending))
        undo.pop_all()
        return spool.close(), targets


def _alike(made: Iterable[Any], name: str) -> Iterator[tuple[npt.NDArray[Any], Any]]:
    """Yield inputs, as bytes or in float32, and targets of samples that are alike."""
    for number, item in enumerate(_refusing(made, name)):
        if number == MOST_ITEMS:
            raise DataError(_too_many(name))
        array, target = _pair(item, name)
        if number == 0:
            shape, dtype = array.shape, _kind(array)
        _check_alike(array, shape, dtype, number, name)
        yield np.array(array, np.uint8 if dtype is torch.uint8 else np.float32), target


def _stacked(pending: Sequence[npt.NDArray[Any]]) -> Tensor:
    return torch.from_numpy(np.stack(pending))


def _refusing(made: Iterable[Any], name: str) -> Iterable[Any]:
    """Turn what the user's iteration raises into one line."""
    try:
        yield from made
    except BsxError:
        raise
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise DataError(
            f"--dataset {name}: its iteration fails: {type(error).__name__}: {first}"
        ) from error


def _pair(item: Any, name: str) -> tuple[npt.NDArray[Any], Any]:
    """Return input and target of an item; a target that is an array of one number is a number."""
    try:
        x, y = item
        array = np.asarray(x)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"an input of type {array.dtype}")
        return array, y.item() if hasattr(y, "item") else y
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise DataError(
            f"--dataset {name}: its items are no (input, target) pairs of one shape: {first}"
        ) from error


def _kind(array: npt.NDArray[Any]) -> torch.dtype:
    return torch.uint8 if array.dtype == np.uint8 else torch.float32


def _check_alike(
    array: npt.NDArray[Any], shape: tuple[int, ...], dtype: torch.dtype, number: int, name: str
) -> None:
    if array.shape != shape or _kind(array) is not dtype:
        raise DataError(
            f"--dataset {name}: its items are no (input, target) pairs of one shape: that of item "
            f"{number} is {array.shape} of {array.dtype}, of the first {shape} of "
            f"{str(dtype).removeprefix('torch.')}"
        )


def _too_many(name: str) -> str:
    return (
        f"--dataset {name} gives more than {MOST_ITEMS:,} items; give fewer, or end the iteration"
    )
