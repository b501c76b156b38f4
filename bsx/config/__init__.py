"""Flags, environment and TOML → SweepConfig."""

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
    "default_store",
    "read_arms",
    "read_further",
    "read_sweep",
    "read_view",
]
