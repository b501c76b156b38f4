"""Figures of what a target takes against the batch size: iterations, epochs, seconds.

On two logarithmic axes, with the trade-off that was fitted, its two asymptotes and the regimes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bsx.render import numbers, phrases, places
from bsx.render.report import points
from bsx.render.report.plots import Line, Plot, Zone, log_axis, size_axis
from bsx.schema import Analysis, BatchSizeSummary, Estimate, Sweep, TargetSummary, ToTarget

_PLACES = 60  # of the fitted curve
_KINDS = {  # key → name, what is read off a ToTarget, how it is written
    "steps": ("iterations", numbers.whole),
    "epochs": ("epochs", numbers.significant),
    "seconds": ("time", numbers.duration),
}


def plots(sweep: Sweep, analysis: Analysis, number: int, prefix: str) -> list[Plot]:
    """Return the figures of target ``number`` of which anything is known."""
    found = (_plot(sweep, analysis, number, key, prefix) for key in _KINDS)
    return [plot for plot in found if plot is not None]


def _plot(sweep: Sweep, analysis: Analysis, number: int, key: str, prefix: str) -> Plot | None:
    name, form = _KINDS[key]
    sizes, target = analysis.batch_sizes, analysis.targets[number]
    found = {size.batch_size: _need(size, number, key) for size in sizes}
    fit = _fit(sweep, sizes, target, key)
    values = points.positive([*points.ends(found.values()), *(y for _, y in fit)])
    if not values or not any(e is not None and points.place(e) for e in found.values()):
        return None
    x, y = size_axis(list(found)), log_axis(f"{name} to the target", values, form)
    goal = phrases.goal(vars(target))
    return Plot(
        key=f"{prefix}{key}-{number}",
        title=f"{name.capitalize()} to {goal}",
        description=_described(name, target, found, form, bool(fit)),
        x=x,
        y=y,
        table=points.table(sizes, _columns(sizes, number, key, form)),
        series=(points.series(name, found, form, chosen=points.chosen_size(analysis), what=name),),
        lines=(*_fit_line(fit), *_asymptotes(sweep, target, key, x.low, x.high)),
        zones=_zones(target, x.low, x.high),
        missing=points.missing(sizes, found),
        note=_note(key, found.values(), places.timed_where(sweep, analysis)),
    )


def _columns(
    sizes: Sequence[BatchSizeSummary], number: int, key: str, form: numbers.Form
) -> dict[str, tuple[points.Quantities, numbers.Form]]:
    found = {size.batch_size: _need(size, number, key) for size in sizes}
    rates = {size.batch_size: _rate(size, number) for size in sizes}
    columns: dict[str, tuple[points.Quantities, numbers.Form]] = {_KINDS[key][0]: (found, form)}
    if any(rates.values()):
        columns["learning rate"] = (rates, numbers.learning_rate)
    return columns


def _entry(size: BatchSizeSummary, number: int) -> ToTarget | None:
    return size.to_target[number] if number < len(size.to_target) else None


def _need(size: BatchSizeSummary, number: int, key: str) -> Estimate | None:
    entry = _entry(size, number)
    quantity: Estimate | None = getattr(entry, key) if entry else None
    return quantity


def _rate(size: BatchSizeSummary, number: int) -> Estimate | None:
    entry = _entry(size, number)
    return None if entry is None or not entry.learning_rate else Estimate(entry.learning_rate)


# --- the fitted trade-off -----------------------------------------------------------------------


def _law(target: TargetSummary) -> Callable[[float], float] | None:
    """Return the iterations that the fit foretells at a batch size: S_min (1 + B_crit / B)."""
    critical, least = target.critical_batch_size, target.min_steps
    if critical is None or critical.value is None or least is None or least.value is None:
        return None
    size, steps = critical.value, least.value
    return lambda batch_size: steps * (1 + size / batch_size)


def _fit(
    sweep: Sweep, sizes: Sequence[BatchSizeSummary], target: TargetSummary, key: str
) -> list[tuple[float, float]]:
    law, samples = _law(target), sweep.facts.train_samples
    if law is None:
        return []
    if key == "seconds":
        timed = [(s.batch_size, s.speed.step_seconds.value) for s in sizes if s.speed]
        return [(size, law(size) * each) for size, each in timed if each]
    known = [size.batch_size for size in sizes]
    low, high = math.log(min(known)), math.log(max(known))
    places = [math.exp(low + (high - low) * n / _PLACES) for n in range(_PLACES + 1)]
    if key == "steps":
        return [(place, law(place)) for place in places]
    return [(place, law(place) * place / samples) for place in places] if samples else []


def _fit_line(fit: Sequence[tuple[float, float]]) -> tuple[Line, ...]:
    return (Line(tuple(fit), "fit", "fit"),) if len(fit) > 1 else ()


def _asymptotes(
    sweep: Sweep, target: TargetSummary, key: str, low: float, high: float
) -> tuple[Line, ...]:
    """Return what the curve nears: perfect scaling on the left, the fewest iterations right."""
    steps, seen = target.min_steps, target.min_samples
    samples = sweep.facts.train_samples
    if _law(target) is None or key == "seconds" or (key == "epochs" and not samples):
        return ()
    ends = (low, high)
    lines = []
    per = (lambda size: 1.0) if key == "steps" else (lambda size: size / samples)
    if seen and seen.value:
        lines.append(Line(tuple((b, seen.value / b * per(b)) for b in ends), "guide"))
    if steps and steps.value:
        lines.append(Line(tuple((b, steps.value * per(b)) for b in ends), "guide"))
    critical = target.critical_batch_size
    if critical and critical.value and low < critical.value < high:
        label = f"critical {numbers.whole(critical.value)}"
        lines.append(Line(((critical.value, math.nan),), "mark", label))
    return tuple(lines)


def _zones(target: TargetSummary, low: float, high: float) -> tuple[Zone, ...]:
    """Return the regimes, and the interval of the critical batch size."""
    zones = []
    regimes = target.regimes
    if regimes is not None:
        perfect = _bound(regimes.perfect_up_to, "low")
        maximal = _bound(regimes.maximal_from, "high")
        until = min(high, max(low, perfect or low))
        since = max(until, min(high, maximal or high))
        zones += [
            Zone(low, until, "perfect", "perfect scaling"),
            Zone(since, high, "maximal", "maximal parallelism"),
        ]
        if regimes.perfect_up_to is not None and regimes.maximal_from is not None:
            zones.append(Zone(until, since, "middle", "diminishing returns"))
    critical = target.critical_batch_size
    if critical and critical.value and critical.low and critical.high:
        zones.append(Zone(max(low, critical.low), min(high, critical.high), "interval"))
    return tuple(zone for zone in zones if zone.high > zone.low)


def _bound(boundary: Estimate | None, side: str) -> float | None:
    if boundary is None:
        return None
    known: float | None = getattr(boundary, side)
    return boundary.value if boundary.value is not None else known


# --- words --------------------------------------------------------------------------------------


def _described(
    name: str, target: TargetSummary, found: points.Quantities, form: numbers.Form, fitted: bool
) -> str:
    known = [(size, e) for size, e in found.items() if e is not None and e.value is not None]
    text = f"{name.capitalize()} against batch size, both on logarithmic axes."
    if known:
        (first, low), (last, high) = known[0], known[-1]
        text += f" From {form(low.value)} at batch size {numbers.count(first)}"
        text += f" to {form(high.value)} at batch size {numbers.count(last)}."
    if fitted and target.critical_batch_size:
        critical = numbers.estimate(target.critical_batch_size, numbers.whole)
        text += f" The fitted critical batch size is {critical}."
    return text


def _note(key: str, found: object, timed: str) -> str:
    text = "Points are geometric means over the seeds, bars their 95 % intervals."
    if key == "seconds":
        return f"Times: {timed}."
    quantities = [e for e in found if isinstance(e, Estimate)]  # type: ignore[attr-defined]
    if any(e.value is None for e in quantities):
        text += " An open triangle: not reached by then, the true value lies above."
    return text
