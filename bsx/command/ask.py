"""What was asked about the user's own program, checked before it is run for the first time."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bsx import files
from bsx.command import names, template
from bsx.errors import ConfigError
from bsx.schema import (
    Budget,
    Command,
    Ingredient,
    LearningRates,
    Metric,
    Objective,
    Program,
    SweepConfig,
    TargetSpec,
)

# Without a placeholder for the rate, a run's rate counts in units of the program's own.
OWN_RATE = 1.0

_INTERPRETERS = ("python", "bash", "sh", "torchrun", "accelerate")
_SCRIPTS = (".py", ".sh")
_LENGTHS = ("epochs", "steps", "samples_seen", "min_steps")
_ONLY_HERE = ("train_samples", "source", "metrics_from", "timeout")


def own_program(
    config: SweepConfig,
    values: Mapping[str, Any],
    origins: Mapping[str, str],
    idle: Sequence[str],
) -> SweepConfig:
    """Return the sweep over the user's own program that ``values`` ask for.

    Args:
        config: the sweep as it would be of bsx's own training.
        values: every setting.
        origins: where each came from; ``default`` for what was not given.
        idle: the settings that mean nothing to a program that trains by itself.

    Raises:
        ConfigError: for what cannot be meant, with the flag and the remedy.
    """
    text = values["command"]
    if text is None:
        for key in _ONLY_HERE:
            if origins[key] != "default":
                raise ConfigError(f"{origins[key]} has no meaning without --command")
        return config
    for key in idle:
        if origins[key] != "default":
            raise ConfigError(
                f"{origins[key]} has no meaning with --command: the program itself decides that; "
                "write it into the command"
            )
    program = _program(text, values)
    metrics, targets = _metrics(values["metric"], config.targets)
    return replace(
        config,
        dataset=Ingredient("command"),
        model=Ingredient(Path(template.words(text)[0]).name),
        optimizer=Ingredient("command"),
        learning_rates=_learning_rates(config, program, origins),
        seeds=_seeds(config, program, origins),
        budget=_budget(config, program, origins),
        objective=Objective(),
        targets=targets,
        speed_loop="command",
        executor="inline" if origins["executor"] == "default" else config.executor,
        command=Command(program, metrics, values["timeout"]),
    )


def _program(text: str, values: Mapping[str, Any]) -> Program:
    used = template.placeholders(text)
    command = template.words(text)
    if shutil.which(command[0]) is None:
        raise ConfigError(
            f"--command: there is no program {command[0]}; give one that is on the PATH, or its "
            "path (an executable file)"
        )
    _check_scripts(command)
    if values["train_samples"] is None:
        raise ConfigError(
            "--command needs --train-samples: how many samples the program trains on, so that "
            "iterations and epochs can be told from one another"
        )
    named = [word for word in command if word.endswith(".py") and Path(word).is_file()]
    sources = {path: _hash(path) for path in sorted({*named, *(values["source"] or ())})}
    return Program(text, used, values["train_samples"], sources, _reports(values["metrics_from"]))


def _check_scripts(command: Sequence[str]) -> None:
    """Refuse a script that is not there, where a word names one without any placeholder."""
    program = Path(command[0]).name
    if not program.startswith(_INTERPRETERS):
        return
    script = next((word for word in command[1:] if not word.startswith("-")), "")
    named = script.endswith(_SCRIPTS) and "{" not in script
    if named and not Path(script).is_file():
        raise ConfigError(
            f"--command: there is no file {script}; it was looked for in {Path.cwd()}"
        )


def _reports(given: str) -> str:
    kind, _, where = given.partition(":")
    if kind == "tensorboard" and importlib.util.find_spec("tensorboard") is None:
        raise ConfigError(
            f"--metrics-from {given} needs the library that reads event files: "
            "pip install tensorboard"
        )
    if given == "stdout" or (kind in ("csv", "tensorboard") and where):
        return given
    raise ConfigError(f"--metrics-from {given}: give stdout, csv:FILE or tensorboard:FOLDER")


def _hash(path: str) -> str:
    try:
        return files.digest_of(path)
    except OSError as error:
        raise ConfigError(f"--source: cannot read {path}: {error.strerror}") from None


def _metrics(
    given: str | None, targets: Sequence[TargetSpec]
) -> tuple[tuple[Metric, ...], tuple[TargetSpec, ...]]:
    """Return the metrics, the one to judge by first, and the targets under the same names."""
    named = [names.validation_name(t.metric, f"--target {t.metric}") for t in targets]
    found: dict[str, Metric] = {}
    asked = [text.strip() for text in (given or "").split(",") if text.strip()]
    for text in (*asked, *named) or ("loss",):
        if text not in found:
            metric = names.metric(text, "--metric")
            found.setdefault(metric.name, metric)
    renamed = (replace(t, metric=name) for t, name in zip(targets, named, strict=True))
    return tuple(found.values()), tuple(renamed)


def _learning_rates(
    config: SweepConfig, program: Program, origins: Mapping[str, str]
) -> LearningRates:
    if template.RATE & set(program.placeholders):
        return config.learning_rates
    for key in ("learning_rate", "learning_rate_rule", "base_batch_size", "saturation"):
        if origins[key] != "default":
            raise ConfigError(
                f"{origins[key]} has no meaning for a --command without {{lr}}; write {{lr}} where "
                "the program takes its learning rate"
            )
    return LearningRates("fixed", (OWN_RATE,), "none")


def _seeds(config: SweepConfig, program: Program, origins: Mapping[str, str]) -> int:
    if "seed" in program.placeholders:
        return config.seeds
    if origins["seeds"] != "default" and config.seeds > 1:
        raise ConfigError(
            f"{origins['seeds']} {config.seeds} has no meaning for a --command without {{seed}}; "
            "write {seed} where the program takes its seed"
        )
    return 1


def _budget(config: SweepConfig, program: Program, origins: Mapping[str, str]) -> Budget:
    """The budget; an epoch, for planning alone, where the program does not take one."""
    if template.LENGTH & set(program.placeholders):
        return config.budget
    for key in _LENGTHS:
        if origins[key] != "default":
            raise ConfigError(
                f"{origins[key]} has no meaning for a --command without {{steps}} or {{epochs}}; "
                "write one of them where the program takes its length"
            )
    return Budget(epochs=1.0)
