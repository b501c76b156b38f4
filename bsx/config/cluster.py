"""The settings of more than one machine or device: what fits with what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bsx.errors import ConfigError
from bsx.schema import Cluster
from bsx.settings import SETTINGS

# What has a meaning with one executor alone
CLUSTER = tuple(s.key for s in SETTINGS if s.key.startswith(("ray_", "slurm_")))
_FLAGS = {setting.key: setting.flag for setting in SETTINGS}


def cluster(values: Mapping[str, Any], origins: Mapping[str, str]) -> Cluster:
    """Return where units run that do not run on this machine.

    Raises:
        ConfigError: for a setting of a cluster that they do not run on.
    """
    for key in CLUSTER:
        of = key.partition("_")[0]
        if origins[key] != "default" and values["executor"] != of:
            raise ConfigError(f"{_FLAGS[key]} has no meaning without --executor {of}")
    return Cluster(
        ray_address=values["ray_address"],
        slurm_cluster=values["slurm_cluster"],
        slurm_folder=values["slurm_folder"],
        slurm_partition=values["slurm_partition"],
        slurm_seconds=values["slurm_time"],
        slurm_gpus=values["slurm_gpus"],
        slurm_args=dict(values["slurm_args"] or {}),
    )


def devices(values: Mapping[str, Any], origins: Mapping[str, str]) -> int:
    """Return how many devices a run trains on at once.

    Raises:
        ConfigError: with what is made for one alone.
    """
    asked: int = values["devices"]
    if asked == 1:
        return asked
    said = f"--devices {asked}"
    if values["engine"] not in ("auto", "loop"):
        raise ConfigError(
            f"{said} and --engine {values['engine']}: several devices train one run after another; "
            "leave one of the two out"
        )
    if values["method"] == "branched":
        raise ConfigError(
            f"{said} and --method branched: branches train on one device; leave one of the two out"
        )
    if values["device"] == "mps":
        raise ConfigError(f"{said} and --device mps: there is one of it; leave --devices out")
    if values["speed_loop"] == "dataloader":
        raise ConfigError(
            f"{said} and --speed-loop dataloader: the loop of several devices is "
            "timed as it trains; leave --speed-loop out"
        )
    return asked
