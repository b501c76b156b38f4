"""What a sweep advises, as text: the size to take, and why. What others cost: see ``compared``."""

from __future__ import annotations

from bsx.render import memory, numbers, phrases, wording
from bsx.schema import Analysis, Metric, Recommendation, Sweep

# Reasons after which no other size was compared in cost.
_ALONE = frozenset({"only_best_admitted", "only_size", "best_quality"})
_NAMED = 2  # sizes that are passed over; of more their number is told
_AIMS = {
    "time": "time to the target",
    "steps": "iterations",
    "samples": "samples",
    "quality": "quality",
    "memory": "memory",
    "cost": "cost",
}


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
    lines = [reason, *passed_over(recommendation)]
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
    worse = recommendation.ends_worse
    if worse is None or worse.value is None:
        return f"{said}."
    alike = worse.low is not None and worse.low <= 0
    if worse.value <= 0:
        return f"{said}, but not shown to end better."
    form, unit = (
        (numbers.fixed(1, 100.0), " points") if metric.bounded else (numbers.significant, "")
    )
    said += f": this one ends {numbers.estimate(worse, form)}{unit} worse"
    return f"{said}, so that no difference is shown." if alike else f"{said}."


def passed_over(recommendation: Recommendation) -> list[str]:
    """Say which sizes take less, but are shown to end worse than is allowed, if any does."""
    sizes = list(recommendation.reason.values.get("passed_over", ()))
    if not sizes:
        return []
    named, more = sorted(sizes[:_NAMED]), len(sizes[_NAMED:])
    times = [
        f"× {numbers.estimate(recommendation.relative_cost[size], numbers.fixed(2))}"
        for size in named
    ]
    who = f"{phrases.batch_sizes(named)}"
    others = f", and {numbers.count(more)} more," if more else ""
    take, are = ("take", "are") if len(sizes) > 1 else ("takes", "is")
    said = (
        f"{who}{others} {take} {phrases.less(recommendation.objective)}, {phrases.listed(times)}, "
        f"but {are} shown to end worse than that."
    )
    return [wording.sentence(said)]


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
        return f"No {other} is tied with it in {aim}."
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
