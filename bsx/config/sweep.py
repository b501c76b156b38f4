"""The settings' values → SweepConfig, every cross-field check made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bsx import registry
from bsx.arithmetic import check_growing
from bsx.command.ask import own_program
from bsx.config.branched import branched
from bsx.config.cluster import cluster, devices
from bsx.config.halving import check_halving
from bsx.config.reading import check_price
from bsx.config.search import with_search
from bsx.errors import ConfigError
from bsx.schema import (
    MEASURES,
    BatchSizes,
    Budget,
    Ingredient,
    Initialization,
    LearningRates,
    Objective,
    Sampling,
    Scaling,
    Split,
    SweepConfig,
    Training,
)
from bsx.settings import DEFAULT_EPOCHS, DEFAULT_MIN_STEPS, OF_OWN_TRAINING, SETTINGS

# What a program of the user's decides by itself
_IDLE_WITH_COMMAND = (
    *(
        s.key
        for s in SETTINGS
        if s.panel in OF_OWN_TRAINING and s.key not in ("metric", "drop_last")
    ),
    "device",
    "devices",
    "speed_loop",
    "stream",
    "halving",
    "max_memory",
    "evaluation_spacing",
    "evaluation_samples",
    "allow_accumulation",
)
_CLOSEST, _WIDEST = 1.001, 4.0  # factors between evaluations
_RELATIVE = ("linear", "sqrt", "saturating")
_AUGMENTATIONS = ("flip", "crop", "noise")


def sweep_asked(values: Mapping[str, Any], origins: Mapping[str, str]) -> SweepConfig:
    """Return the sweep that the settings mean, of bsx's own training or of the user's program."""
    config = own_program(_sweep(values, origins), values, origins, _IDLE_WITH_COMMAND)
    config = with_search(config, values, origins)
    check_halving(config, origins)
    return config


def _sweep(values: Mapping[str, Any], origins: Mapping[str, str]) -> SweepConfig:
    check_price(values["objective"], values["price_per_hour"])
    branching, values = branched(values, origins)
    split = Split(values["validation_fraction"], values["test_fraction"], values["split_seed"])
    if split.validation + split.test >= 1:
        raise ConfigError(
            f"--validation-fraction {split.validation:g} and --test-fraction {split.test:g} "
            "leave nothing to train on; together they must stay below 1"
        )
    return SweepConfig(
        dataset=_ingredient("dataset", values["dataset"], values["dataset_args"]),
        model=_ingredient("model", values["model"], values["model_args"]),
        optimizer=_optimizer(values),
        batch_sizes=BatchSizes(values["batch_sizes"], values["full_batch"]),
        learning_rates=_learning_rates(values),
        budget=_budget(values),
        seeds=values["seeds"],
        split=split,
        tail="drop" if values["drop_last"] else "keep",
        speed_loop=values["speed_loop"],
        targets=tuple(values["target"] or ()),
        tolerance=values["tolerance"],
        device=values["device"],
        threads=values["threads"] or 0,
        workers=values["workers"],
        executor=values["executor"],
        devices=devices(values, origins),
        cluster=cluster(values, origins),
        hang_seconds=values["hang_timeout"],
        accumulate=values["allow_accumulation"],
        states_bytes=None if values["halving"] else values["keep_states"],
        engine=values["engine"],
        lanes_bytes=values["max_memory"],
        evaluation_spacing=_spacing(values["evaluation_spacing"]),
        evaluation_samples=values["evaluation_samples"],
        within_seconds=values["within"],
        name=values["name"],
        sampling=_sampling(values),
        objective=Objective(values["loss"], values["label_smoothing"], values["metric"]),
        initialization=_initialization(values),
        training=_training(values),
        scaling=_scaling(values),
        stream=values["stream"],
        aim=values["objective"] or "time",
        price_per_hour=values["price_per_hour"],
        confirm=values["confirm"],
        branching=branching,
        measures=tuple(name for name in MEASURES if values[name.replace("-", "_")]),
        audit_base=_audit_base(values),
        reference_batch_size=values["reference_batch_size"],
        origins=origins,
    )


def _spacing(factor: float) -> float:
    if not _CLOSEST <= factor <= _WIDEST:
        raise ConfigError(
            f"--evaluation-spacing {factor:g}: give a factor from {_CLOSEST:g} to {_WIDEST:g}; "
            "1.05 evaluates 159 times in 10,000 iterations, 1.01 620 times"
        )
    return factor


def _ingredient(kind: str, name: str, args: Mapping[str, Any] | None) -> Ingredient:
    return Ingredient(name, dict(args or {}), registry.source_hash(kind, name))


def _optimizer(values: Mapping[str, Any]) -> Ingredient:
    args = dict(values["optimizer_args"] or {})
    if "lr" in args:
        raise ConfigError(f"--optimizer-arg lr={args['lr']}: give the rate with --learning-rate")
    if values["optimizer"] == "sgd":
        args.setdefault("momentum", 0.9)
    for key in ("momentum", "weight_decay"):
        if values[key] is None:
            continue
        flag = f"--{key.replace('_', '-')}"
        if args.get(key, values[key]) != values[key] and key in (values["optimizer_args"] or {}):
            raise ConfigError(
                f"{flag} {values[key]:g} and --optimizer-arg {key}={args[key]} disagree; "
                "give one of the two"
            )
        args[key] = values[key]
    return _ingredient("optimizer", values["optimizer"], args)


def _learning_rates(values: Mapping[str, Any]) -> LearningRates:
    rates = values["learning_rate"]
    rule = values["learning_rate_rule"]
    base = values["base_batch_size"]
    mode = "tuned" if rates == () else "fixed" if len(rates) == 1 else "grid"
    if rule is None:
        rule = "none" if mode == "fixed" else "tuned"
    elif rule == "tuned" and mode == "fixed":
        said = f"there is nothing to tune with --learning-rate {rates[0]:g}; give a grid, or leave"
        raise ConfigError(f"--learning-rate-rule tuned: {said} one of the two out")
    relative = rule in _RELATIVE or (rule == "none" and mode != "fixed")
    if (rule == "saturating") != (values["saturation"] is not None):
        raise ConfigError(
            "--learning-rate-rule saturating and --saturation belong together; give both or none"
        )
    if relative and base is None:
        raise ConfigError(
            f"--learning-rate-rule {rule} starts from the rate of one batch size; "
            "name it with --base-batch-size"
        )
    if base is not None and mode == "fixed" and not relative and _scaling(values) == Scaling():
        raise ConfigError(
            f"--base-batch-size {base} has no meaning with one rate and without a rule that starts "
            "from it, such as --learning-rate-rule linear"
        )
    if values["scout"] and mode == "fixed":
        raise ConfigError(f"--scout and --learning-rate {rates[0]:g}: leave one of the two out")
    start = base if relative else None
    return LearningRates(
        mode, rates, rule, start, values["saturation"], values["scout"], values["halving"]
    )


def _audit_base(values: Mapping[str, Any]) -> int | None:
    """Return the base of the audit, which takes place where rates are tuned at each size."""
    rates = _learning_rates(values)
    tuned = rates.rule == "tuned" and rates.mode != "fixed"
    return values["base_batch_size"] if tuned and _scaling(values) == Scaling() else None


def _scaling(values: Mapping[str, Any]) -> Scaling:
    momentum, decay = values["momentum_rule"], values["weight_decay_rule"]
    if momentum == "fixed" and decay == "fixed":
        return Scaling()
    base = values["base_batch_size"]
    if base is None:
        flag = "--momentum-rule" if momentum != "fixed" else "--weight-decay-rule"
        raise ConfigError(f"{flag} starts from one batch size; name it with --base-batch-size")
    return Scaling(momentum, decay, base)


def _training(values: Mapping[str, Any]) -> Training:
    given = {field.name: values[field.name] for field in fields(Training)}
    if given["decay"] == "batch-size":
        check_growing(given["schedule"], values["class_skew"])
    elif given["grow_to"] is not None:
        if "decay" not in dict(values["vary"] or ()):
            raise ConfigError(
                f"--grow-to {given['grow_to']} has no meaning without --decay batch-size"
            )
        given["grow_to"] = None  # it is another arm's
    return Training(**given)


def _initialization(values: Mapping[str, Any]) -> Initialization:
    file = values["init_from"]
    if file is None and values["without_head"]:
        raise ConfigError("--without-head has no meaning without --init-from FILE")
    source = registry.file_hash(file, "--init-from") if file is not None else None
    return Initialization(
        values["init"], file, source, values["without_head"], values["freeze"] or ()
    )


def _sampling(values: Mapping[str, Any]) -> Sampling:
    augment = values["augment"] or ()
    for name in augment:
        if name not in _AUGMENTATIONS:
            raise ConfigError(f"--augment {name}: give of {', '.join(_AUGMENTATIONS)}")
    return Sampling(values["subset"], values["order"], values["class_skew"], augment)


def _budget(values: Mapping[str, Any]) -> Budget:
    limits = (values["epochs"], values["steps"], values["samples_seen"])
    least = values["min_steps"]
    if limits == (None, None, None):
        return Budget(epochs=DEFAULT_EPOCHS, min_steps=least or DEFAULT_MIN_STEPS)
    if least is not None and values["steps"] is not None and least > values["steps"]:
        raise ConfigError(
            f"--min-steps {least} is above --steps {values['steps']}; lower one of the two"
        )
    return Budget(*limits, least)
