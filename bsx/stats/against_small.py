"""Large batches against a small one: the test metric, and the sharpness, where training ends.

The large-batch gap of Keskar et al. 2017, over the seeds that two sizes share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bsx.schema import AgainstSmall, DiagnosticRecord, Estimate, Metric
from bsx.stats.curves import LOSS, SizeRuns
from bsx.stats.intervals import exponential, mean_estimate, within
from bsx.stats.paired import Scores, best_of, difference, rounding
from bsx.stats.selection import Choice, best_at_end


def best_rate_at_end(runs: SizeRuns, metric: Metric) -> Choice | None:
    """Choose the rate best on validation at the end."""
    return best_at_end(
        runs.final("validation", metric.name),
        runs.final("validation", LOSS),
        higher_is_better=metric.higher_is_better,
    )


def small_batch_size(quality: Scores, metric: Metric) -> int | None:
    """Return the size that larger ones are compared with; None where there is no larger one.

    It is the best on validation of the smaller half: of those below the geometric mean of the
    smallest size and the largest.
    """
    known = [size for size, row in quality.items() if row]
    if len(known) < 2:
        return None
    middle = math.sqrt(min(known) * max(known))
    half = {size: quality[size] for size in known if size < middle}
    return best_of(half, higher_is_better=metric.higher_is_better)


def against_small(
    small: int,
    tests: Scores,
    sharpness: Scores,
    eigenvalues: Scores,
    metric: Metric,
    grain: float = 0.0,
) -> dict[int, AgainstSmall]:
    """Compare every larger size with ``small``, seed by seed; tables: size → seed → value.

    ``grain``: the steps that the test metric moves in.
    """
    found = {}
    for size in sorted(set(tests) | set(sharpness)):
        if size <= small:
            continue
        worse, better = tests.get(size, {}), tests.get(small, {})
        first, second = (better, worse) if metric.higher_is_better else (worse, better)
        gap = difference(first, second, each=rounding(grain, grain))
        found[size] = AgainstSmall(
            within(gap, 1.0) if metric.bounded else gap,
            _times(sharpness.get(size, {}), sharpness.get(small, {})),
            _times(eigenvalues.get(size, {}), eigenvalues.get(small, {})),
        )
    return found


def sharpness_of(
    records: Sequence[DiagnosticRecord], name: str
) -> tuple[Mapping[int, float], Estimate | None]:
    """Return seed → sharpness or eigenvalue (``name``) of runs, and the estimate of its mean."""
    found = {
        record.run.seed: value
        for record in records
        for seen in record.observations
        if (value := getattr(seen, name)) is not None
    }
    bounds = (0.0, None) if name == "sharpness" else (None, None)
    return found, mean_estimate(list(found.values()), bounds=bounds)


def _times(large: Mapping[int, float], small: Mapping[int, float]) -> Estimate | None:
    """Estimate how many times as large; None where one is not positive, and no ratio means much."""
    if any(value <= 0 for value in (*large.values(), *small.values())):
        return None
    logs = [{seed: math.log(value) for seed, value in row.items()} for row in (large, small)]
    return exponential(difference(logs[0], logs[1]))
