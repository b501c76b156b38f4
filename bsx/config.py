"""Flags > ``BSX_*`` environment > TOML file > defaults → SweepConfig, every cross-field check made.

:data:`SETTINGS` is the one list of what can be set: the command line, the environment, TOML files
and the reference documentation all follow from it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsx import parse, registry
from bsx.errors import ConfigError
from bsx.schema import (
    BatchSizes,
    Budget,
    Ingredient,
    LearningRates,
    Split,
    SweepConfig,
    TargetSpec,
)

# Enough for small and large batch sizes alike to come to a plateau on data of a few thousand
# samples; an epochs budget alone starves the large ones, hence the floor in steps.
DEFAULT_EPOCHS = 10.0
DEFAULT_MIN_STEPS = 300


@dataclass(frozen=True)
class Setting:
    """One thing that can be set: ``read`` turns what was given into its value."""

    key: str  # in TOML; BSX_KEY in the environment; --key on the command line
    read: Callable[[Any, str], Any]
    help: str
    panel: str
    default: Any = None
    metavar: str = "TEXT"
    flags: tuple[str, ...] = ()
    switch: bool = False
    repeatable: bool = False

    @property
    def flag(self) -> str:
        """The flag by which messages name it."""
        return self.flags[0] if self.flags else "--" + self.key.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "BSX_" + self.key.upper()


@dataclass(frozen=True)
class Door:
    """What concerns the command and not the sweep: where it is kept, and how it is shown."""

    store: str
    fresh: bool
    format: str
    get: str | None
    quiet: bool
    dry_run: bool


_INGREDIENTS = "What is trained"
_SIZES = "Batch sizes, learning rates, seeds"
_BUDGET = "How long"
_SPLIT = "Data split"
_READING = "How results are read"
_WHERE = "Where and how it runs"
_OUTPUT = "Output"

SETTINGS: tuple[Setting, ...] = (
    Setting("dataset", parse.text, "Data set: a name of `bsx list datasets`, module:attribute or "
            "file.py:attribute.", _INGREDIENTS, "digits", "NAME"),
    Setting("dataset_args", parse.arguments, "Argument of the data set; repeat for more.",
            _INGREDIENTS, metavar="KEY=VALUE", flags=("--dataset-arg",), repeatable=True),
    Setting("model", parse.text, "Model: a name of `bsx list models`, module:attribute or "
            "file.py:attribute.", _INGREDIENTS, "mlp", "NAME"),
    Setting("model_args", parse.arguments, "Argument of the model, e.g. hidden=128,128.",
            _INGREDIENTS, metavar="KEY=VALUE", flags=("--model-arg",), repeatable=True),
    Setting("optimizer", parse.text, "Optimizer: a name of `bsx list optimizers`, "
            "module:attribute or file.py:attribute.", _INGREDIENTS, "sgd", "NAME"),
    Setting("optimizer_args", parse.arguments, "Argument of the optimizer, e.g. nesterov=true.",
            _INGREDIENTS, metavar="KEY=VALUE", flags=("--optimizer-arg",), repeatable=True),
    Setting("momentum", parse.fraction, "Momentum.  (default: 0.9 for sgd)", _INGREDIENTS,
            metavar="FLOAT"),
    Setting("weight_decay", parse.not_negative, "Weight decay.", _INGREDIENTS, metavar="FLOAT"),

    Setting("batch_sizes", parse.batch_sizes, "Batch sizes: 32, 8,32,128, 2..1024 (powers of two) "
            "or 8..64:8 (multiples).  (default: 2.. as large as the training set allows)", _SIZES,
            metavar="SIZES", flags=("--batch-sizes", "--batch-size")),
    Setting("full_batch", parse.switch, "Also train on the whole training set at once.", _SIZES,
            False, switch=True),
    Setting("learning_rate", parse.learning_rate, "tuned (at each batch size, over a grid that "
            "widens itself), one rate, or a grid 0.01,0.03,0.1.", _SIZES, "tuned", "RATE",
            flags=("--learning-rate", "--lr")),
    Setting("learning_rate_rule", parse.one_of("tuned", "none", "linear", "sqrt"),
            "How the rate follows the batch size: tuned at each, or none, linear or sqrt from "
            "the rate at --base-batch-size.  (default: tuned; none for one rate)", _SIZES,
            metavar="RULE", flags=("--learning-rate-rule", "--lr-rule")),
    Setting("base_batch_size", parse.count, "The batch size that a learning-rate rule starts from.",
            _SIZES, metavar="INT"),
    Setting("seeds", parse.count, "Seeds, the same at every batch size.", _SIZES, 5, "INT"),

    Setting("epochs", parse.positive, "Train for this many epochs.  (default: "
            f"{DEFAULT_EPOCHS:g}, with --min-steps {DEFAULT_MIN_STEPS})", _BUDGET, metavar="FLOAT"),
    Setting("steps", parse.count, "Train for this many iterations.", _BUDGET, metavar="INT"),
    Setting("samples_seen", parse.count, "Train until this many samples were seen.", _BUDGET,
            metavar="INT"),
    Setting("min_steps", parse.count, "A floor in iterations under the limits above.", _BUDGET,
            metavar="INT"),
    Setting("within", parse.duration, "Time for the whole sweep, e.g. 90s, 10m, 1h30m: the most "
            "valuable parts come first.", _BUDGET, metavar="TIME"),

    Setting("validation_fraction", parse.proper_fraction, "Share of the data for validation.",
            _SPLIT, 0.1, "FLOAT"),
    Setting("test_fraction", parse.proper_fraction, "Share of the data for the test set.", _SPLIT,
            0.1, "FLOAT"),
    Setting("split_seed", parse.index, "Seed of the division.", _SPLIT, 0, "INT"),
    Setting("drop_last", parse.switch, "Drop the last, smaller batch of an epoch.", _SPLIT, False,
            switch=True),

    Setting("target", parse.targets, "Metric to reach on validation, e.g. accuracy=0.97; repeat "
            "for more.  (default: chosen from the results)", _READING, metavar="METRIC=VALUE",
            repeatable=True),
    Setting("tolerance", parse.not_negative, "How much worse on validation a batch size may be "
            "and still be recommended.", _READING, 0.005, "FLOAT"),

    Setting("device", parse.one_of("auto", "cpu", "cuda", "mps"), "auto, cpu, cuda or mps.",
            _WHERE, "auto", "DEVICE"),
    Setting("threads", parse.count, "CPU threads.  (default: all)", _WHERE, metavar="INT"),
    Setting("speed_loop", parse.one_of("device", "dataloader"), "The loop that is timed: data "
            "indexed on the device, or a DataLoader.", _WHERE, "device", "LOOP"),
    Setting("executor", parse.one_of("workers", "inline"), "Where units run: a process each, or "
            "in this one.", _WHERE, "workers", "NAME"),
    Setting("store", parse.text, "Folder of the stored sweeps.", _WHERE, "bsx-runs", "DIR"),
    Setting("fresh", parse.switch, "Train again what is stored.", _WHERE, False, switch=True),
    Setting("name", parse.text, "A name for the sweep.", _WHERE),

    Setting("format", parse.one_of("table", "json", "jsonl", "csv", "markdown"),
            "table, json, jsonl, csv or markdown.", _OUTPUT, "table", "FORMAT"),
    Setting("get", parse.text, "Print one value, e.g. recommendation.batch-size.", _OUTPUT,
            metavar="PATH"),
    Setting("quiet", parse.switch, "No progress and no cautions on stderr.", _OUTPUT, False,
            switch=True),
    Setting("dry_run", parse.switch, "Say what would be trained and how long it would take; train "
            "nothing.", _OUTPUT, False, switch=True),
)  # fmt: skip

_BY_KEY = {setting.key: setting for setting in SETTINGS}


def read_sweep(
    flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None
) -> tuple[SweepConfig, Door]:
    """Return the sweep that was asked for.

    Args:
        flags: key → value for those given on the command line; None and () mean not given.
        environ: the environment.
        file: a TOML file, or None.

    Raises:
        ConfigError: for the first thing that cannot be meant, naming where it came from.
    """
    values, origins = _values(flags, environ, _read_toml(file) if file else {}, file)
    return _sweep(values, origins), _door(values)


def _values(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    in_file: Mapping[str, Any],
    file: Path | None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the value of every setting, and where it came from."""
    values: dict[str, Any] = {s.key: s.default for s in SETTINGS}
    origins = dict.fromkeys(values, "default")
    for setting in SETTINGS:
        key = setting.key
        given = flags.get(key)
        if given not in (None, (), []) and given is not False:
            values[key], origins[key] = setting.read(given, setting.flag), setting.flag
        elif setting.variable in environ:
            text = environ[setting.variable]
            values[key], origins[key] = setting.read(text, setting.variable), setting.variable
        elif key in in_file:
            values[key] = setting.read(in_file[key], f"{file}: {key} =")
            origins[key] = str(file)
        elif setting.default is not None:
            values[key] = setting.read(setting.default, setting.flag)
    return values, origins


@dataclass(frozen=True)
class View:
    """How a stored sweep is to be read again; None and () leave it as it was asked for."""

    targets: tuple[TargetSpec, ...]
    tolerance: float | None


def read_view(flags: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[View, Door]:
    """Return how ``bsx show`` is to read a stored sweep.

    Raises:
        ConfigError: for the first thing that cannot be meant.
    """
    values, origins = _values(flags, environ, {}, None)
    asked = values["tolerance"] if origins["tolerance"] != "default" else None
    return View(tuple(values["target"] or ()), asked), _door(values)


def default_store(environ: Mapping[str, str]) -> str:
    """Return the store's folder where no flag names one."""
    return environ.get("BSX_STORE") or "bsx-runs"


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is no valid TOML: {error}") from None
    document = {key.replace("-", "_"): value for key, value in document.items()}
    for key in document:
        if key not in _BY_KEY:
            near = difflib.get_close_matches(key, _BY_KEY, n=2)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ConfigError(f"{file}: {key} is no setting of a sweep{hint}")
    return document


def _door(values: Mapping[str, Any]) -> Door:
    return Door(
        store=values["store"],
        fresh=values["fresh"],
        format=values["format"],
        get=values["get"],
        quiet=values["quiet"],
        dry_run=values["dry_run"],
    )


def _sweep(values: Mapping[str, Any], origins: Mapping[str, str]) -> SweepConfig:
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
        executor=values["executor"],
        within_seconds=values["within"],
        name=values["name"],
        origins=origins,
    )


def _ingredient(kind: str, name: str, args: Mapping[str, Any] | None) -> Ingredient:
    return Ingredient(name, dict(args or {}), registry.source_hash(kind, name))


def _optimizer(values: Mapping[str, Any]) -> Ingredient:
    args = dict(values["optimizer_args"] or {})
    if "lr" in args:
        raise ConfigError(f"--optimizer-arg lr={args['lr']}: give the rate with --learning-rate")
    if values["optimizer"] == "sgd":
        args.setdefault("momentum", 0.9)
    for key in ("momentum", "weight_decay"):
        if values[key] is not None:
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
        raise ConfigError(
            f"--learning-rate-rule tuned: there is nothing to tune with --learning-rate "
            f"{rates[0]:g}; give a grid, or leave one of the two out"
        )
    relative = rule in ("linear", "sqrt") or (rule == "none" and mode != "fixed")
    if relative and base is None:
        raise ConfigError(
            f"--learning-rate-rule {rule} starts from the rate of one batch size; "
            "name it with --base-batch-size"
        )
    if base is not None and not relative:
        raise ConfigError(
            f"--base-batch-size {base} has no meaning without --learning-rate-rule linear or sqrt"
        )
    return LearningRates(mode, rates, rule, base)


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
