"""What must be said of a sweep that its records do not show by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.schema import Caution, Facts, Recipe


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
