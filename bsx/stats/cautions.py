"""What must be said of a sweep that its records do not show by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bsx.schema import Caution, Facts, Recipe, RunRecord, RunStatus


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
    return [*found, *(Caution(code, {"shape": facts.input_shape}) for code in facts.doubts)]


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
