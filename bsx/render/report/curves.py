"""Figures of the curves: loss and metric against iterations, epochs and seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from bsx.render import numbers, phrases
from bsx.render.report import colors
from bsx.render.report.parts import Part
from bsx.render.report.plots import (
    SHAPES,
    Axis,
    Line,
    Plot,
    Table,
    Trace,
    linear_axis,
    log_axis,
)
from bsx.render.report.traces import Thinned, thinned
from bsx.schema import Metric

# what stands on the x axis → its label, and how it is written
VIEWS: dict[str, tuple[str, numbers.Form]] = {
    "steps": ("iterations", numbers.count),
    "epochs": ("epochs", numbers.significant),
    "seconds": ("seconds", numbers.significant),
}
_LOSSES = {"train_loss": "training loss", "validation_loss": "validation loss"}
_ROWS = 9  # of the table of a figure
_STEEP = 8  # so many times the lowest, and an axis of losses is logarithmic


def plots(part: Part, prefix: str, most: int) -> dict[str, list[Plot]]:
    """Return view → its figures, of at most ``most`` points a curve, where any is known."""
    metric = part.sweep.facts.metric_named(part.analysis.metric) or part.sweep.facts.metric
    names = list(dict.fromkeys([*_LOSSES, metric.name]))
    names = [n for n in names if not (n == "loss" and "validation_loss" in names)]
    curves = thinned(part, names, most)
    found = {}
    for view in VIEWS:
        drawn = (_plot(part, curves, name, view, metric, prefix) for name in names)
        known = [plot for plot in drawn if plot is not None]
        if known:
            found[view] = known
    return found


def _plot(
    part: Part, curves: Sequence[Thinned], name: str, view: str, metric: Metric, prefix: str
) -> Plot | None:
    of_metric = name == metric.name
    in_percent = of_metric and metric.bounded
    form = _percent if in_percent else numbers.significant
    tick_form = partial(_percent, digits=6) if in_percent else numbers.significant
    numbered = {s.batch_size: n for n, s in enumerate(part.analysis.batch_sizes)}
    traces = [
        trace
        for one in curves
        if (trace := _trace(one, name, view, numbered[one.size.batch_size], len(numbered), form))
        is not None
    ]
    if not traces:
        return None
    label, x_form = VIEWS[view]
    title = f"Validation {phrases.clean(name)}" if of_metric else _LOSSES[name].capitalize()
    x = log_axis(label, [x for trace in traces for x in trace.xs], numbers.significant)
    return Plot(
        key=f"{prefix}curve-{'metric' if of_metric else name.replace('_', '-')}-{view}",
        title=f"{title} by {label}",
        description=(
            f"{title} of each batch size against {label}, on a logarithmic axis: the median over "
            "the seeds, in a band from the lowest to the highest."
        ),
        x=x,
        y=_y_axis(title.lower(), traces, tick_form, log=not of_metric or not metric.bounded),
        table=_table(label, x_form, form, x, traces),
        traces=tuple(traces),
        lines=_goal(part, name, x) if of_metric else (),
    )


def _percent(value: float | None, digits: int = 3) -> str:
    return numbers.UNKNOWN if value is None else f"{numbers.significant(100 * value, digits)} %"


def _trace(
    one: Thinned, name: str, view: str, number: int, count: int, form: numbers.Form
) -> Trace | None:
    across: Sequence[float] = getattr(one, view)
    rows = [
        (x, *spread)
        for x, spread in zip(across, one.values[name], strict=False)
        if x > 0 and math.isfinite(spread[0])
    ]
    if not rows:
        return None
    xs, ys, low, high = zip(*rows, strict=True)
    label, x_form = VIEWS[view]
    size = f"batch size {numbers.count(one.size.batch_size)}"
    text = f"{size}: from {form(ys[0])} to {form(ys[-1])} in {x_form(xs[-1])} {label}"
    color = colors.of(number, count)
    if one.seeds == 1:
        low = high = ()
    return Trace(size, color, SHAPES[number % len(SHAPES)], xs, ys, text, low, high)


def _y_axis(label: str, traces: Sequence[Trace], form: numbers.Form, *, log: bool) -> Axis:
    """Return an axis that holds the medians, and of the bands what is not far from them."""
    values = [y for trace in traces for y in trace.ys]
    low, high = min(values), max(values)
    if log and low > 0 and high > _STEEP * low:
        return log_axis(label, [low, high], form)
    bands = [y for trace in traces for y in (*trace.low, *trace.high)]
    room = high - low
    near = [y for y in bands if low - room < y < high + room]
    return linear_axis(label, [*values, *near], form)


def _goal(part: Part, name: str, x: Axis) -> tuple[Line, ...]:
    targets = [t for t in part.analysis.targets[:1] if t.metric == name and t.threshold is not None]
    return tuple(
        Line(((x.low, t.threshold or 0.0), (x.high, t.threshold or 0.0)), "bound", "target")
        for t in targets
    )


def _table(
    label: str, x_form: numbers.Form, form: numbers.Form, x: Axis, traces: Sequence[Trace]
) -> Table:
    """Return the curves at a few places, each as it was last evaluated by then."""
    low = min(trace.xs[0] for trace in traces)
    high = max(trace.xs[-1] for trace in traces)
    places = [low * (high / low) ** (n / (_ROWS - 1)) for n in range(_ROWS)]
    rounding: Callable[[float], float] = round if label == "iterations" else float
    places = list(dict.fromkeys(rounding(place) for place in places))
    rows = [(x_form(p), *(form(_by(trace, p)) for trace in traces)) for p in places]
    return Table((label, *(trace.name for trace in traces)), tuple(rows))


def _by(trace: Trace, place: float) -> float | None:
    known = [y for x, y in zip(trace.xs, trace.ys, strict=True) if x <= place * (1 + 1e-9)]
    return known[-1] if known and place <= trace.xs[-1] * 1.3 else None
