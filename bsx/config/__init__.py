"""Flags, environment and TOML → SweepConfig."""

from bsx.config.read import Door, default_store, read_arms, read_sweep, read_view

__all__ = ["Door", "default_store", "read_arms", "read_sweep", "read_view"]
