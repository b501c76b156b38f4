"""Flags, environment and TOML → SweepConfig."""

from bsx.config.again import command_line
from bsx.config.read import (
    FURTHER,
    Door,
    Given,
    default_store,
    read_arms,
    read_further,
    read_sweep,
    read_view,
    settings_given,
)
from bsx.config.reading import as_read, check_price
from bsx.config.saved import as_toml
from bsx.config.schema import json_schema

__all__ = [
    "FURTHER",
    "Door",
    "Given",
    "as_read",
    "as_toml",
    "check_price",
    "command_line",
    "default_store",
    "json_schema",
    "read_arms",
    "read_further",
    "read_sweep",
    "read_view",
    "settings_given",
]
