"""From a model's name to a module, the same one for the same seed."""

from __future__ import annotations

import inspect
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from bsx import registry
from bsx.errors import BsxError, ConfigError


def build_model(
    name: str,
    args: Mapping[str, Any],
    *,
    input_shape: tuple[int, ...],
    output_size: int,
    seed: int,
) -> nn.Module:
    """Return a new model, its initial weights drawn from ``seed`` alone.

    ``input_shape`` and ``output_size`` are passed where the factory's signature names them. The
    caller's random state is left as it was.

    Raises:
        ConfigError: for an unknown name or argument, a factory that fails, or no nn.Module.
    """
    factory = registry.load("model", name)
    if isinstance(factory, nn.Module):
        raise ConfigError(
            f"--model {name} is a model already built; name the class or function that builds it, "
            "since each seed needs initial weights of its own"
        )
    if not callable(factory):
        raise ConfigError(f"--model {name} is {type(factory).__name__}, no function or class")
    given = _arguments(factory, name, dict(args), input_shape, output_size)
    state, legacy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002 - a user's factory may draw from it
            torch.manual_seed(seed)
            model = factory(**given)
    except BsxError:
        raise
    except Exception as error:
        raise ConfigError(
            f"--model {name} fails when it is built with {given}: {type(error).__name__}: {error}"
        ) from error
    finally:
        random.setstate(state)
        np.random.set_state(legacy)
    if not isinstance(model, nn.Module):
        raise ConfigError(f"--model {name} gave {type(model).__name__}, no torch.nn.Module")
    return model


def has_batchnorm(model: nn.Module) -> bool:
    """Say whether the model normalizes over the batch, and so cannot train on a batch of 1."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())


def _arguments(
    factory: Any, name: str, args: dict[str, Any], input_shape: tuple[int, ...], output_size: int
) -> dict[str, Any]:
    try:
        parameters = inspect.signature(factory).parameters
    except ValueError:  # some built-in callables have no signature
        return args
    offered = {"input_shape": input_shape, "output_size": output_size}
    given = {key: value for key, value in offered.items() if key in parameters} | args
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [key for key in args if key not in parameters and not takes_any]
    if unknown:
        known = [key for key in parameters if key not in offered]
        raise ConfigError(
            f"--model-arg {unknown[0]}={args[unknown[0]]}: {name} takes "
            f"{', '.join(known) or 'no arguments'}"
        )
    missing = [
        key
        for key, p in parameters.items()
        if p.default is p.empty
        and key not in given
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if missing:
        raise ConfigError(
            f"--model {name} needs {', '.join(missing)}; give --model-arg {missing[0]}=VALUE"
        )
    return given
