"""Values as a person types them: numbers, true and false, lists, texts in quotes, and back."""

from __future__ import annotations

import contextlib
import math
import re
from typing import Any

_QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?=,|$)')


def literal(given: str) -> Any:
    """Read a number, true, false, none, a comma-separated list of such, or else the text.

    Numbers in brackets are a list too, as Python has it, of one or more. What stands in double
    quotes is a text, whatever is in it, a quote itself doubled: as in csv.
    """
    if given.startswith("[") and given.endswith("]"):
        listed = [part.strip() for part in given[1:-1].split(",")]
        if all(real(part) is not None for part in listed):
            return tuple(map(literal, listed))
    parts = _parts(given)
    if len(parts) > 1:
        return tuple(part if quoted else literal(part) for part, quoted in parts if part or quoted)
    text, quoted = parts[0]
    if quoted:
        return text
    words = {"true": True, "false": False, "none": "none", "null": None}
    if given.lower() in words:
        return words[given.lower()]
    number = whole(given)
    found = real(given) if number is None else number
    return given if found is None else found


def as_typed(text: str) -> str:
    """Return what :func:`literal` reads as this very text: in quotes where it must be."""
    return text if text and literal(text) == text else '"' + text.replace('"', '""') + '"'


def whole(value: Any) -> int | None:
    """Return a whole number, or a text of one; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(_\d+)*", value.strip(), re.ASCII):
        with contextlib.suppress(ValueError):  # thousands of digits
            return int(value)
    return None


def real(value: Any) -> float | None:
    """Return a finite number, or a text of one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _parts(given: str) -> list[tuple[str, bool]]:
    """Part a text by the commas outside of quotes; say of each part whether it is quoted."""
    parts, end = [], -1
    while end < len(given):
        match = _QUOTED.match(given, end + 1)
        start, end = end + 1, match.end() if match else given.find(",", end + 1)
        end = len(given) if end < 0 else end
        parts.append((match[1].replace('""', '"'), True) if match else (given[start:end], False))
    return parts
