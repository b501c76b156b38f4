"""What is tried after an attempt has failed, and what no longer is.

A unit whose process was ended from outside is tried once more. Lanes that do not fit into memory
are halved, down to one; a run that does not fit alone is given smaller passes whose gradients are
accumulated, where that is allowed. What is learned so of one batch size holds for larger ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bsx.execute.base import UnitError
from bsx.schema import BranchUnit, Group, RunRecord, RunStatus, SpeedUnit, Unit

MOST_ATTEMPTS = 2  # of a unit whose process was ended from outside


@dataclass
class Limits:
    """What memory was found to hold in this sweep.

    Args:
        accumulates: whether a batch may be cut into passes.
        least_pass: the samples of the smallest pass that the model can train on.
    """

    accumulates: bool = False
    least_pass: int = 1
    full_at: int | None = None  # the smallest batch size of which not even one run fits
    _too_many: list[tuple[int, int]] = field(default_factory=list)  # batch size, lanes
    _passes: dict[int, int] = field(default_factory=dict)  # batch size → samples of a pass

    def after(self, unit: Unit, error: UnitError, attempt: int) -> tuple[Unit, ...]:
        """Return what is tried now that ``unit`` has failed; nothing where it is given up."""
        if isinstance(unit, Group | BranchUnit) and not unit.runs:
            return ()  # it had told of all its runs
        if error.out_of_memory:
            return self._smaller(unit)
        return (unit,) if error.worth_retrying and attempt < MOST_ATTEMPTS else ()

    def how(self, unit: Unit, tries: Sequence[Unit]) -> str:
        """Say how that is tried otherwise than before, if it is."""
        lanes = [len(one.members) for one in tries if isinstance(one, Group)]
        if len(tries) > 1:
            return f" with {lanes[0]:,} lanes at once" if lanes[0] > 1 else " one at a time"
        [one] = tries
        if isinstance(one, Group | SpeedUnit) and one != unit:
            return f" in passes of {samples_of_pass(one):,}, their gradients accumulated"
        return ""

    def fitting(self, unit: Unit) -> tuple[Unit, ...]:
        """Return ``unit`` so that nothing of it is known not to fit; it may come in pieces."""
        size = unit.recipe.batch_size
        smaller = [b for b in self._passes if b <= size]
        if isinstance(unit, Group | SpeedUnit) and smaller:
            unit = _in_passes(unit, self._passes[max(smaller)])
        if isinstance(unit, Group) and unit.trainer == "lanes" and len(unit.members) > 1:
            lanes = len(unit.members)
            if any(b <= size and n <= lanes for b, n in self._too_many):
                return tuple(piece for half in _halves(unit) for piece in self.fitting(half))
        return (unit,)

    def is_beyond(self, unit: Unit) -> bool:
        """Say whether ``unit`` is of a batch size larger than one that does not fit."""
        pruned = isinstance(unit, Group | SpeedUnit)
        return pruned and self.full_at is not None and unit.recipe.batch_size > self.full_at

    def learn(self, records: Iterable[RunRecord]) -> bool:
        """Take in of which sizes single runs ran out of memory; say if the limit is a new one."""
        sizes = [r.run.recipe.batch_size for r in records if r.status is RunStatus.OUT_OF_MEMORY]
        return bool(sizes) and self.is_full_at(min(sizes))

    def is_full_at(self, size: int) -> bool:
        """Take in that not even one run of this batch size fits; say if the limit is a new one."""
        if self.full_at is not None and self.full_at <= size:
            return False
        self.full_at = size
        return True

    def _smaller(self, unit: Unit) -> tuple[Unit, ...]:
        if isinstance(unit, Group) and unit.trainer == "lanes" and len(unit.members) > 1:
            self._too_many.append((unit.recipe.batch_size, len(unit.members)))
            return _halves(unit)
        if isinstance(unit, Group | SpeedUnit) and self.accumulates and not unit.recipe.program:
            smaller = samples_of_pass(unit) // 2
            if smaller >= self.least_pass:
                self._passes[unit.recipe.batch_size] = smaller
                return (_in_passes(unit, smaller),)
        return ()


def samples_of_pass(unit: Group | SpeedUnit) -> int:
    """Return how many samples go forward and backward at once."""
    asked = unit.micro_batch_size or unit.recipe.training.micro_batch_size
    return min(asked or unit.recipe.batch_size, unit.recipe.batch_size)


def _in_passes(unit: Group | SpeedUnit, samples: int) -> Group | SpeedUnit:
    return replace(unit, micro_batch_size=min(samples, samples_of_pass(unit)))


def _halves(group: Group) -> tuple[Group, Group]:
    """Cut a group in two, between seeds where it has several: rates of one share their batches."""
    seeds = sorted({seed for _, seed in group.members})
    first = set(seeds[: (len(seeds) + 1) // 2])
    members = group.members
    parts = [
        tuple(m for m in members if m[1] in first),
        tuple(m for m in members if m[1] not in first),
    ]
    if len(seeds) == 1:
        middle = (len(members) + 1) // 2
        parts = [members[:middle], members[middle:]]
    one, other = (
        replace(
            group,
            members=part,
            predicted_seconds=group.predicted_seconds * len(part) / len(members),
        )
        for part in parts
    )
    return one, other
