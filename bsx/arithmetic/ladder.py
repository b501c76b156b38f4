"""Thresholds of targets as a person types them: one, several, or a ladder of even steps."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from bsx.errors import ConfigError

MOST_RUNGS = 100  # a table of more is no longer read, and each is analysed
_EXAMPLE = "such as 0.97, or several, such as 0.97,0.95 or 0.90..0.97:0.01"


def parse_thresholds(text: str, named: str) -> tuple[float, ...]:
    """Read thresholds: ``0.97``, ``0.97,0.95``, ``0.90..0.97:0.01``, or a mixture.

    ``start..end:step`` begins at ``start`` and goes up or down in even steps as far as ``end``.
    Each threshold is returned once, in the order in which they were typed. Decimals are exact, so
    that ``0.90..0.97:0.01`` holds 0.95 and not 0.9500000000000001. ``named`` is what stands before
    them, as in ``--target accuracy=``.

    Raises:
        ConfigError: for what is no finite number, a ladder without a step or without a second
            rung, or too many rungs.
    """
    found: list[float] = []
    for part in text.split(","):
        found += [number for number in _rungs(part.strip(), named) if number not in found]
        if len(found) > MOST_RUNGS:
            raise _too_many(text, named)
    return tuple(found)


def _rungs(part: str, named: str) -> list[float]:
    if ".." not in part:
        return [float(_number(part, part, named))]
    ends, colon, last = part.partition(":")
    first, _, end_text = ends.partition("..")
    start, end = _number(first, part, named), _number(end_text, part, named)
    if not colon:
        raise ConfigError(f"{named}{part}: how far apart? Write a step, such as {part}:0.01")
    step = _number(last, part, named)
    if step <= 0:
        raise ConfigError(
            f"{named}{part}: the step must be above 0; the ends say which way it goes"
        )
    if abs(end - start) < step:
        raise ConfigError(f"{named}{part}: the step is larger than the ladder; give a smaller one")
    count = int(abs(end - start) / step) + 1
    if count > MOST_RUNGS:
        raise _too_many(part, named)
    way = step if end > start else -step
    return [float(start + way * rung) for rung in range(count)]


def _number(written: str, part: str, named: str) -> Decimal:
    try:
        number = Decimal(written.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 300:
        raise ConfigError(f"{named}{part}: give a number, {_EXAMPLE}")
    return number


def _too_many(text: str, named: str) -> ConfigError:
    return ConfigError(f"{named}{text}: more than {MOST_RUNGS} targets; use a larger step")
