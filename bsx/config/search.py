"""What ``--tune``, ``--trials`` and ``--search`` mean together with the rest of a sweep."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bsx.command.template import TUNED
from bsx.errors import ConfigError
from bsx.schema import (
    EFFECTIVE_RATE,
    LEARNING_RATE,
    MOMENTUM,
    WEIGHT_DECAY,
    Axis,
    Search,
    SweepConfig,
)
from bsx.space import usual_range

FEWEST_TRIALS = 4
_NAMES = (LEARNING_RATE, *TUNED)


def with_search(
    config: SweepConfig, values: Mapping[str, Any], origins: Mapping[str, str]
) -> SweepConfig:
    """Return the sweep with the search that ``values`` ask for; as it is where they ask for none.

    Args:
        config: the sweep otherwise.
        values: every setting.
        origins: where each came from; ``default`` for what was not given.

    Raises:
        ConfigError: for what cannot be meant, with the flag and the remedy.
    """
    _check_placeholders(config, values["tune"] or ())
    if not values["tune"]:
        for key in ("trials", "search"):
            if origins[key] != "default":
                raise ConfigError(f"{origins[key]} has no meaning without --tune")
        return config
    names = _names(values["tune"])
    _check_alone(config, names, values, origins)
    if values["trials"] < FEWEST_TRIALS:
        raise ConfigError(f"--trials {values['trials']}: give at least {FEWEST_TRIALS}")
    scout = True if origins["scout"] == "default" else values["scout"]
    return replace(
        config,
        learning_rates=replace(config.learning_rates, scout=scout),
        search=Search(_axes(config, names, values["search"] or {}), values["trials"]),
    )


def _names(given: Sequence[str]) -> tuple[str, ...]:
    """Return what is tuned, the learning rate first."""
    names = {"learning_rate" if name == "lr" else name.replace("-", "_") for name in given}
    for name in sorted(names - set(_NAMES)):
        near = difflib.get_close_matches(name, _NAMES, n=1)
        hint = f"did you mean {_typed(near[0])}?" if near else f"give of {_typed(*_NAMES)}"
        raise ConfigError(f"--tune {_typed(name)}: it cannot be tuned; {hint}")
    if LEARNING_RATE not in names:
        raise ConfigError(
            f"--tune {_typed(*sorted(names))}: what is best of it depends on the learning rate; "
            f"give --tune {_typed(LEARNING_RATE, *sorted(names))}"
        )
    return tuple(name for name in _NAMES if name in names)


def _check_alone(
    config: SweepConfig,
    names: Sequence[str],
    values: Mapping[str, Any],
    origins: Mapping[str, str],
) -> None:
    """Refuse what says the same thing in another way."""
    rates, scaling = config.learning_rates, config.scaling
    if rates.mode != "tuned":
        raise ConfigError(
            f"{origins['learning_rate']} and --tune: leave one of the two out; --search "
            "learning-rate=LOW..HIGH says where to search"
        )
    if rates.rule != "tuned":
        raise ConfigError(
            f"--learning-rate-rule {rates.rule} takes the rate of one batch size to the others, "
            "--tune finds one at each; leave one of the two out"
        )
    for name, rule in ((MOMENTUM, scaling.momentum), (WEIGHT_DECAY, scaling.weight_decay)):
        if name in names and rule != "fixed":
            raise ConfigError(
                f"--{_typed(name)}-rule {rule} takes the {_said(name)} of one batch size to the "
                "others, --tune finds one at each; leave one of the two out"
            )
        given = values[name] is not None or name in (values["optimizer_args"] or {})
        if name in names and given:
            raise ConfigError(f"--{_typed(name)} is given and in --tune; leave one of the two out")


def _check_placeholders(config: SweepConfig, tuned: Sequence[str]) -> None:
    """Refuse a program that is not told what is tuned, or asks for what is not."""
    if config.command is None:
        return
    program = config.command.program
    names = {name.replace("-", "_") for name in tuned}
    if tuned and not program.takes_rate:
        raise ConfigError(
            "--tune has no meaning for a --command without {lr}; write {lr} where the program "
            "takes its learning rate"
        )
    for name in TUNED:
        inside = name in program.placeholders
        if inside and name not in names:
            raise ConfigError(
                f"--command: {{{name}}} is told where it is tuned; give --tune learning-rate,"
                f"{_typed(name)}, or write a number in its place"
            )
        if name in names and not inside:
            raise ConfigError(
                f"--tune {_typed(name)}: the --command has no {{{name}}}; write it where the "
                f"program takes its {_said(name)}"
            )


def _axes(
    config: SweepConfig, names: Sequence[str], given: Mapping[str, tuple[float, float]]
) -> tuple[Axis, ...]:
    """Return what is searched, the rate first: the effective one where momentum is tuned too."""
    rate = EFFECTIVE_RATE if MOMENTUM in names else LEARNING_RATE
    searched = (rate, *names[1:])
    for name, (low, high) in given.items():
        flag = f"--search {_typed(name)}={low:g}..{high:g}"
        if name == LEARNING_RATE and rate == EFFECTIVE_RATE:
            raise ConfigError(
                f"{flag}: where momentum is tuned too, the search is over the learning rate / "
                f"(1 - momentum); give --search {_typed(rate)}=LOW..HIGH"
            )
        if name not in searched:
            raise ConfigError(f"{flag}: it is not searched; --tune searches {_typed(*searched)}")
        if name == MOMENTUM and not 0 <= low < high < 1:
            raise ConfigError(f"{flag}: momentum lies from 0 up to below 1, such as 0.8..0.99")
        if name != MOMENTUM and low <= 0:
            raise ConfigError(f"{flag}: the search is over orders of magnitude; begin above 0")
    return tuple(
        Axis(name, *given[name]) if name in given else usual_range(name, config.optimizer)
        for name in searched
    )


def _typed(*names: str) -> str:
    return ",".join(name.replace("_", "-") for name in names)


def _said(name: str) -> str:
    return name.replace("_", " ")
