"""Columns that several tables have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bsx.render import numbers, phrases
from bsx.render.grid import Column
from bsx.schema import Analysis, BatchSizeSummary, Estimate

MARK = "→"
EDGE = "*"


def size_column(analysis: Analysis, below: Sequence[str] = ()) -> Column:
    """Return the batch sizes, the recommended one marked."""
    marked = marked_row(analysis)
    cells = [numbers.count(size.batch_size) for size in analysis.batch_sizes]
    if marked is not None:
        cells[marked] = f"{MARK} {cells[marked]}"
    grows = any(size.grows_to for size in analysis.batch_sizes)
    header = "batch size\nat start" if grows else "batch\nsize"
    return Column("batch_size", header, (*cells, *below))


def marked_row(analysis: Analysis) -> int | None:
    """Return the row of the recommended batch size."""
    if analysis.recommendation is None:
        return None
    sizes = [size.batch_size for size in analysis.batch_sizes]
    wanted = analysis.recommendation.batch_size
    return sizes.index(wanted) if wanted in sizes else None


def count_column(key: str, header: str, values: Iterable[int | None]) -> Column:
    """Return whole numbers."""
    return Column(key, header, tuple(numbers.count(value) for value in values))


def estimates(
    key: str,
    header: str,
    quantities: Sequence[Estimate | None],
    form: numbers.Form | None = None,
    brief: str | None = None,
) -> Column:
    """Return estimates, at the same number of decimals; without intervals where room is short."""
    form = form or numbers.fixed(numbers.decimals(values_of(quantities)))
    full = numbers.aligned(quantities, form)
    return Column(key, header, full, brief, numbers.aligned(quantities, form, intervals=False))


def values_of(quantities: Iterable[Estimate | None]) -> list[float]:
    """Return the values, and for censored ones how far was looked."""
    found = [q.censored_at if q.value is None else q.value for q in quantities if q is not None]
    return [value for value in found if value is not None]


def scaled(quantities: Iterable[Estimate | None], factor: float) -> list[Estimate | None]:
    """Multiply each."""
    return [None if q is None else q.scaled(factor) for q in quantities]


def rate_cells(
    rates: Sequence[tuple[float | None, bool | None]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write learning rates under one another, marking those at the edge of what was tried."""
    texts = numbers.aligned_at_point([numbers.learning_rate(rate) for rate, _ in rates])
    if not any(edge for _, edge in rates):
        return texts, ()
    marked = tuple(
        text.rstrip() + EDGE + " " * (len(text) - len(text.rstrip())) if edge else text + " "
        for text, (_, edge) in zip(texts, rates, strict=True)
    )
    return marked, (
        f"{EDGE} the lowest or highest learning rate tried: a better one may lie beyond",
    )


def status_columns(sizes: Sequence[BatchSizeSummary], known: Sequence[bool]) -> tuple[Column, ...]:
    """Say why a row is empty, if any is."""
    statuses = [size.status for size in sizes] + [""] * (len(known) - len(sizes))
    words = tuple(
        "" if there else phrases.status(status)
        for status, there in zip(statuses, known, strict=True)
    )
    return (Column("status", "", words, right=False),) if any(words) else ()
