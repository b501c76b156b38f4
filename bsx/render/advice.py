"""What a sweep advises, as text: the recommendation, and what other sizes cost."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.render import memory, numbers, phrases, wording
from bsx.render.grid import Column, Grid, drop
from bsx.schema import (
    Analysis,
    BatchSizeSummary,
    Estimate,
    Metric,
    Recommendation,
    Sweep,
)

# Reasons after which no other size was compared in cost.
_ALONE = frozenset({"only_best_admitted", "only_size", "best_quality"})
_AIMS = {
    "time": "time to the target",
    "steps": "iterations",
    "samples": "samples",
    "quality": "quality",
    "memory": "memory",
    "cost": "cost",
}
# What is counted to the target, and the header of its column
_AIM_HEADERS = {"time": "time", "cost": "cost", "steps": "iterations", "samples": "samples"}


# --- the recommendation -----------------------------------------------------------------------


def headline(analysis: Analysis, recommendation: Recommendation) -> str:
    """Name the size to take, and its learning rate as it is to be typed."""
    text = f"Batch size {numbers.count(recommendation.batch_size)}"
    grown = {row.batch_size: row.grows_to for row in analysis.batch_sizes}
    largest = grown.get(recommendation.batch_size)
    text += f", growing to {numbers.count(largest)}" if largest else ""
    if recommendation.learning_rate is None:
        return text
    text += f", learning rate {numbers.learning_rate(recommendation.learning_rate, 6)}"
    return f"{text}{phrases.tuned(recommendation.tuned)}"


def explanation(sweep: Sweep, analysis: Analysis, recommendation: Recommendation) -> list[str]:
    """Say why, which sizes cannot be told apart from the recommended one, and what its rate is."""
    reason = wording.reason(recommendation, sweep.facts.metric)
    lines = [reason]
    if recommendation.reason.code not in _ALONE:
        lines.append(_indifferent(analysis, recommendation))
    lines += _money(recommendation)
    told = (
        _other_rate(analysis, recommendation, sweep.facts.metric),
        memory.headroom(sweep, analysis),
    )
    return [*lines, *(line for line in told if line)]


def _other_rate(analysis: Analysis, recommendation: Recommendation, metric: Metric) -> str | None:
    """Say which rate is fastest or ends best at the recommended size, if it is another one."""
    rows = {row.batch_size: row for row in analysis.batch_sizes}
    if recommendation.batch_size not in rows:
        return None
    row = rows[recommendation.batch_size]
    what = "trial" if recommendation.tuned else "learning rate"
    if recommendation.objective == "quality":
        first = row.to_target[0] if row.to_target else None
        if first is None or first.learning_rate in (None, recommendation.learning_rate):
            return None
        fastest = numbers.learning_rate(first.learning_rate, 6) + phrases.tuned(first.tuned)
        return (
            f"This {what} is the best at the end of the run, where quality is judged; "
            f"{fastest} is the fastest to the target at this size."
        )
    final = row.final
    if final is None or final.learning_rate in (None, recommendation.learning_rate):
        return None
    best = numbers.learning_rate(final.learning_rate, 6) + phrases.tuned(final.tuned)
    said = (
        f"This {what} is the fastest to the target; at the end of the run, where quality is "
        f"judged, {best} is best at this size"
    )
    ends = {
        (rate.learning_rate, tuple(rate.tuned.items())): rate.validation.get(metric.name)
        for rate in row.learning_rates
    }
    mine = ends.get((recommendation.learning_rate, tuple(recommendation.tuned.items())))
    other = ends.get((final.learning_rate, tuple(final.tuned.items())))
    if mine is None or other is None:
        return f"{said}."
    form, unit = (numbers.fixed(1, 100.0), " %") if metric.bounded else (numbers.significant, "")
    ended, better = (numbers.estimate(found, form) + unit for found in (mine, other))
    return f"{said}: it ends at {better}, this one at {ended}."


def _money(recommendation: Recommendation) -> list[str]:
    """Say what the time to the target costs, where it was not asked for and the price is known."""
    cost, price = recommendation.cost, recommendation.price_per_hour
    if recommendation.objective == "cost" or cost is None or price is None:
        return []
    each, much = numbers.money(price), numbers.estimate(cost, numbers.money)
    return [f"At {each} an hour the time to the target costs {much}."]


def _indifferent(analysis: Analysis, recommendation: Recommendation) -> str:
    others = sorted(set(recommendation.indifferent) - {recommendation.batch_size})
    aim = _AIMS.get(recommendation.objective, phrases.spelled(recommendation.objective))
    if not others:
        admitted = recommendation.reason.values.get("admitted", ())
        other = (
            "other batch size" if len(admitted) >= len(analysis.batch_sizes) else "other of them"
        )
        return f"No {other} comes so close in {aim} that it could not be told apart."
    text = f"In {aim} it cannot be told apart from {phrases.batch_sizes(others)}"
    smallest = min(*others, recommendation.batch_size)
    grows = any(row.grows_to for row in analysis.batch_sizes)
    if smallest == recommendation.batch_size or grows or recommendation.objective == "memory":
        return f"{text}."  # what grows needs the memory of what it grows to
    return f"{text}; the smallest of them, {numbers.count(smallest)}, needs the least memory."


def no_recommendation(sweep: Sweep, analysis: Analysis) -> str:
    """Say that, and why, no size is recommended."""
    reasons = [c for c in analysis.cautions if c.code == "no_recommendation"]
    if not reasons:
        return "No batch size can be recommended."
    return wording.sentence(wording.message(reasons[0], sweep.facts.metric))


# --- what another size costs ------------------------------------------------------------------


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
    title = f"Compared with batch size {numbers.count(chosen.batch_size)}:"
    sparable = ("memory", "between", "samples", "quality", "seconds", "steps")
    return Grid(title, told, drop(*(key for key in sparable if key != aim)))


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

    That is by the fitted curve where it describes them. Where they were not compared, as measured.
    """
    headers = {"seconds": "time", "steps": "iterations", "samples": "samples"}
    rows = [
        _times(recommendation, chosen, other) or _as_measured(chosen, other) for other in others
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
    if ratio is None or chosen.grows_to or other.grows_to:
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
