"""SweepConfig + Facts → one recipe for each batch size; what cannot be trained is refused."""

from __future__ import annotations

import difflib
from dataclasses import replace

from bsx.arithmetic import LARGEST_SHARE, last_batch, powers_of_two, steps_per_epoch
from bsx.errors import ConfigError
from bsx.schema import (
    METRICS,
    Facts,
    Ingredient,
    Recipe,
    SweepConfig,
    metric_of,
    no_such_metric,
)
from bsx.stats import own_program

# torch's defaults, for the rules that rescale them
_BETAS = dict.fromkeys(("adam", "adamw", "adamax", "nadam", "radam"), (0.9, 0.999))


def recipes(config: SweepConfig, facts: Facts) -> tuple[Recipe, ...]:
    """Return one recipe for each batch size of the sweep, from small to large.

    Raises:
        ConfigError: for batch sizes, targets or budgets that the data and the model do not allow.
    """
    _check_targets(config, facts)
    if config.command is not None and config.command.program.elsewhere:
        facts = own_program.with_samples(facts)  # how many there were may not be told
    _check_passes(config, facts)
    made = tuple(_recipe(config, facts, size) for size in batch_sizes(config, facts))
    if config.training.decay != "rate" and all(r.training.decay == "rate" for r in made):
        most = config.training.grow_to or facts.train_samples // LARGEST_SHARE
        raise ConfigError(
            f"--decay batch-size: batches of {made[0].batch_size} or more cannot double up to "
            f"{most}; start from smaller --batch-sizes, train longer, or raise --grow-to"
        )
    return made


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
    if config.audit_base is not None and config.audit_base not in sizes:
        raise ConfigError(
            f"--base-batch-size {config.audit_base}: the rate tuned there is what a rule starts "
            "from, so it must be one of --batch-sizes"
        )
    return tuple(sorted(set(sizes)))


def _recipe(config: SweepConfig, facts: Facts, batch_size: int) -> Recipe:
    tail = config.tail
    if tail == "keep" and facts.has_batchnorm and facts.train_samples % batch_size == 1:
        tail = "merge"  # a tail of one has no variance
    recipe = Recipe(
        dataset=config.dataset,
        fingerprint=facts.fingerprint,
        split=config.split,
        model=config.model,
        optimizer=optimizer_at(config, batch_size),
        task=facts.task,
        batch_size=batch_size,
        steps=_steps(config, facts, batch_size, tail),
        tail=tail,
        evaluation_spacing=config.evaluation_spacing,
        evaluation_samples=config.evaluation_samples,
        sampling=config.sampling,
        objective=config.objective,
        initialization=config.initialization,
        training=config.training,
        program=config.command.program if config.command else None,
    )
    # A batch that cannot grow makes the run that it is where the rate decays.
    grows = recipe.largest_batch(facts.train_samples) > batch_size
    return recipe if grows else staying(recipe, batch_size)


def staying(recipe: Recipe, batch_size: int) -> Recipe:
    """The recipe at a batch size that stays as it is all along."""
    training = replace(recipe.training, decay="rate", grow_to=None)
    return replace(recipe, batch_size=batch_size, training=training)


def optimizer_at(config: SweepConfig, batch_size: int) -> Ingredient:
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


def _check_passes(config: SweepConfig, facts: Facts) -> None:
    if config.training.micro_batch_size == 1 and facts.has_batchnorm:
        raise ConfigError(
            "--micro-batch-size 1: BatchNorm cannot train on one sample, whose variance is 0; give "
            "at least 2, or take a model without BatchNorm"
        )


def _check_targets(config: SweepConfig, facts: Facts) -> None:
    known = {metric.name for metric in facts.metrics}
    imported = config.command is not None and config.command.program.elsewhere
    if not imported:
        known.add("loss")  # every task has one
    for target in config.targets:
        if target.metric not in known:
            raise ConfigError(
                f"--target {target.metric}={target.threshold:g}: "
                + _not_measured(facts, target.metric, sorted(known), imported=imported)
            )
        metric = facts.metric_named(target.metric)
        if metric is not None and metric.bounded and not 0 < target.threshold <= 1:
            raise ConfigError(
                f"--target {target.metric}={target.threshold:g}: {target.metric} lies between "
                "0 and 1; for 97 % write 0.97"
            )


def _not_measured(facts: Facts, metric: str, known: list[str], *, imported: bool) -> str:
    """Say that a metric cannot be a target, and what can, or how it is measured, too."""
    has_it = metric_of(facts.task, metric, facts.classes) is not None
    if facts.task in METRICS and not has_it and not imported:
        return no_such_metric(metric, facts.task, known)
    near = [] if has_it else difflib.get_close_matches(metric, known, n=1)
    if near:
        return f"{metric} is not measured; did you mean {near[0]}?"
    if imported:
        return f"{facts.dataset_name} has no such metric; it has {', '.join(known)}"
    return (
        f"what is measured of this {facts.task} is {', '.join(known)}; name more with --metric "
        f"{facts.metric.name},{metric}"
    )
