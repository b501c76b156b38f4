"""The arguments a model's factory is called with: the data's shape, and what the user gave."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from typing import Any

from bsx.errors import ConfigError

_PLACE = re.compile(r"\{([a-z_]+)\}")


def arguments(
    factory: Any,
    name: str,
    args: Mapping[str, Any],
    input_shape: tuple[int, ...],
    output_size: int,
) -> dict[str, Any]:
    """Return the keyword arguments for ``factory``; see :mod:`bsx.models.build`.

    Raises:
        ConfigError: for an argument that it does not take, or one that it needs and has not.
    """
    args = {key: _filled(key, value, input_shape, output_size) for key, value in args.items()}
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # some built-in callables have no signature
        return args
    offered = {"input_shape": input_shape, "output_size": output_size}
    given = {key: value for key, value in offered.items() if key in parameters} | args
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [key for key in args if key not in parameters and not takes_any]
    if unknown:
        known = [key for key in parameters if key not in offered]
        raise ConfigError(
            f"--model-arg {unknown[0]}={_typed(args[unknown[0]])}: {name} takes "
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
            f"--model {name} needs {', '.join(missing)}; give --model-arg {missing[0]}=VALUE "
            "(VALUE may be {output_size}, {input_size}, {channels} or {context})"
        )
    return given


def _filled(key: str, value: Any, input_shape: tuple[int, ...], output_size: int) -> Any:
    """Put the data's numbers in the place of their names, in texts and in lists and tables."""
    if isinstance(value, list | tuple):
        return tuple(_filled(key, part, input_shape, output_size) for part in value)
    if isinstance(value, Mapping):
        return {k: _filled(key, part, input_shape, output_size) for k, part in value.items()}
    if not isinstance(value, str) or not _PLACE.search(value):
        return value
    numbers = _numbers(input_shape, output_size)

    def number(match: re.Match[str]) -> str:
        if match[1] not in numbers:
            raise ConfigError(
                f"--model-arg {key}={value}: {match[0]} is not known for samples of shape "
                f"{input_shape}; there are {', '.join(f'{{{known}}}' for known in numbers)}"
            )
        return str(numbers[match[1]])

    text = _PLACE.sub(number, value)
    return int(text) if _PLACE.fullmatch(value) else text


def _numbers(input_shape: tuple[int, ...], output_size: int) -> dict[str, int]:
    numbers = {"output_size": output_size, "input_size": math.prod(input_shape)}
    if len(input_shape) == 3:  # images: (channels, height, width)
        numbers["channels"] = input_shape[0]
    elif len(input_shape) in (1, 2):  # series: (window[, channels]); tokens: (context,)
        numbers["channels"] = input_shape[1] if len(input_shape) == 2 else 1
        numbers["context"] = input_shape[0]
    return numbers


def _typed(value: object) -> str:
    """Return an argument as it is typed."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
