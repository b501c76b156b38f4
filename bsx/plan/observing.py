"""Completed runs → those that are trained again to measure something on their way.

It is a round of its own, after all others: which runs it takes follows from completed records
alone, so that a sweep that was interrupted takes the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from bsx.schema import (
    CostModel,
    DiagnosticRecord,
    DiagnosticUnit,
    Facts,
    Point,
    Recipe,
    Run,
    RunRecord,
    RunStatus,
    SweepConfig,
    diagnostic_id,
    rate_of,
    recipe_at,
)
from bsx.stats.against_small import best_rate_at_end
from bsx.stats.curves import SizeRuns

_PASSES = 3.0  # what a training run takes, times this, is foretold for one that is observed


class _Observed(NamedTuple):
    """A batch size, the rate best on validation at its end, and the seeds that completed there."""

    recipe: Recipe
    point: Point
    seeds: tuple[int, ...]


def diagnostic_units(
    config: SweepConfig,
    facts: Facts,
    of: Sequence[Recipe],
    records: Mapping[str, RunRecord],
    done: Collection[str],
    cost: CostModel,
) -> tuple[DiagnosticUnit, ...]:
    """Return the runs to be trained again for ``config.measures``.

    All at the rate best on validation at the end. The noise scale is measured along the first seed
    of each batch size, sharpness at the end of every seed, and gradients of all batch sizes along
    the first seed of the middle one.

    Args:
        records: the completed runs, by run id.
        done: the ids of what was measured already (:func:`bsx.schema.diagnostic_id`).
    """
    observed = _observed(config, facts, of, records) if config.measures else []
    sizes = tuple(recipe.batch_size for recipe in of)
    middle = observed[(len(observed) - 1) // 2] if observed else None
    units = []
    for one in observed:
        for seed in one.seeds:
            run = Run(recipe_at(one.recipe, one.point), rate_of(one.point), seed)
            wanted = {
                "noise-scale": seed == one.seeds[0],
                "gradients": one is middle and seed == one.seeds[0],
                "sharpness": True,
            }
            missing = tuple(
                name
                for name in config.measures
                if wanted[name] and record_id(run, name, sizes) not in done
            )
            if missing:
                passes = records[run.run_id].environment.get("micro_batch_size")
                units.append(_unit(run, missing, sizes, facts, cost, passes))
    return tuple(units)


def record_id(run: Run, measure: str, batch_sizes: tuple[int, ...]) -> str:
    """Return the id of what is measured of a run; only gradients are of all ``batch_sizes``."""
    return diagnostic_id(run, measure, batch_sizes if measure == "gradients" else ())


def not_measured(
    unit: DiagnosticUnit, status: RunStatus, error: str
) -> tuple[DiagnosticRecord, ...]:
    """Return the records of a unit that failed."""
    return tuple(
        DiagnosticRecord(
            record_id(unit.run, name, unit.batch_sizes), unit.run, name, status.value, error=error
        )
        for name in unit.measures
    )


def _observed(
    config: SweepConfig, facts: Facts, of: Sequence[Recipe], records: Mapping[str, RunRecord]
) -> list[_Observed]:
    found = []
    by_size: dict[int, list[RunRecord]] = {recipe.batch_size: [] for recipe in of}
    for record in records.values():
        if record.run.recipe.batch_size in by_size:
            by_size[record.run.recipe.batch_size].append(record)
    for recipe in of:
        size = recipe.batch_size
        runs = SizeRuns.of(size, by_size[size], facts.train_samples, config.search)
        choice = best_rate_at_end(runs, facts.metric)
        if choice is None:
            continue
        row = runs.records[choice.rate]
        seeds = sorted(s for s, record in row.items() if record.status is RunStatus.COMPLETED)
        if seeds:
            found.append(_Observed(recipe, choice.rate, tuple(seeds)))
    return found


def _unit(
    run: Run,
    measures: tuple[str, ...],
    sizes: tuple[int, ...],
    facts: Facts,
    cost: CostModel,
    micro_batch_size: int | None,
) -> DiagnosticUnit:
    recipe = run.recipe
    alone = cost.rivals.get("loop", cost)
    steps = recipe.length(facts.train_samples)
    return DiagnosticUnit(
        recipe=recipe,
        learning_rate=run.learning_rate,
        seed=run.seed,
        measures=measures,
        batch_sizes=sizes if "gradients" in measures else (),
        device=facts.device,
        threads=facts.threads_each,
        streamed=facts.streamed,
        predicted_seconds=_PASSES * alone.group_seconds(steps, recipe.batch_size),
        micro_batch_size=micro_batch_size,
    )
