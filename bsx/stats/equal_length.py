"""Batch sizes compared after equal epochs, and after equal steps: two views of one sweep.

Equal epochs starve large batches of steps, equal steps give small ones less data: what looks like
a property of the batch size is often one of the budget (Shallue et al. 2019, figure 11). Both are
read off the stored curves, as far as every size has been, with the rate best on validation there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from bsx.schema import EqualLength, Metric, Point, RunStatus, rate_of
from bsx.stats.curves import SizeRuns
from bsx.stats.intervals import mean_estimate
from bsx.stats.paired import best_of, non_inferior
from bsx.stats.selection import best_at_end

_SLACK = 1 + 1e-9  # a length that is a quotient of whole numbers


def shortest(lengths: Mapping[int, float]) -> float | None:
    """Return how far all sizes have been; None for fewer than two that have been anywhere."""
    known = [length for length in lengths.values() if length > 0]
    return min(known) if len(known) > 1 else None


def length_of(runs: SizeRuns, metric: Metric) -> float:
    """Return how many batches the longest run of a size took."""
    return max(
        (steps[-1] for row in runs.series(metric).values() for steps, _ in row.values() if steps),
        default=0,
    )


def at_length(
    sizes: Mapping[int, SizeRuns], batches: Mapping[int, float], metric: Metric, grain: float = 0.0
) -> dict[int, EqualLength]:
    """Summarize every size after so many of its batches: batch size → validation metric there.

    It is that of the last evaluation up to there; the evaluations are 5 % apart. ``grain`` is the
    step that the metric moves in.
    """
    tables = {size: _table(sizes[size], limit, metric) for size, limit in batches.items()}
    rates, scores = {}, {}
    for size, table in tables.items():
        choice = best_at_end(table, table, higher_is_better=metric.higher_is_better)
        if choice is not None:
            rates[size] = choice.rate
            scores[size] = {s: v for s, v in table[choice.rate].items() if v is not None}
    best = best_of(scores, higher_is_better=metric.higher_is_better)
    compared = non_inferior(
        scores, higher_is_better=metric.higher_is_better, tolerance=0.0, grain=grain
    )
    bounds = (0.0, 1.0) if metric.bounded else (None, None)
    found = {}
    for size, row in scores.items():
        method = "t interval, the rate was chosen by it" if len(tables[size]) > 1 else "t interval"
        value = mean_estimate(list(row.values()), bounds=bounds, grain=grain, method=method)
        against = None if size == best else compared.get(size)
        if value is not None:
            shortfall = against.shortfall if against else None
            found[size] = EqualLength(rate_of(rates[size]), value, shortfall)
    return found


def _table(runs: SizeRuns, limit: float, metric: Metric) -> dict[Point, dict[int, float | None]]:
    """Return rate → seed → the metric at the last evaluation up to ``limit`` batches.

    None where the run diverged or was stopped before, or had no evaluation yet.
    """
    table: dict[Point, dict[int, float | None]] = {}
    for rate, row in runs.series(metric).items():
        table[rate] = {}
        for seed, (steps, values) in row.items():
            place = bisect_right(steps, limit * _SLACK) - 1
            value = values[place] if place >= 0 else float("nan")
            ended = runs.records[rate][seed].status is RunStatus.COMPLETED
            gone = not ended and place == len(steps) - 1
            table[rate][seed] = None if gone or value != value else value
    return table
