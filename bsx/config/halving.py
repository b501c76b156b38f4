"""What ``--halving`` means together with the rest of a sweep."""

from __future__ import annotations

from collections.abc import Mapping

from bsx.errors import ConfigError
from bsx.schema import FEWEST_SEEDS, SweepConfig


def check_halving(config: SweepConfig, origins: Mapping[str, str]) -> None:
    """Refuse where rates cannot be told to be behind before they are at their end.

    Raises:
        ConfigError: with what does not go together, why, and the remedy.
    """
    rates, training = config.learning_rates, config.training
    if not rates.halving:
        return
    asked = origins["halving"]
    if config.devices > 1:
        raise ConfigError(
            f"{asked} and {origins['devices']} {config.devices}: runs that take several devices "
            "train one after another to their end; leave one of the two out"
        )
    if origins["keep_states"] != "default":
        raise ConfigError(
            f"{asked} and {origins['keep_states']}: what is dropped hangs on all runs of a group, "
            "from their beginning; leave one of the two out"
        )
    if rates.mode == "fixed":
        raise ConfigError(
            f"{asked} and {origins['learning_rate']} {rates.values[0]:g}: there is one rate and "
            "none to drop; leave one of the two out"
        )
    if training.schedule != "constant":
        raise ConfigError(
            f"{asked} and {origins['schedule']} {training.schedule}: a rate that is behind before "
            "it decays may be ahead after that; leave one of the two out"
        )
    if rates.scout:
        tuning = config.search is not None and origins["scout"] == "default"
        other = origins["tune"] if tuning else origins["scout"]
        remedy = "have all seeds try all trials (BSX_SCOUT=false), or leave" if tuning else "leave"
        raise ConfigError(
            f"{asked} and {other}: rates are dropped by how they compare seed by seed, and one "
            f"seed tries each first; {remedy} one of the two out"
        )
    if config.seeds < FEWEST_SEEDS:
        raise ConfigError(
            f"{asked} and {origins['seeds']} {config.seeds}: rates are dropped by how they compare "
            f"seed by seed, and with so few it cannot be told; give --seeds {FEWEST_SEEDS} or more"
        )
