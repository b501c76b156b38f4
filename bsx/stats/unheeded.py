"""What a program was told and did not heed: runs that differ in nothing else are the same."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bsx.schema import (
    LEARNING_RATE,
    Curve,
    RunRecord,
    RunStatus,
    Search,
    point_of,
    rate_of,
    tuned_of,
)

_BATCH_SIZE, _SEED = "batch_size", "seed"
_ENOUGH = 3  # different points that two curves share, to be no coincidence

Bits = NDArray[np.int64]  # of numbers, so that NaN equals itself


def unheeded(runs: Sequence[RunRecord], search: Search | None) -> tuple[str, ...]:
    """Return what runs differ in whose curves are the same to the last digit.

    Curves are compared where both were looked at after as many iterations, or else point by point
    as far as both reach: an epoch has fewer iterations at another batch size. One that hardly
    changes tells nothing, nor does a run that did not come to its end.
    """
    done = [record for record in runs if record.status is RunStatus.COMPLETED]
    told = [_told(record, search) for record in done]
    names = dict.fromkeys(name for of in told for name in of)
    return tuple(name for name in names if _is_unheeded(name, told, done))


def _is_unheeded(
    name: str, told: Sequence[Mapping[str, Hashable]], runs: Sequence[RunRecord]
) -> bool:
    """Say whether some runs that differ in this alone are the same, and none is another."""
    first: dict[Hashable, tuple[Hashable, RunRecord]] = {}
    is_same = False
    for of, record in zip(told, runs, strict=True):
        others = tuple(value for key, value in of.items() if key != name)
        if others not in first:
            first[others] = of[name], record
            continue
        value, before = first[others]
        if value == of[name]:
            continue
        shared = _shared(Curve.of(before.curve), Curve.of(record.curve))
        if shared is None:
            return False
        is_same = is_same or len(np.unique(shared, axis=0)) >= _ENOUGH
    return is_same


def _shared(one: Curve, other: Curve) -> Bits | None:
    """Return the points that two curves have in common; None where they are different."""
    ours, theirs = _measured(one), _measured(other)
    _, at, there = np.intersect1d(one.steps, other.steps, return_indices=True)
    length = min(len(ours), len(theirs))
    for mine, others in ((ours[at], theirs[there]), (ours[:length], theirs[:length])):
        if len(mine) and np.array_equal(mine, others):
            return mine
    return None if length else ours


def _told(record: RunRecord, search: Search | None) -> dict[str, Hashable]:
    point = point_of(record.run, search)
    size, rate = record.run.recipe.batch_size, rate_of(point)
    return {_BATCH_SIZE: size, LEARNING_RATE: rate, **tuned_of(point), _SEED: record.run.seed}


def _measured(curve: Curve) -> Bits:
    """Return what was measured on validation: (points, metrics and the loss)."""
    names = ("validation_loss", *curve.metric_names)
    measured = [values for name in names if (values := curve.metric(name)) is not None]
    return np.ascontiguousarray(np.array(measured).T).view(np.int64)
