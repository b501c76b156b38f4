"""What another size costs: half and double of the recommended one, or its neighbours, beside it."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.render import numbers, phrases
from bsx.render.grid import Column, Grid, drop
from bsx.schema import Analysis, BatchSizeSummary, Estimate, Metric, Recommendation, Sweep

# What is counted to the target, and the header of its column
_AIM_HEADERS = {"time": "time", "cost": "cost", "steps": "iterations", "samples": "samples"}


def costs(sweep: Sweep, analysis: Analysis) -> Grid | None:
    """Compare the recommended size with half and double of it, or its neighbours in the sweep.

    What it is recommended by comes first, and is not left out where space is short.
    """
    recommendation = analysis.recommendation
    by_size = {summary.batch_size: summary for summary in analysis.batch_sizes}
    if recommendation is None or recommendation.batch_size not in by_size:
        return None
    chosen = by_size[recommendation.batch_size]
    known = [row.batch_size for row in by_size.values() if row is chosen or _is_known(row)]
    others = [by_size[size] for size in _neighbours(chosen.batch_size, known)]
    if not others:
        return None
    metric = sweep.facts.metric_named(analysis.metric) or Metric(analysis.metric, True)
    aim = recommendation.objective
    columns = [Column("batch_size", "batch size", tuple(_name(o, chosen) for o in others))]
    columns += _compared_by(recommendation, others)
    of_aim = {column.key for column in columns}
    rest = [
        *_needed(recommendation, chosen, others),
        _quality(chosen, others, metric),
        _memory(chosen, others),
    ]
    if aim in ("time", "cost"):
        rest = [column for column in rest if column.key != "seconds"]
    rest = [column for column in rest if column.key not in of_aim]
    rest.sort(key=lambda column: column.key != aim)  # stable
    told = tuple(c for c in (*columns, *rest) if any(cell != numbers.UNKNOWN for cell in c.cells))
    title = _title(recommendation, chosen, others, {column.key for column in told})
    sparable = ("memory", "between", "samples", "quality", "seconds", "steps")
    return Grid(title, told, drop(*(key for key in sparable if key != aim)))


def _title(
    recommendation: Recommendation,
    chosen: BatchSizeSummary,
    others: Sequence[BatchSizeSummary],
    told: set[str],
) -> str:
    """Name what is compared with, and where what the target takes is from."""
    title = f"Compared with batch size {numbers.count(chosen.batch_size)}"
    if told.isdisjoint({"seconds", *_AIM_HEADERS}):
        return f"{title}:"
    origin = f"to the target {_origin(recommendation, chosen, others)}"
    entry = chosen.to_target[0] if chosen.to_target else None
    taken = recommendation.learning_rate, dict(recommendation.tuned)
    if entry is not None and (entry.learning_rate, dict(entry.tuned)) != taken:
        what = "trial" if taken[1] else "rate"
        origin += f", each size at its {what} fastest to it"
    return f"{title} ({origin}):"


def _origin(
    recommendation: Recommendation, chosen: BatchSizeSummary, others: Sequence[BatchSizeSummary]
) -> str:
    """Say whether what the target takes is by the fitted curve or as measured."""
    aim = recommendation.objective
    if aim not in _AIM_HEADERS or not by_curve(recommendation):
        return "as measured"
    if any(row.grows_to for row in (chosen, *others)):
        return f"as measured, but its {_AIM_HEADERS[aim]} by the fitted curve"
    apart = [
        other.batch_size
        for other in others
        if _times(recommendation, chosen, other) is None
        and any(value is not None for value in _as_measured(chosen, other).values())
    ]
    if len(apart) == len(others):
        return "as measured"
    but = f", {phrases.batch_sizes(apart)} as measured" if apart else ""
    return f"by the fitted curve{but}"


def by_curve(recommendation: Recommendation) -> bool:
    """Say whether what the sizes take to the target was read off the fitted curve."""
    return bool(recommendation.reason.values.get("by_curve"))


def _compared_by(
    recommendation: Recommendation, others: Sequence[BatchSizeSummary]
) -> list[Column]:
    """Return what the sizes were compared by, if that is counted to the target."""
    aim = recommendation.objective
    if aim not in _AIM_HEADERS:
        return []
    ratios = [recommendation.relative_cost.get(o.batch_size) for o in others]
    return [
        Column(aim, _AIM_HEADERS[aim], tuple(_ratio(_value(r), 1.0) for r in ratios)),
        Column("between", "between", tuple(map(_between, ratios))),
    ]


def _needed(
    recommendation: Recommendation, chosen: BatchSizeSummary, others: Sequence[BatchSizeSummary]
) -> list[Column]:
    """Return what the target takes, of one origin in a row: as the sizes were compared.

    That is by the fitted curve where it describes them. Where they were not compared, or a batch
    grows, as measured.
    """
    headers = {"seconds": "time", "steps": "iterations", "samples": "samples"}
    grows = any(row.grows_to for row in (chosen, *others))
    rows = [
        (None if grows else _times(recommendation, chosen, other)) or _as_measured(chosen, other)
        for other in others
    ]
    return [
        Column(key, header, tuple(_ratio(row.get(key), 1.0) for row in rows))
        for key, header in headers.items()
    ]


def _times(
    recommendation: Recommendation, chosen: BatchSizeSummary, other: BatchSizeSummary
) -> dict[str, float | None] | None:
    """Return how many times the target takes by what was compared; None where nothing was."""
    ratio = _value(recommendation.relative_cost.get(other.batch_size))
    if ratio is None:
        return None
    slower, larger = _step_time(chosen, other), other.batch_size / chosen.batch_size
    in_steps = {"steps": 1.0, "samples": larger, "time": slower, "cost": slower}
    each = in_steps.get(recommendation.objective)
    if each is None:
        return None
    steps = ratio / each
    seconds = None if slower is None else steps * slower
    return {"steps": steps, "samples": steps * larger, "seconds": seconds}


def _step_time(chosen: BatchSizeSummary, other: BatchSizeSummary) -> float | None:
    """How many times as long a step of the other size takes."""
    times = [_value(row.speed.step_seconds) if row.speed else None for row in (chosen, other)]
    return times[1] / times[0] if times[0] and times[1] else None


def _as_measured(chosen: BatchSizeSummary, other: BatchSizeSummary) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for key in ("seconds", "steps", "samples"):
        theirs, mine = _need(other, key), _need(chosen, key)
        found[key] = theirs / mine if theirs is not None and mine else None
    return found


def _quality(
    chosen: BatchSizeSummary, others: Sequence[BatchSizeSummary], metric: Metric
) -> Column:
    cells = tuple(_difference(o, chosen, metric) for o in others)
    return Column("quality", f"validation {phrases.clean(metric.name)}", cells)


def _memory(chosen: BatchSizeSummary, others: Sequence[BatchSizeSummary]) -> Column:
    return Column("memory", "memory", tuple(_ratio(_peak(o), _peak(chosen)) for o in others))


def _neighbours(chosen: int, sizes: Sequence[int]) -> list[int]:
    below = [size for size in sizes if size < chosen]
    above = [size for size in sizes if size > chosen]
    half = chosen // 2 if chosen // 2 in below else max(below, default=None)
    double = chosen * 2 if chosen * 2 in above else min(above, default=None)
    return [size for size in (half, double) if size is not None]


def _is_known(row: BatchSizeSummary) -> bool:
    """Whether there is anything to compare with: some run of that size came to its end."""
    return row.final is not None


def _name(other: BatchSizeSummary, chosen: BatchSizeSummary) -> str:
    size = numbers.count(other.batch_size)
    if other.batch_size * 2 == chosen.batch_size:
        return f"half, {size}"
    return f"double, {size}" if other.batch_size == chosen.batch_size * 2 else size


def _need(summary: BatchSizeSummary, key: str) -> float | None:
    quantity: Estimate | None = getattr(summary.to_target[0], key) if summary.to_target else None
    return quantity.value if quantity else None


def _peak(summary: BatchSizeSummary) -> float | None:
    return summary.speed.peak_memory_bytes if summary.speed else None


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


def _between(ratio: Estimate | None) -> str:
    if ratio is None or ratio.low is None or ratio.high is None:
        return numbers.UNKNOWN
    if numbers.is_vague(ratio):
        return f"n = {ratio.n}"
    return f"{ratio.low:.2f}–{ratio.high:.2f}"


def _ratio(other: float | None, chosen: float | None) -> str:
    if other is None or not chosen:
        return numbers.UNKNOWN
    return f"× {other / chosen:.2f}"


def _difference(other: BatchSizeSummary, chosen: BatchSizeSummary, metric: Metric) -> str:
    values = []
    for summary in (other, chosen):
        quantity = summary.final.validation.get(metric.name) if summary.final else None
        if quantity is None or quantity.value is None:
            return numbers.UNKNOWN
        values.append(quantity.value)
    difference = values[0] - values[1]
    if not metric.bounded:
        return _signed(f"{difference:+.3g}")
    return f"{_signed(f'{100 * difference:+.1f}')} points"


def _signed(text: str) -> str:
    return text.lstrip("+-") if not float(text) else text.replace("-", "−")
