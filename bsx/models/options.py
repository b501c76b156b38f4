"""Readers of model options: each refuses what cannot be meant, naming the option and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from bsx.errors import ConfigError

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


def whole(option: str, value: Any, least: int = 1) -> int:
    """Read a whole number of at least ``least``."""
    if type(value) is not int or value < least:
        raise ConfigError(f"--model-arg {option}={value}: give a whole number of at least {least}")
    return value


def fraction(option: str, value: Any) -> float:
    """Read a number from 0 up to below 1."""
    if type(value) not in (int, float) or not 0 <= value < 1:
        raise ConfigError(f"--model-arg {option}={value}: give a fraction from 0 up to below 1")
    return float(value)


def one_of(option: str, value: Any, *choices: Any) -> Any:
    """Read one of ``choices``."""
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise ConfigError(
            f"--model-arg {option}={value}: give one of {', '.join(map(str, choices))}"
        )
    return value


def activation(value: Any) -> Callable[[], nn.Module]:
    """Read the name of an activation; return what builds it."""
    return ACTIVATIONS[one_of("activation", value, *ACTIVATIONS)]
