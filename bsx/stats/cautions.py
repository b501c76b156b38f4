"""What must be said of a sweep that its records do not show by themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bsx.schema import Caution, Facts, Recipe, RunRecord, RunStatus

# Assumed: outputs begin around 0 to 1, and rates that are tried reach some hundred times lower
_FAR_SPREAD = 100.0


def data_cautions(facts: Facts) -> list[Caution]:
    """Say what is known of data and model before anything is trained."""
    found = []
    if facts.identifiers:
        values = {"columns": facts.identifiers, "dropped": facts.dropped}
        found.append(Caution("identifier_columns", values))
    if facts.dates:
        dropped = (*facts.dropped, *facts.identifiers)
        found.append(Caution("date_columns", {"columns": facts.dates, "dropped": dropped}))
    if facts.filled:
        found.append(Caution("filled_gaps", {"columns": facts.filled}))
    spread = _far_spread(facts)
    if spread is not None:
        found.append(Caution("targets_unscaled", {"spread": spread}))
    return [*found, *(Caution(code, {"shape": facts.input_shape}) for code in facts.doubts)]


def _far_spread(facts: Facts) -> float | None:
    """Return the standard deviation of targets too far apart for a squared error; else None."""
    told = facts.baseline.validation if facts.baseline else {}
    square, loss = told.get("mse"), told.get("loss")
    if not square or not loss or facts.task != "regression":
        return None
    spread = math.sqrt(square)
    is_squared = loss > square / 4  # half of it is a squared error, too; others are far less
    return spread if is_squared and spread > _FAR_SPREAD else None


def micro_batch_cautions(facts: Facts, rows: Sequence[Recipe]) -> list[Caution]:
    """Say where BatchNorm takes its statistics over a part of the batch alone."""
    size = next((recipe.training.micro_batch_size for recipe in rows), None)
    if size is None or not facts.has_batchnorm:
        return []
    if facts.ghost_size and size % facts.ghost_size == 0:
        return []  # the chunks are those of the whole batch
    return [
        Caution("batchnorm_of_micro_batch", {"micro_batch_size": size}, recipe.batch_size)
        for recipe in rows
        if recipe.largest_batch(facts.train_samples) > size
    ]


def accumulated_cautions(facts: Facts, records: Iterable[RunRecord]) -> list[Caution]:
    """Say which sizes were trained in passes that nobody asked for: memory held no whole batch."""
    passes: dict[int, int] = {}
    for record in records:
        samples = record.environment.get("micro_batch_size")
        if samples is not None and record.status is RunStatus.COMPLETED:
            size = record.run.recipe.batch_size
            passes[size] = min(samples, passes.get(size, samples))
    codes = ["accumulated"]
    if facts.has_batchnorm:
        codes.append("batchnorm_of_micro_batch")
    return [
        Caution(code, {"micro_batch_size": samples}, size)
        for code in codes
        for size, samples in sorted(passes.items())
    ]
