"""Runs of a file → what a sweep is made of, so that they are analysed and kept in the same way.

What was measured is known by the content of the file, the metric that it is judged by and the
number of samples that were told, not by the file's name: imported again it is the same sweep.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bsx.command import names
from bsx.errors import ConfigError
from bsx.exchange.curves import Curves, MeasuredRun
from bsx.exchange.own_metrics import asked_name
from bsx.schema import (
    ELSEWHERE,
    BatchSizes,
    Budget,
    Command,
    Facts,
    Ingredient,
    LearningRates,
    Program,
    Recipe,
    Run,
    RunRecord,
    RunStatus,
    Split,
    Sweep,
    SweepConfig,
    TargetSpec,
    digest,
)

TOLERANCE = 0.005  # as a sweep's
_NO_RATE = 1.0  # stands for the rate where none was told


@dataclass(frozen=True)
class Imported:
    """A sweep that was run elsewhere."""

    sweep: Sweep
    records: tuple[RunRecord, ...]


def as_sweep(
    curves: Curves,
    targets: Sequence[TargetSpec] = (),
    train_samples: int | None = None,
) -> Imported:
    """Make a sweep of the curves; where it was trained, and how, stays unknown.

    ``train_samples``: how many an epoch has; None: as the curves tell it, if they do.

    Raises:
        ConfigError: for targets that the file does not have, or batches above the training set.
    """
    sizes = sorted({run.batch_size for run in curves.runs})
    if train_samples is None:
        train_samples = curves.train_samples
    if train_samples is not None and sizes[-1] > train_samples:
        raise ConfigError(
            f"--train-samples {train_samples}: {curves.file} has a batch size of {sizes[-1]}, "
            "which cannot be more than all of them"
        )
    specs = tuple(_target(spec, curves) for spec in targets)
    program = Program(
        curves.file,
        ("lr",) if curves.rates else (),
        train_samples or 0,
        {curves.file: curves.fingerprint},
        f"{ELSEWHERE}{curves.file}",
    )
    config = _config(curves, program, sizes, specs)
    facts = _facts(curves, train_samples)
    sweep_id = digest([curves.fingerprint, curves.metrics, train_samples], 12)
    # A file by another name, or beside others, holds the same runs.
    nameless = replace(program, text=sweep_id, sources={}, reports=ELSEWHERE)
    recipes = {size: _recipe(config, facts, size, curves, nameless) for size in sizes}
    records = tuple(_record(run, recipes[run.batch_size], facts) for run in curves.runs)
    return Imported(Sweep(sweep_id, config, facts, {}, "complete", ""), records)


def _target(spec: TargetSpec, curves: Curves) -> TargetSpec:
    """Return a target by the name that its metric has here."""
    known = {metric.name: metric for metric in curves.metrics}
    name = asked_name(spec.metric, f"--target {spec.metric}={spec.threshold:g}", known)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}"
        raise ConfigError(
            f"--target {spec.metric}={spec.threshold:g}: {curves.file} has no such metric; {hint}"
        )
    if known[name].bounded and not 0 < spec.threshold <= 1:
        raise ConfigError(
            f"--target {spec.metric}={spec.threshold:g}: {name} lies between 0 and 1; for 97 % "
            "write 0.97"
        )
    return TargetSpec(name, spec.threshold)


def _config(
    curves: Curves,
    program: Program,
    sizes: Sequence[int],
    targets: tuple[TargetSpec, ...],
) -> SweepConfig:
    elsewhere = Ingredient("imported")
    mode = "fixed" if len(curves.rates) < 2 else "grid"
    return SweepConfig(
        dataset=elsewhere,
        model=elsewhere,
        optimizer=elsewhere,
        batch_sizes=BatchSizes(tuple(sizes)),
        learning_rates=LearningRates(mode, curves.rates),
        budget=Budget(steps=max(max(run.last_step for run in curves.runs), 1)),
        seeds=len({run.seed for run in curves.runs}),
        split=Split(),
        tail="keep",
        speed_loop="command",
        targets=targets,
        tolerance=TOLERANCE,
        device="",
        threads=0,
        executor="",
        within_seconds=None,
        name=None,
        command=Command(program, curves.metrics),
    )


def _facts(curves: Curves, train_samples: int | None) -> Facts:
    return Facts.told(
        curves.file,
        curves.fingerprint,
        curves.metrics,
        train_samples=train_samples or 0,
        by="imported",
        device="",
        threads=0,
    )


def _recipe(
    config: SweepConfig, facts: Facts, size: int, curves: Curves, program: Program
) -> Recipe:
    """Return the recipe of a batch size; its budget is that of its longest run."""
    lasts = [run.last_step for run in curves.runs if run.batch_size == size]
    return Recipe(
        config.dataset,
        facts.fingerprint,
        config.split,
        config.model,
        config.optimizer,
        facts.task,
        size,
        max(*lasts, 1),
        config.tail,
        program=program,
    )


def _record(run: MeasuredRun, recipe: Recipe, facts: Facts) -> RunRecord:
    per_epoch = math.ceil(facts.train_samples / recipe.batch_size) if facts.train_samples else None
    points = tuple(replace(p, epoch=p.step / per_epoch) if per_epoch else p for p in run.points)
    final: Mapping[str, Mapping[str, float]] = {}
    if run.status is RunStatus.COMPLETED:
        last: dict[str, float] = {}
        for point in points:
            known = {names.LOSS: point.validation_loss, **point.metrics}
            last |= {name: value for name, value in known.items() if math.isfinite(value)}
        final = {"validation": last, "train": run.train, "test": run.test}
    return RunRecord(
        Run(recipe, _NO_RATE if run.rate is None else run.rate, run.seed),
        run.status,
        points,
        final,
        stopped_at=points[-1].step if points else 0,
        train_seconds=run.last_seconds,
    )
