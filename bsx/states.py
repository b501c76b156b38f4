"""End states: where runs have come to, kept so that longer ones go on from there.

Only where the rate stays as it is do the steps of a short run begin a longer one. What is kept is
the state after the last step, before it is evaluated: where a run ends decides what is looked at,
never how it goes on. Losing one costs time alone; so they are not synchronized, and the oldest give
way when all together would take more room than was allowed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bsx import files
from bsx.schema import EndStates, Group, Recipe, Run, Unit, digest

FOLDER = "states"  # beside the store
AnyUnit = TypeVar("AnyUnit", bound=Unit)

_MAGIC = b"bsx state 1\n"
_HEAD_BYTES = len(_MAGIC) + 8  # and the steps


def can_grow(recipe: Recipe) -> bool:
    """Say whether a longer run of ``recipe`` begins with the very steps of a shorter one."""
    training = recipe.training
    return training.schedule == "constant" and not training.warmup and recipe.program is None


def key_of_run(group: Group, run: Run) -> str:
    """Return what the state of a run is known by that is trained alone, however long it is."""
    device, _, _ = group.device.partition(":")  # whichever of its kind
    how = [group.trainer, device, group.threads, group.micro_batch_size, group.devices]
    start = replace(run.recipe, steps=0)
    return digest([start, run.learning_rate, run.seed, *how])


def key_of_group(group: Group) -> str:
    """Return what the state of lanes is known by: lanes may depend on which are beside them."""
    return replace(group, recipe=replace(group.recipe, steps=0)).unit_id


class States:
    """The end states in a folder, one for each key: of the longest run there was.

    Args:
        where: the folder, made where it is missing, and how many bytes they may take in all.
    """

    def __init__(self, where: EndStates) -> None:
        self.folder = Path(where.folder)
        self.most_bytes = where.most_bytes
        self._anew = where.anew
        self._room: int | None = None  # bytes that are left, as far as this process knows

    def find(self, key: str, most_steps: int) -> Path | None:
        """Return the state to go on from, of a run of at most so many steps."""
        path = self._path(key)
        return path if not self._anew and 0 < steps_of(path) <= most_steps else None

    def put(self, key: str, steps: int, content: Sequence[bytes | memoryview]) -> bool:
        """Keep the state after ``steps``, unless there is one of a longer run.

        Returns:
            whether there is room for it at all.

        Raises:
            OSError: where it cannot be written.
        """
        path = self._path(key)
        if steps_of(path) >= steps and not self._anew:
            return True
        size = _HEAD_BYTES + sum(len(part) for part in content)
        if size > self.most_bytes:
            return False
        _remove(path)
        self._make_room(size)
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{key}.{os.getpid()}.part"
        try:
            with part.open("wb") as file:
                file.writelines((_MAGIC, steps.to_bytes(8, "little"), *content))
            part.replace(path)
        except OSError:
            _remove(part)
            raise
        return True

    def shortened(self, units: Iterable[AnyUnit]) -> tuple[list[AnyUnit], int]:
        """Take what need not be trained again out of the time foretold for units.

        Returns:
            the units, and how many of their runs go on from where shorter ones ended.
        """
        units, runs = list(units), 0
        if not self.folder.is_dir():
            return units, 0
        for number, unit in enumerate(units):
            if isinstance(unit, Group) and can_grow(unit.recipe):
                begun, share = self._begun(unit)
                runs += begun
                units[number] = replace(unit, predicted_seconds=unit.predicted_seconds * share)
        return units, runs

    def _begun(self, group: Group) -> tuple[int, float]:
        """How many runs of a group have a beginning, and which share of the steps is left."""
        keys, each = [key_of_group(group)], len(group.members)
        if group.trainer != "lanes":
            keys, each = [key_of_run(group, run) for run in group.runs], 1
        steps = group.recipe.steps
        found = [path for key in keys if (path := self.find(key, steps)) is not None]
        return each * len(found), 1 - sum(map(steps_of, found)) / (steps * len(keys))

    def bytes(self) -> int:
        """Return how many bytes they take."""
        return sum(size for _, size, _ in self._all())

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.state"

    def _make_room(self, size: int) -> None:
        """Let the oldest go until there is room; the folder is looked through when it runs out."""
        if self._room is None or self._room < size:
            there = sorted(self._all())
            self._room = self.most_bytes - sum(one for _, one, _ in there)
            for _, one, path in there:
                if self._room >= size:
                    break
                _remove(path)
                self._room += one
        self._room -= size

    def _all(self) -> Iterator[tuple[float, int, Path]]:
        """When each was written, its size and its file; other processes may remove some."""
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.folder):
                with contextlib.suppress(FileNotFoundError):
                    about = entry.stat()
                    yield about.st_mtime, about.st_size, Path(entry.path)


def content_of(path: Path) -> bytes:
    """Return what was given to :meth:`States.put`.

    Raises:
        OSError: where it cannot be read.
    """
    with files.opened(path) as file:
        return file.read()[_HEAD_BYTES:]


def steps_of(path: Path) -> int:
    """Return the steps after which a state was kept; 0 for a file that is none."""
    try:
        with files.opened(path) as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return 0
    whole = head.startswith(_MAGIC) and len(head) == _HEAD_BYTES
    return int.from_bytes(head[len(_MAGIC) :], "little") if whole else 0


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
