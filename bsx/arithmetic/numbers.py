"""What a person typed → exact positive integers. No float is met on the way."""

from __future__ import annotations

import re
from decimal import Decimal

from bsx.errors import ConfigError

LARGEST_COUNT = 10**18
MOST_BATCH_SIZES = 10_000  # more rows than anyone reads; `1..1e18:1` must not fill the memory

_DIGITS = re.compile(r"\d+(_\d+)*", re.ASCII)
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+", re.ASCII)
_SCIENTIFIC = re.compile(r"\d+(\.\d+)?[eE]\+?(\d+)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def parse_count(text: str, flag: str) -> int:
    """Read one positive integer: ``1200``, ``1_200``, ``1,200`` or ``1.2e3``.

    Raises:
        ConfigError: for 0, negatives, fractions, words and numbers above 10^18.
    """
    written = text.strip()
    if _THOUSANDS.fullmatch(written):
        return _bounded(written.replace(",", ""), text, flag)
    return _plain_count(written, text, flag)


def parse_batch_sizes(text: str, flag: str = "--batch-size") -> tuple[int, ...]:
    """Read batch sizes: ``32``, ``8,32,128``, ``2..1024``, ``8..64:8``, or a mixture.

    ``low..high`` means the powers of two in it, ``low..high:step`` the multiples of ``step``.
    Returns each size once, in ascending order.

    Raises:
        ConfigError: for anything that is no positive integer, an empty range, or too many sizes.
    """
    sizes: set[int] = set()
    for part in text.split(","):
        sizes.update(_batch_sizes_of(part.strip(), text, flag))
        if len(sizes) > MOST_BATCH_SIZES:
            raise _too_many(text, flag)
    return tuple(sorted(sizes))


def powers_of_two(low: int, high: int) -> tuple[int, ...]:
    """Return the powers of two from ``low`` to ``high``, both included where they are one."""
    first = max(low - 1, 0).bit_length()
    return tuple(1 << exponent for exponent in range(first, max(high, 0).bit_length()))


def _batch_sizes_of(part: str, text: str, flag: str) -> tuple[int, ...] | range:
    if not part:
        raise ConfigError(f"{flag} {text!r}: a number is missing; write for example 8,32,128")
    if "..." in part or "…" in part:
        meant = re.sub(r"\.{3,}|…", "..", part)
        raise ConfigError(f"{flag} {part}: a range has two dots; did you mean {meant}?")
    if ".." not in part:
        if dashed := re.fullmatch(r"(\d+)\s*[-–:]\s*(\d+)", part):
            low, high = dashed.groups()
            raise ConfigError(
                f"{flag} {part}: write {low}..{high} for the powers of two from one to the other, "
                f"or {low},{high} for these two"
            )
        if words := re.fullmatch(r"\d+(\s+\d+)+", part):
            several = ",".join(words[0].split())
            raise ConfigError(f"{flag} {part}: part a list with commas: {several}")
        return (_plain_count(part, part, flag),)
    low_text, _, rest = part.partition("..")
    high_text, colon, step_text = rest.partition(":")
    low = _plain_count(low_text.strip(), part, flag)
    high = _plain_count(high_text.strip(), part, flag)
    if low > high:
        raise ConfigError(f"{flag} {part}: the range runs backwards; write {high}..{low}")
    if not colon:
        found: tuple[int, ...] | range = powers_of_two(low, high)
        kind = "power of two"
    else:
        step = _plain_count(step_text.strip(), part, flag)
        first = -(-low // step) * step
        if (high - first) // step >= MOST_BATCH_SIZES:
            raise _too_many(part, flag)
        found = range(first, high + 1, step)
        kind = f"multiple of {step}"
    if not found:
        raise ConfigError(f"{flag} {part}: no {kind} between {low} and {high}; widen the range")
    return found


def _plain_count(written: str, text: str, flag: str) -> int:
    if _DIGITS.fullmatch(written):
        return _bounded(written.replace("_", ""), text, flag)
    scientific = _SCIENTIFIC.fullmatch(written)
    if scientific:
        if int(scientific[2][:4]) > 40:  # never write out the zeros of 1e999999
            raise _too_large(text, flag)
        value = Decimal(written)
        if value == value.to_integral_value():
            return _bounded(f"{value:.0f}", text, flag)
    raise ConfigError(f"{flag} {text}: {_complaint(written)}")


def _bounded(digits: str, text: str, flag: str) -> int:
    digits = digits.lstrip("0")
    if not digits:
        raise ConfigError(f"{flag} {text}: must be at least 1")
    if len(digits) > 19 or int(digits) > LARGEST_COUNT:
        raise _too_large(text, flag)
    return int(digits)


def _complaint(written: str) -> str:
    """Say what is wrong with a text that is no positive integer."""
    if not written:
        return "a number is missing; give a whole number of at least 1"
    if re.fullmatch(r"[\d,.]+", written, re.ASCII) and "," in written:
        return "one whole number is meant here; commas may only set off thousands, as in 1,200"
    if not _NUMBER.fullmatch(written):
        return "not a number; give a whole number of at least 1"
    if written.startswith("-"):
        return "must be at least 1, not negative"
    if written.startswith("+"):
        return "write it without the plus sign"
    return "must be a whole number, not a fraction"


def _too_large(text: str, flag: str) -> ConfigError:
    shown = text if len(text) <= 40 else f"{text[:30]}… ({len(text)} characters)"
    return ConfigError(f"{flag} {shown}: must be at most 10^18")


def _too_many(text: str, flag: str) -> ConfigError:
    return ConfigError(
        f"{flag} {text}: more than {MOST_BATCH_SIZES} batch sizes; "
        "use a shorter range or a larger step"
    )
