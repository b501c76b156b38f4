"""Flags, environment and TOML → SweepConfig."""

from bsx.config.again import command_line
from bsx.config.read import (
    FURTHER,
    Door,
    default_store,
    read_arms,
    read_further,
    read_sweep,
    read_view,
)

__all__ = [
    "FURTHER",
    "Door",
    "command_line",
    "default_store",
    "read_arms",
    "read_further",
    "read_sweep",
    "read_view",
]
