"""What a person gave to a reader, checked alike by all: numbers, and files of text."""

from __future__ import annotations

import math
from typing import Any

from bsx.data.source import the_file, unpacked
from bsx.errors import ConfigError, DataError


def whole(name: str, value: Any, least: int = 1) -> int:
    """Return a whole number that a person gave.

    Raises:
        ConfigError: for anything else.
    """
    if type(value) is not int or value < least:
        raise ConfigError(f"--dataset-arg {name}={value}: give a whole number of at least {least}")
    return value


def real(name: str, value: Any, low: float, high: float = math.inf) -> float:
    """Return a number that a person gave, from ``low`` to ``high``.

    Raises:
        ConfigError: for anything else.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or not math.isfinite(value):
        wanted = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
        raise ConfigError(f"--dataset-arg {name}={value}: give a number {wanted}")
    return float(value)


def read_text(source: str, encoding: str, kind: str) -> str:
    """Return the content of the file that ``kind:source`` names, unpacked if it is a ``.gz``.

    Raises:
        ConfigError: for a file that is not there, or an encoding that Python does not know.
        DataError: for a file that cannot be read, is empty, or is not of this encoding.
    """
    content = unpacked(the_file(source, kind))
    name = f"--dataset {kind}:{source}"
    if not content.strip():
        raise DataError(f"{name}: the file is empty")
    try:
        return content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except LookupError:
        raise ConfigError(
            f"--dataset-arg encoding={encoding}: Python knows no such encoding; try latin-1"
        ) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}: line {line} (byte {error.start}) is no {encoding}: {error.reason}; "
            "give --dataset-arg encoding=latin-1 or what it is written in"
        ) from None
