"""SweepConfig + Facts + records → the next round of units, in the order of most value.

A round is derived from completed records of the rounds before it and from nothing else, so that a
sweep that was interrupted goes on as if it had not been.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bsx.arithmetic import last_batch, powers_of_two, steps_per_epoch
from bsx.errors import ConfigError
from bsx.schema import (
    CalibrationUnit,
    CostModel,
    Facts,
    Group,
    Ingredient,
    Recipe,
    Run,
    RunRecord,
    SpeedUnit,
    SweepConfig,
    digest,
)
from bsx.tuning import MOST_ROUNDS, Rates, first_rates, next_rates

# What the lanes of one group may hold in memory at once; more lanes train in a further group.
LANES_BYTES = 2**30
_COPIES = 4  # of each number kept: values, gradients, and two temporaries
# torch's defaults, for the rules that rescale them
_BETAS = dict.fromkeys(("adam", "adamw", "adamax", "nadam", "radam"), (0.9, 0.999))
_SPEED_RATE = 1e-3  # small enough that no timed run diverges
_CALIBRATION_SIZE = 256  # large against the smallest size, and quickly run


@dataclass(frozen=True)
class Round:
    """The groups of one round, and how many rounds came before it."""

    number: int
    groups: tuple[Group, ...]


def recipes(config: SweepConfig, facts: Facts) -> tuple[Recipe, ...]:
    """Return one recipe for each batch size of the sweep, from small to large.

    Raises:
        ConfigError: for batch sizes, targets or budgets that the data and the model do not allow.
    """
    _check_targets(config, facts)
    return tuple(_recipe(config, facts, size) for size in batch_sizes(config, facts))


def batch_sizes(config: SweepConfig, facts: Facts) -> tuple[int, ...]:
    """Return the batch sizes of the sweep, from small to large.

    Raises:
        ConfigError: for a size above the training set, or of 1 under BatchNorm.
    """
    samples = facts.train_samples
    asked = config.batch_sizes
    sizes = asked.sizes or powers_of_two(2, samples)
    if asked.full_batch:
        sizes = (*sizes, samples)
    for size in sizes:
        if size > samples:
            raise ConfigError(
                f"--batch-sizes: {size} is above the {samples} samples of the training set; give "
                "at most that, or --full-batch for all of them"
            )
        if size == 1 and facts.has_batchnorm:
            raise ConfigError(
                "--batch-sizes 1: BatchNorm cannot train on a batch of 1, whose variance is 0; "
                "start at 2, or take a model without BatchNorm"
            )
    base = config.learning_rates.base_batch_size
    if base is not None and base not in sizes and config.learning_rates.mode != "fixed":
        raise ConfigError(
            f"--base-batch-size {base}: its rate is tuned first, so it must be one of --batch-sizes"
        )
    return tuple(sorted(set(sizes)))


def next_round(
    config: SweepConfig,
    facts: Facts,
    of: Sequence[Recipe],
    records: Mapping[str, RunRecord],
    cost: CostModel,
) -> Round | None:
    """Return the first round that is not complete, with what is missing of it; None when done.

    ``records`` are those that are not to be trained again, by run id.
    """
    for number, rates in enumerate(_rounds(config, facts, of, records)):
        groups = [
            group
            for recipe in of
            for group in _groups(config, facts, recipe, rates[recipe.batch_size], records, number)
        ]
        if groups:
            ordered = sorted(_costed(groups, cost), key=lambda group: group.predicted_seconds)
            return Round(number, tuple(ordered))
    return None


def members(
    config: SweepConfig, facts: Facts, of: Sequence[Recipe], records: Mapping[str, RunRecord]
) -> set[str]:
    """Return the ids of the runs that make up the sweep as far as it has come."""
    *_, last = _rounds(config, facts, of, records)
    return {run.run_id for recipe in of for run in _runs(config, recipe, last[recipe.batch_size])}


def speed_units(
    config: SweepConfig,
    facts: Facts,
    of: Sequence[Recipe],
    machine: Mapping[str, object],
    cost: CostModel,
) -> tuple[SpeedUnit, ...]:
    """Return the solo speed measurement of each batch size.

    None for a program of the user's: it alone can say how fast it is, and does so in its reports.
    """
    if config.command is not None:
        return ()
    return tuple(
        SpeedUnit(
            recipe=recipe,
            learning_rate=_SPEED_RATE,
            loop=config.speed_loop,
            device=facts.device,
            threads=facts.threads,
            machine=digest(machine),
            predicted_seconds=max(0.8, cost.group_seconds(20, recipe.batch_size, 1)),
        )
        for recipe in of
    )


def calibration(config: SweepConfig, facts: Facts, of: Sequence[Recipe]) -> CalibrationUnit:
    """Return the unit that times a small and a large group of this sweep."""
    sizes = sorted(recipe.batch_size for recipe in of)
    large = max([size for size in sizes if size <= _CALIBRATION_SIZE] or sizes[:1])
    small = min(sizes[0], large)
    grid = next(iter(sorted(first_rates(config, sizes).values(), key=len, reverse=True)))
    lanes = [(rate, seed) for rate in grid for seed in range(config.seeds)]
    alone = facts.trainer != "lanes"
    return CalibrationUnit(
        recipe=of[0],
        members=tuple([(_SPEED_RATE, 0)] if alone else lanes[: _most_lanes(facts, large)]),
        batch_sizes=tuple(sorted({small, large})),
        trainer=facts.trainer,
        device=facts.device,
        threads=facts.threads,
    )


def _rounds(
    config: SweepConfig, facts: Facts, of: Sequence[Recipe], records: Mapping[str, RunRecord]
) -> Iterator[Rates]:
    """Yield the rates of each round, up to the first that is not complete."""
    rates = first_rates(config, [recipe.batch_size for recipe in of])
    for _ in range(MOST_ROUNDS):
        yield rates
        runs = [run for recipe in of for run in _runs(config, recipe, rates[recipe.batch_size])]
        done = [records[run.run_id] for run in runs if run.run_id in records]
        if len(done) < len(runs):
            return
        wider = next_rates(config, facts, rates, done)
        if wider == rates:
            return
        rates = wider


def _runs(config: SweepConfig, recipe: Recipe, rates: Sequence[float]) -> list[Run]:
    return [Run(recipe, rate, seed) for rate in rates for seed in range(config.seeds)]


def _groups(
    config: SweepConfig,
    facts: Facts,
    recipe: Recipe,
    rates: Sequence[float],
    records: Mapping[str, RunRecord],
    number: int,
) -> list[Group]:
    """The missing runs of one size, as few groups as memory allows; a rate's seeds lie together."""
    missing = [
        (run.learning_rate, run.seed)
        for run in _runs(config, recipe, rates)
        if run.run_id not in records
    ]
    most = _most_lanes(facts, recipe.batch_size)
    return [
        Group(
            recipe=recipe,
            members=tuple(missing[start : start + most]),
            trainer=facts.trainer,
            device=facts.device,
            threads=facts.threads,
            round=number,
            judged_by=facts.metric if config.command else None,
            timeout_seconds=config.command.timeout_seconds if config.command else None,
        )
        for start in range(0, len(missing), most)
    ]


def _most_lanes(facts: Facts, batch_size: int) -> int:
    a_lane = 4 * _COPIES * (batch_size * facts.sample_floats + facts.parameters)
    return max(1, LANES_BYTES // a_lane)


def _costed(groups: Sequence[Group], cost: CostModel) -> list[Group]:
    return [replace(group, predicted_seconds=_seconds(group, cost)) for group in groups]


def _seconds(group: Group, cost: CostModel) -> float:
    """Lanes share each step's overhead; other trainers take the runs one after another."""
    steps, size, runs = group.recipe.steps, group.recipe.batch_size, len(group.members)
    if group.trainer == "lanes":
        return cost.group_seconds(steps, size, runs)
    return cost.group_seconds(steps * runs, size, 1)


def _recipe(config: SweepConfig, facts: Facts, batch_size: int) -> Recipe:
    tail = config.tail
    if tail == "keep" and facts.has_batchnorm and facts.train_samples % batch_size == 1:
        tail = "merge"  # a tail of one has no variance
    return Recipe(
        dataset=config.dataset,
        fingerprint=facts.fingerprint,
        split=config.split,
        model=config.model,
        optimizer=_optimizer(config, batch_size),
        task=facts.task,
        batch_size=batch_size,
        steps=_steps(config, facts, batch_size, tail),
        tail=tail,
        sampling=config.sampling,
        objective=config.objective,
        initialization=config.initialization,
        training=config.training,
        program=config.command.program if config.command else None,
    )


def _optimizer(config: SweepConfig, batch_size: int) -> Ingredient:
    """The optimizer with its numbers as they are at this batch size."""
    scaling = config.scaling
    if scaling.base_batch_size is None:
        return config.optimizer
    ratio = batch_size / scaling.base_batch_size
    args = dict(config.optimizer.args)
    if scaling.momentum == "half-life":
        if "momentum" in args:
            args["momentum"] = args["momentum"] ** ratio
        elif config.optimizer.name in _BETAS or "betas" in args:
            betas = args.get("betas", _BETAS.get(config.optimizer.name, (0.9, 0.999)))
            args["betas"] = tuple(beta**ratio for beta in betas)
    if scaling.weight_decay != "fixed" and "weight_decay" in args:
        args["weight_decay"] *= ratio if scaling.weight_decay == "linear" else ratio**0.5
    return replace(config.optimizer, args=args)


def _steps(config: SweepConfig, facts: Facts, batch_size: int, tail: str) -> int:
    """The steps that the budget comes to at this size: the first limit reached, above the floor."""
    budget = config.budget
    an_epoch = steps_per_epoch(facts.train_samples, batch_size, tail)
    limits = []
    if budget.epochs is not None:
        limits.append(max(1, round(budget.epochs * an_epoch)))
    if budget.steps is not None:
        limits.append(budget.steps)
    if budget.samples_seen is not None:
        last = last_batch(facts.train_samples, batch_size, tail)
        an_epoch_samples = (an_epoch - 1) * batch_size + last
        epochs, rest = divmod(budget.samples_seen, an_epoch_samples)
        limits.append(epochs * an_epoch + min(an_epoch, -(-rest // batch_size)))
    return max(min(limits), budget.min_steps or 1)


def _check_targets(config: SweepConfig, facts: Facts) -> None:
    known = {metric.name for metric in facts.metrics} | {"loss"}
    for target in config.targets:
        if target.metric not in known:
            near = difflib.get_close_matches(target.metric, known, n=1)
            if near:
                raise ConfigError(
                    f"--target {target.metric}={target.threshold:g}: {target.metric} is not "
                    f"measured; did you mean {near[0]}?"
                )
            raise ConfigError(
                f"--target {target.metric}={target.threshold:g}: what is measured of this "
                f"{facts.task} is {', '.join(sorted(known))}; name more with --metric "
                f"{facts.metric.name},{target.metric}"
            )
        metric = facts.metric_named(target.metric)
        if metric is not None and metric.bounded and not 0 < target.threshold <= 1:
            raise ConfigError(
                f"--target {target.metric}={target.threshold:g}: {target.metric} lies between "
                "0 and 1; for 97 % write 0.97"
            )
