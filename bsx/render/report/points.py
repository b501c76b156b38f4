"""What the figures over batch sizes share: estimates as points, and sizes without a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bsx.render import numbers, phrases
from bsx.render.report.plots import Line, Missing, Point, Series, Table
from bsx.schema import Analysis, BatchSizeSummary, Estimate

Quantities = Mapping[int, Estimate | None]  # batch size → what was measured there

_ROOM = 1.2  # of the distance between the lowest and the highest value
_WORDS = {
    "diverged": "diverged",
    "out_of_memory": "no memory",
    "failed": "failed",
    "not_run": "not run",
}


def series(
    name: str,
    quantities: Quantities,
    form: numbers.Form,
    *,
    color: str = "blue",
    shape: str = "circle",
    chosen: int | None = None,
    what: str = "",
    joined: bool = False,
) -> Series:
    """Return estimates over batch sizes as points; those without any number are left out."""
    points = []
    for size, found in quantities.items():
        y = None if found is None else place(found)
        if found is None or y is None:
            continue
        text = f"batch size {numbers.count(size)}: {what or name} {said(found, form)}"
        beyond = found.value is None
        shown = not beyond and not numbers.is_vague(found)
        low, high = (found.low, found.high) if shown else (None, None)
        points.append(Point(size, y, text, low, high, beyond, size == chosen))
    return Series(name, color, shape, tuple(points), joined)


def place(found: Estimate) -> float | None:
    """Return where an estimate stands: at its value, else at the bound that is known."""
    known = (found.value, found.censored_at, found.low, found.high)
    return next((number for number in known if number is not None), None)


def said(found: Estimate | None, form: numbers.Form) -> str:
    """Write an estimate with its interval and its level."""
    text = numbers.estimate(found, form)
    if found is None or found.value is None or found.low is None or found.high is None:
        return text
    if numbers.is_vague(found):
        return text
    return text[:-1] + f", {numbers.percent(found.level, 0)} interval)"


def ends(quantities: Iterable[Estimate | None]) -> list[float]:
    """Return every number that an axis has to reach; vague intervals are not among them."""
    found: list[float] = []
    for one in quantities:
        y = None if one is None else place(one)
        if one is None or y is None:
            continue
        found.append(y)
        if one.value is not None and not numbers.is_vague(one):
            found += [end for end in (one.low, one.high) if end is not None]
    return found


def near(quantities: Iterable[Estimate | None]) -> list[float]:
    """Return every value, and of the intervals what is no farther off than the values are apart.

    Two draws may have intervals beside which no value could be told from another.
    """
    found = list(quantities)
    values = [y for one in found if one is not None and (y := place(one)) is not None]
    if not values:
        return []
    low, high = min(values), max(values)
    room = max(high - low, 0.02 * abs(high)) * _ROOM
    return [min(high + room, max(low - room, end)) for end in ends(found)]


def positive(values: Iterable[float]) -> list[float]:
    """Return those that a logarithmic axis can show."""
    return [value for value in values if value > 0]


def missing(sizes: Sequence[BatchSizeSummary], quantities: Quantities) -> tuple[Missing, ...]:
    """Return the sizes without any number, and why: they are shown and not dropped."""
    found = []
    for size in sizes:
        one = quantities.get(size.batch_size)
        if one is not None and place(one) is not None:
            continue
        word = _WORDS.get(size.status, "unknown")
        text = f"batch size {numbers.count(size.batch_size)}: {phrases.status(size.status) or word}"
        found.append(Missing(size.batch_size, word, text))
    return tuple(found)


def chosen_size(analysis: Analysis) -> int | None:
    """Return the recommended batch size."""
    return analysis.recommendation.batch_size if analysis.recommendation else None


def table(
    sizes: Sequence[BatchSizeSummary], columns: Mapping[str, tuple[Quantities, numbers.Form]]
) -> Table:
    """Return a table of batch sizes and what was measured at each."""
    rows = []
    for size in sizes:
        cells = []
        for quantities, form in columns.values():
            one = quantities.get(size.batch_size)
            cells.append(numbers.estimate(one, form) if one else _why(size))
        rows.append((numbers.count(size.batch_size), *cells))
    return Table(("batch size", *columns), tuple(rows))


def _why(size: BatchSizeSummary) -> str:
    return phrases.status(size.status) or numbers.UNKNOWN


def horizontal(value: float, low: float, high: float, label: str, kind: str = "bound") -> Line:
    """Return a level line."""
    return Line(((low, value), (high, value)), kind, label)
