"""From a SweepConfig back to the command that asks for it: ``bsx sweep …``.

What is as it is without being asked for is left out. What says where and how a sweep runs, such as
the store or the number of workers, is no part of the question, and left out too.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from bsx import registry
from bsx.literals import as_typed
from bsx.schema import LEARNING_RATE, Ingredient, Scaling, SweepConfig, Training
from bsx.settings import DEFAULT_EPOCHS, DEFAULT_MIN_STEPS, SETTINGS
from bsx.space import usual_range

_BY_KEY = {setting.key: setting for setting in SETTINGS}


def command_line(config: SweepConfig) -> str | None:
    """Return the command; None for curves measured elsewhere, and for objects of Python."""
    if config.command is not None and config.command.program.elsewhere:
        return None
    ingredients = (config.dataset, config.model, config.optimizer)
    if any(one.name.startswith(registry.GIVEN) for one in ingredients):
        return None
    words = ["bsx", "sweep"]
    for key, value in _asked(config):
        setting = _BY_KEY[key]
        if value is True and setting.switch:
            words.append(setting.flag)
        elif isinstance(value, tuple):
            words += [word for one in value for word in (setting.flag, one)]
        else:
            words += [setting.flag, str(value)]
    return shlex.join(words)


def _asked(config: SweepConfig) -> Iterator[tuple[str, Any]]:
    """Yield settings that differ from what they are without being given, as they are typed."""
    for key, value in _all(config):
        default = _BY_KEY[key].default
        if value is None or value == () or value is False or value == default:
            continue
        yield key, repr(value) if isinstance(value, float) else value


def _all(config: SweepConfig) -> Iterator[tuple[str, Any]]:
    if config.command is None:
        yield from _trained(config)
    else:
        program = config.command.program
        metrics = ",".join(
            f"{m.name}:{'max' if m.higher_is_better else 'min'}" for m in config.command.metrics
        )
        yield "command", program.text
        yield "train_samples", program.train_samples
        yield "metrics_from", program.reports
        words = shlex.split(program.text)
        yield "source", tuple(path for path in program.sources if path not in words)
        yield "timeout", config.command.timeout_seconds
        yield "metric", metrics
    yield "drop_last", config.tail == "drop"
    yield from _sizes(config)
    yield from _searched(config)
    if config.command is None or config.command.program.takes_length:
        yield from _budget(config)
    yield "target", tuple(f"{t.metric}={t.threshold!r}" for t in config.targets)
    yield "confirm", config.confirm
    yield "reference_batch_size", config.reference_batch_size
    yield "tolerance", config.tolerance
    yield "objective", None if config.aim == "time" else config.aim
    yield "price_per_hour", config.price_per_hour
    yield "name", config.name


def _trained(config: SweepConfig) -> Iterator[tuple[str, Any]]:
    yield "dataset", config.dataset.name
    yield "dataset_args", _arguments(config.dataset)
    yield "model", config.model.name
    yield "model_args", _arguments(config.model)
    yield "optimizer", config.optimizer.name
    usual = {"momentum": 0.9} if config.optimizer.name == "sgd" else {}
    tuned = {axis.name for axis in config.search.beside} if config.search else set()
    yield "optimizer_args", _arguments(config.optimizer, usual, tuned)
    yield "loss", config.objective.loss
    yield "label_smoothing", config.objective.label_smoothing
    yield "metric", config.objective.metric
    for field in fields(Training):
        yield field.name, getattr(config.training, field.name)
    yield "momentum_rule", config.scaling.momentum
    yield "weight_decay_rule", config.scaling.weight_decay
    yield "init", config.initialization.scheme
    yield "init_from", config.initialization.file
    yield "without_head", config.initialization.without_head
    yield "freeze", config.initialization.freeze
    yield "validation_fraction", config.split.validation
    yield "test_fraction", config.split.test
    yield "split_seed", config.split.seed
    yield "subset", config.sampling.subset
    yield "order", config.sampling.order
    yield "class_skew", config.sampling.class_skew
    yield "augment", config.sampling.augment
    yield "evaluation_spacing", config.evaluation_spacing
    yield "evaluation_samples", config.evaluation_samples
    for name in config.measures:
        yield name.replace("-", "_"), True
    yield "speed_loop", config.speed_loop
    yield "device", config.device


def _sizes(config: SweepConfig) -> Iterator[tuple[str, Any]]:
    rates, branching = config.learning_rates, config.branching
    sizes = config.batch_sizes.sizes
    yield "batch_sizes", ",".join(map(str, sizes)) if sizes else None
    yield "full_batch", config.batch_sizes.full_batch
    told = config.command is None or config.command.program.takes_rate
    yield "learning_rate", ",".join(map(repr, rates.values)) if told and rates.values else None
    yield "scout", rates.scout and config.search is None
    base = rates.base_batch_size or config.audit_base
    if config.scaling != Scaling():
        base = config.scaling.base_batch_size
    if branching is not None:
        yield "method", "branched"
        yield "learning_rate_rule", branching.rule
        yield "saturation", branching.saturation
        yield "base_batch_size", branching.base_batch_size
        yield "branch_points", branching.points
        yield "branch_samples", branching.samples
    else:
        usual = "none" if rates.mode == "fixed" else "tuned"
        yield "learning_rate_rule", None if rates.rule == usual or not told else rates.rule
        yield "saturation", rates.saturation
        yield "base_batch_size", base
    program = config.command.program if config.command else None
    yield "seeds", config.seeds if program is None or "seed" in program.placeholders else None


def _searched(config: SweepConfig) -> Iterator[tuple[str, Any]]:
    search = config.search
    if search is None:
        return
    names = [LEARNING_RATE, *(axis.name for axis in search.beside)]
    yield "tune", ",".join(name.replace("_", "-") for name in names)
    yield "trials", search.trials
    axes = [axis for axis in search.axes if axis != usual_range(axis.name, config.optimizer)]
    yield "search", tuple(f"{a.name.replace('_', '-')}={a.low!r}..{a.high!r}" for a in axes)


def _budget(config: SweepConfig) -> Iterator[tuple[str, Any]]:
    budget = config.budget
    usual = budget.epochs == DEFAULT_EPOCHS and budget.min_steps is not None
    if usual and budget.steps is None and budget.samples_seen is None:
        yield "min_steps", None if budget.min_steps == DEFAULT_MIN_STEPS else budget.min_steps
        return
    yield "epochs", budget.epochs
    yield "steps", budget.steps
    yield "samples_seen", budget.samples_seen
    yield "min_steps", budget.min_steps


def _arguments(
    ingredient: Ingredient, usual: Mapping[str, Any] | None = None, without: set[str] | None = None
) -> tuple[str, ...]:
    return tuple(
        f"{key}={_typed(value)}"
        for key, value in ingredient.args.items()
        if (usual or {}).get(key) != value and key not in (without or ())
    )


def _typed(value: Any) -> str:
    """Write the value of an argument as a person types it."""
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return ",".join(map(_typed, value)) + ("," if len(value) == 1 else "")
    if isinstance(value, str):
        return as_typed(value)
    return repr(value) if isinstance(value, float) else str(value)
