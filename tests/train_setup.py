"""Groups of small real runs, for the tests of trainers and executors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from bsx import registry
from bsx.schema import Group, Ingredient, Point, Recipe, RunRecord, Split

DATA: Mapping[str, Any] = {"samples": 120, "classes": 3, "features": 5, "spread": 1.5}


def recipe(**changes: Any) -> Recipe:
    """Return a small recipe: 96 samples of blobs, a logistic regression."""
    made = Recipe(
        dataset=Ingredient("blobs", DATA),
        fingerprint="",
        split=Split(),
        model=Ingredient("logistic"),
        optimizer=Ingredient("sgd", {"momentum": 0.9}),
        task="classification",
        batch_size=16,
        steps=40,
        tail="keep",
        evaluation_spacing=1.2,
    )
    return dataclasses.replace(made, **changes)


def group(
    of: Recipe, members: Sequence[tuple[Point, int]], trainer: str = "loop", **changes: Any
) -> Group:
    """Return a group on one thread of the CPU."""
    return dataclasses.replace(
        Group(of, tuple(members), trainer, "cpu", threads=1, round=0), **changes
    )


def trained(of: Group, reports: list[tuple[float, float | None]] | None = None) -> list[RunRecord]:
    """Return the records of a group, in the order they came."""
    kept = [] if reports is None else reports
    worker = registry.worker("trainer", of.trainer)
    came = worker(of, lambda fraction, best: kept.append((fraction, best)))
    return [record for records in came for record in records]
