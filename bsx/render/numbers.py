"""How numbers are shown to people.

Three significant digits where a number was measured, every digit where it was counted. Nothing
here knows what a number means, and nothing here is used by the machine formats.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence

from bsx.schema import Estimate

UNKNOWN = "–"
VAGUE = 100  # an interval whose ends are so many times each other says nothing

Form = Callable[[float | None], str]  # how a number is written

# name, seconds: the units that a column of durations may have
TIME_UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
BYTE_UNITS = (("TiB", 2.0**40), ("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10), ("B", 1.0))
_SI = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
_NUMBER = re.compile(r"[+−-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
_UNITS = {**dict(TIME_UNITS), **dict(BYTE_UNITS), **dict(_SI), "%": 0.01}


def count(value: float | None) -> str:
    """Write a counted number with every digit: ``1,437``."""
    return UNKNOWN if value is None else _with_minus(f"{round(value):,}")


def significant(value: float | None, digits: int = 3) -> str:
    """Write a measured number: ``354``, ``22,600``, ``0.0312``, ``1.24e-7``; trailing zeros go."""
    if value is None:
        return UNKNOWN
    rounded = float(f"{value:.{digits}g}")
    if rounded == 0:
        return "0"
    if abs(rounded) < 1e-4:
        mantissa, _, exponent = f"{rounded:.{digits - 1}e}".partition("e")
        return _with_minus(f"{_trimmed(mantissa)}e{int(exponent)}")
    decimals = max(0, digits - 1 - _magnitude(rounded))
    return _with_minus(_trimmed(f"{rounded:,.{decimals}f}"))


def money(value: float | None) -> str:
    """Write an amount without an exponent, however small: ``2.5``, ``0.00000451``."""
    if value is None:
        return UNKNOWN
    rounded = float(f"{value:.3g}")
    if 0 < abs(rounded) < 1e-12:
        return "< 0.000000000001"
    if not rounded:
        return "0"
    return _trimmed(f"{rounded:,.{max(0, 2 - _magnitude(rounded))}f}")


def whole(value: float | None) -> str:
    """Write a measured count to three significant digits and no decimals: ``22,600``, ``44``.

    Of what is so small that it would be none, one digit: ``0.2``.
    """
    if value is not None and 0 < value < 0.5:
        return significant(value, 1)
    return UNKNOWN if value is None else _with_minus(f"{float(f'{round(value):.3g}'):,.0f}")


def learning_rate(value: float | None, digits: int = 3) -> str:
    """Write a learning rate: ``0.125``, ``0.0312``, ``3e-5``."""
    return significant(value, digits)


def percent(value: float | None, decimals: int = 1) -> str:
    """Write a fraction in per cent: ``97.8 %``."""
    return UNKNOWN if value is None else _with_minus(f"{100 * value:.{decimals}f} %")


def duration(seconds: float | None) -> str:
    """Write a length of time: ``85 µs``, ``3.4 s``, ``38 s``, ``4 min 10 s``, ``1 h 12 min``.

    Raises:
        ValueError: for a negative length.
    """
    if seconds is None:
        return UNKNOWN
    if seconds < 0:
        raise ValueError(f"a length of time cannot be negative: {seconds}")
    if float(f"{seconds:.3g}") < 1:
        return _short_duration(seconds)
    if round(seconds, 1) < 10:
        return f"{_trimmed(f'{seconds:.1f}')} s"
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    if round(seconds) < 3600:
        return _two_units(round(seconds), 60, "min", "s")
    if round(seconds / 60) < 24 * 60:
        return _two_units(round(seconds / 60), 60, "h", "min")
    return _two_units(round(seconds / 3600), 24, "d", "h")


def _two_units(parts: int, ratio: int, big: str, small: str) -> str:
    rest = parts % ratio
    return f"{parts // ratio:,} {big}" + (f" {rest} {small}" if rest else "")


def _short_duration(seconds: float) -> str:
    for name, unit in (("ms", 1e-3), ("µs", 1e-6)):
        if float(f"{seconds / unit:.3g}") >= 1:
            return f"{significant(seconds / unit)} {name}"
    return f"{significant(seconds / 1e-9)} ns" if seconds else "0 s"


def si(value: float | None) -> str:
    """Write a large number with an SI prefix and three digits: ``812``, ``12.3 k``, ``1.20 M``."""
    if value is None:
        return UNKNOWN
    rounded = float(f"{value:.3g}")
    for prefix, unit in _SI:
        if abs(rounded) >= unit:
            return f"{_three_digits(rounded / unit)} {prefix}"
    return _three_digits(rounded) if rounded else "0"


def throughput(samples_per_second: float | None) -> str:
    """Write a throughput: ``12.3 k samples/s``."""
    return UNKNOWN if samples_per_second is None else f"{si(samples_per_second)} samples/s"


def size(number_of_bytes: float | None) -> str:
    """Write an amount of memory in binary units: ``312 MiB``, ``1.25 GiB``."""
    if number_of_bytes is None:
        return UNKNOWN
    name, unit = byte_unit([number_of_bytes])
    return f"{significant(number_of_bytes / unit)} {name}"


def estimate(quantity: Estimate | None, form: Form = significant) -> str:
    """Write an estimate with its interval, or a bound: ``354 (301–417)``, ``> 7,190``."""
    if quantity is None:
        return UNKNOWN
    if quantity.value is None:
        return _bounds(quantity, form)
    return " ".join(part for part in (form(quantity.value), interval(quantity, form)) if part)


def interval(quantity: Estimate | None, form: Form = significant) -> str:
    """Write the interval alone: ``(301–417)``, ``(≥ 301)`` where one side is open, or nothing.

    ``(n = 2)`` stands for one that says no more than how few it is from.
    """
    if quantity is None or quantity.value is None:
        return ""
    if is_vague(quantity):
        return f"(n = {quantity.n})"
    low, high = quantity.low, quantity.high
    if low is not None and high is not None:
        return f"({_between(low, high, form)})"
    if low is not None:
        return f"(≥ {form(low)})"
    return f"(≤ {form(high)})" if high is not None else ""


def is_vague(quantity: Estimate) -> bool:
    """Say whether an interval from two draws, of one degree of freedom, spans decades.

    So may one from three, of which one is censored; it has to span more of them.
    """
    low, high, n = quantity.low, quantity.high, quantity.n
    if n > 3 or not low or not high or low <= 0:
        return False
    return high > (VAGUE if n == 2 else VAGUE**2) * low


# --- columns: one unit, the same decimals, values under one another ---------------------------


def time_unit(seconds: Iterable[float]) -> tuple[str, float]:
    """Choose the unit in which a column of durations reads best: its name, and its seconds."""
    smallest = min((s for s in seconds if s > 0), default=1.0)
    for name, unit in TIME_UNITS:
        # 0.3 s reads better than 300 ms beside 12 s; 0.3 h does not read better than 18 min
        if smallest >= unit * (0.1 if unit <= 1 else 1):
            return name, unit
    return TIME_UNITS[-1]


def byte_unit(sizes: Iterable[float]) -> tuple[str, float]:
    """Choose the unit in which a column of sizes reads best: its name, and its bytes."""
    smallest = min((s for s in sizes if s > 0), default=1.0)
    return next((unit for unit in BYTE_UNITS if smallest >= unit[1]), BYTE_UNITS[-1])


def decimals(values: Iterable[float | None], most: int = 3) -> int:
    """Choose how many decimals a column needs: two digits of the smallest, three of the largest."""
    sizes = [abs(v) for v in values if v]
    if not sizes:
        return 0
    return min(most, max(0, 1 - _magnitude(min(sizes)), 2 - _magnitude(max(sizes))))


def fixed(places: int, factor: float = 1.0) -> Form:
    """Return a form with ``places`` decimals, of ``factor`` × the number."""

    def form(value: float | None) -> str:
        return UNKNOWN if value is None else _with_minus(f"{value * factor:,.{places}f}")

    return form


def aligned(
    quantities: Sequence[Estimate | None],
    form: Form,
    *,
    intervals: bool = True,
) -> tuple[str, ...]:
    """Write a column of estimates, the values right-aligned and the intervals behind them.

    The cells are equally wide.
    """
    heads = [
        estimate(q, form) if q is None or q.value is None else form(q.value) for q in quantities
    ]
    tails = [interval(q, form) if intervals else "" for q in quantities]
    return _side_by_side(heads, tails)


def aligned_plus_minus(
    quantities: Sequence[Estimate | None], factor: float = 1.0, *, intervals: bool = True
) -> tuple[str, ...]:
    """Write a column of estimates as ``97.8 ± 0.4``, or ``97.8 (96.9–98.1)`` if one is lopsided."""
    halves = [half_width(q) for q in quantities]
    known = [h * factor for h in halves if h]
    # as many decimals as tell the narrowest interval that is shown from none, and at least one
    places = min(3, max([1] + [-_magnitude(h) for h in known if intervals]))
    # 99.96 % is not 100.0 %
    values = [q.value for q in quantities if q is not None and q.value not in (None, 1.0)]
    while places < 3 and any(v is not None and round(v * factor, places) == factor for v in values):
        places += 1
    form = fixed(places, factor)
    lopsided = any(
        h is None and q is not None and q.low is not None
        for h, q in zip(halves, quantities, strict=True)
    )
    if lopsided:
        return aligned(quantities, form, intervals=intervals)
    heads = [form(q.value) if q is not None else UNKNOWN for q in quantities]
    tails = ["" if h is None or not intervals else f"± {form(h)}" for h in halves]
    return _side_by_side(heads, tails)


def half_width(quantity: Estimate | None) -> float | None:
    """Return half the width of the interval, or None where it is open, absent or lopsided."""
    if quantity is None or quantity.value is None or quantity.low is None or quantity.high is None:
        return None
    below, above = quantity.value - quantity.low, quantity.high - quantity.value
    half = (quantity.high - quantity.low) / 2
    return None if abs(above - below) > 0.5 * half else half


def aligned_at_point(texts: Sequence[str]) -> tuple[str, ...]:
    """Put the decimal points of a column of numbers under one another."""
    heads, tails = zip(*(_at_point(text) for text in texts), strict=True) if texts else ((), ())
    left = max(map(len, heads), default=0)
    right = max(map(len, tails), default=0)
    return tuple(h.rjust(left) + t.ljust(right) for h, t in zip(heads, tails, strict=True))


def _at_point(text: str) -> tuple[str, str]:
    head, point, tail = text.partition(".")
    return head, point + tail


def _side_by_side(heads: Sequence[str], tails: Sequence[str]) -> tuple[str, ...]:
    left = max(map(len, heads), default=0)
    right = max(map(len, tails), default=0)
    if not right:
        return tuple(head.rjust(left) for head in heads)
    return tuple(f"{h.rjust(left)} {t.ljust(right)}" for h, t in zip(heads, tails, strict=True))


def _bounds(quantity: Estimate, form: Form) -> str:
    """Write what is known of a quantity without a value."""
    if quantity.censored_at is not None:
        # rounding up would claim more than was looked at, so that a count keeps its digits
        return f"> {(count if form is whole else form)(quantity.censored_at)}"
    low, high = quantity.low, quantity.high
    if low is not None and high is not None:
        return _between(low, high, form)
    if low is not None:
        return f"≥ {bound(low, form)}"
    return f"≤ {bound(high, form)}" if high is not None else UNKNOWN


def bound(value: float, form: Form = whole) -> str:
    """Write a bound: one that was counted, such as the largest size measured, with every digit."""
    return count(value) if form is whole and value == round(value) else form(value)


def _between(low: float, high: float, form: Form) -> str:
    """Write an interval; a dash before a minus would be taken for another."""
    return f"{form(low)} to {form(high)}" if low < 0 else f"{form(low)}–{form(high)}"


def read(text: str) -> float | None:
    """Return the first number in what is written, times its unit; None where there is none."""
    found = _NUMBER.search(text)
    if found is None:
        return None
    number = float(found[0].replace(",", "").replace("−", "-"))
    unit = text[found.end() :].strip().partition(" ")[0]
    return number * _UNITS.get(unit, 1.0)


def _with_minus(text: str) -> str:
    """Write the sign of a negative number as a minus, and none before what is rounded to 0."""
    if not text.startswith("-"):
        return text
    return f"−{text[1:]}" if any(digit in "123456789" for digit in text) else text[1:]


def _three_digits(value: float) -> str:
    return f"{value:.{max(0, 2 - _magnitude(value))}f}"


def _magnitude(value: float) -> int:
    """Return the exponent of ten of ``value``, which is not 0, rounded to three digits."""
    return math.floor(math.log10(float(f"{abs(value):.3g}")) + 1e-12)


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
