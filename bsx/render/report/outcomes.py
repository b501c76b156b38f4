"""Figures over batch sizes beside those of a target: quality and gap, throughput and memory."""

from __future__ import annotations

import math

from bsx.render import numbers, phrases
from bsx.render.report import points
from bsx.render.report.parts import Part
from bsx.render.report.plots import (
    LOG,
    Axis,
    Line,
    Plot,
    Series,
    Zone,
    linear_axis,
    log_axis,
    size_axis,
)
from bsx.schema import BatchSizeSummary, Estimate, Final, Metric

_SPLITS = {  # split → colour, shape
    "train": ("green", "diamond"),
    "validation": ("orange", "square"),
    "test": ("blue", "circle"),
}
_STEEP = 20  # so many times the lowest, and an axis of errors is logarithmic


def quality(part: Part, prefix: str) -> list[Plot]:
    """Return where each size ends on each split, and its generalization gap."""
    return [plot for plot in (_ends(part, prefix), _gap(part, prefix)) if plot is not None]


def speed(part: Part, prefix: str) -> list[Plot]:
    """Return throughput, with its knee, and peak memory, with its limit."""
    return [plot for plot in (_throughput(part, prefix), _memory(part, prefix)) if plot is not None]


# --- quality ------------------------------------------------------------------------------------


def _metric(part: Part) -> Metric:
    return part.sweep.facts.metric_named(part.analysis.metric) or part.sweep.facts.metric


def _form(metric: Metric) -> numbers.Form:
    if not metric.bounded:
        return numbers.significant
    return lambda value: numbers.percent(value, 1)


def _ends(part: Part, prefix: str) -> Plot | None:
    metric, sizes = _metric(part), part.analysis.batch_sizes
    form, name = _form(metric), phrases.clean(metric.name)
    by_split = {
        split: {size.batch_size: _of(size.final, split, metric.name) for size in sizes}
        for split in _SPLITS
    }
    by_split = {split: found for split, found in by_split.items() if any(found.values())}
    if not by_split:
        return None
    values = points.near(one for found in by_split.values() for one in found.values())
    baseline = part.sweep.facts.baseline
    level = baseline.test.get(metric.name) if baseline else None
    x = size_axis([size.batch_size for size in sizes])
    near = level is not None and min(values) - level < 2 * (max(values) - min(values))
    lines = (points.horizontal(level, x.low, x.high, "baseline"),) if level and near else ()
    columns = {split: (found, form) for split, found in by_split.items()}
    shown = next(iter(by_split.values()))
    return Plot(
        key=f"{prefix}quality",
        title=f"{name[:1].upper()}{name[1:]} at the end of the run",
        description=f"{name} of training, validation and test samples against batch size, at the "
        "learning rate best on validation at the end.",
        x=x,
        y=_axis(name, [*values, *([level] if lines and level else [])], form, metric),
        table=points.table(sizes, columns),
        series=tuple(_split(part, split, found, form) for split, found in by_split.items()),
        lines=lines,
        missing=points.missing(sizes, shown),
        note="Bars are 95 % intervals over the seeds; those without an end go on.",
    )


def _split(part: Part, split: str, found: points.Quantities, form: numbers.Form) -> Series:
    color, shape = _SPLITS[split]
    chosen = points.chosen_size(part.analysis) if split == "test" else None
    return points.series(split, found, form, color=color, shape=shape, chosen=chosen, joined=True)


def _of(final: Final | None, split: str, name: str) -> Estimate | None:
    values = getattr(final, split) if final else {}
    found: Estimate | None = values.get(name)
    return found


def _axis(label: str, values: list[float], form: numbers.Form, metric: Metric) -> Axis:
    if not metric.bounded and min(values) > 0 and max(values) > _STEEP * min(values):
        return log_axis(label, values, form)
    return linear_axis(label, values, form)


def _gap(part: Part, prefix: str) -> Plot | None:
    metric, sizes = _metric(part), part.analysis.batch_sizes
    scale, unit = (100.0, " (points)") if metric.bounded else (1.0, "")
    gaps = {size.batch_size: size.final.generalization_gap if size.final else None
            for size in sizes}  # fmt: skip
    found = {size: one.scaled(scale) if one else None for size, one in gaps.items()}
    values = points.near(found.values())
    if not values:
        return None
    x = size_axis(list(found))
    return Plot(
        key=f"{prefix}gap",
        title=f"Generalization gap{unit}",
        description=f"How much worse {phrases.clean(metric.name)} is on test than on training "
        "samples, against batch size.",
        x=x,
        y=linear_axis(f"generalization gap{unit}", [0.0, *values]),
        table=points.table(sizes, {"generalization gap": (found, numbers.significant)}),
        series=(
            points.series("gap", found, numbers.significant, color="purple", shape="diamond",
                          chosen=points.chosen_size(part.analysis), joined=True,
                          what="generalization gap"),
        ),
        lines=(points.horizontal(0.0, x.low, x.high, ""),),
        missing=points.missing(sizes, found),
        note="Above 0: worse on test samples than on those trained on.",
    )  # fmt: skip


# --- speed --------------------------------------------------------------------------------------


def _throughput(part: Part, prefix: str) -> Plot | None:
    sizes = part.analysis.batch_sizes
    found = {s.batch_size: s.speed.samples_per_second if s.speed else None for s in sizes}
    values = points.positive(points.ends(found.values()))
    if not values:
        return None
    x, knee = size_axis(list(found)), part.knee
    lines: tuple[Line, ...] = ()
    zones: tuple[Zone, ...] = ()
    if knee is not None and knee.value is not None:
        lines = (Line(((knee.value, math.nan),), "mark", f"knee {numbers.count(knee.value)}"),)
        zones = (Zone(knee.value, x.high, "maximal"),)
    return Plot(
        key=f"{prefix}throughput",
        title="Throughput",
        description="Samples per second against batch size, both on logarithmic axes."
        + (f" The knee is at batch size {numbers.count(knee.value)}." if knee and lines else ""),
        x=x,
        y=log_axis("samples per second", values, numbers.si),
        table=points.table(sizes, {"samples per second": (found, numbers.si)}),
        series=(
            points.series("throughput", found, numbers.throughput, color="green", shape="square",
                          chosen=points.chosen_size(part.analysis), joined=True),
        ),
        lines=lines,
        zones=zones,
        missing=points.missing(sizes, found),
        note=_knee_note(knee),
    )  # fmt: skip


def _knee_note(knee: Estimate | None) -> str:
    if knee is None:
        return ""
    if knee.value is None:
        largest = numbers.count(knee.censored_at)
        return f"No knee up to {largest}: no smaller size comes to 90 % of the best throughput."
    size = numbers.estimate(knee, numbers.count)
    return f"The knee, {size}: the smallest size with at least 90 % of the best throughput."


def _memory(part: Part, prefix: str) -> Plot | None:
    sizes = part.analysis.batch_sizes
    found = {size.batch_size: _peak(size) for size in sizes}
    values = points.positive(points.ends(found.values()))
    if not values:
        return None
    x, limit = size_axis(list(found)), part.sweep.facts.memory_limit
    near = limit is not None and limit.limit_bytes < 30 * max(values)
    level = float(limit.limit_bytes) if limit is not None and near else None
    y = _bytes_axis("peak memory", [*values, *([level] if level else [])])
    return Plot(
        key=f"{prefix}memory",
        title="Peak memory",
        description="The most memory that a training step takes, against batch size.",
        x=x,
        y=y,
        table=points.table(sizes, {"peak memory": (found, numbers.size)}),
        series=(
            points.series("peak memory", found, numbers.size, color="orange", shape="triangle",
                          chosen=points.chosen_size(part.analysis), joined=True),
        ),
        lines=(points.horizontal(level, x.low, x.high, "limit"),) if level else (),
        missing=points.missing(sizes, found),
        note=f"The limit, {numbers.size(level)}, is that of the {limit.source}."
        if limit is not None and level else "",
    )  # fmt: skip


def _peak(size: BatchSizeSummary) -> Estimate | None:
    peak = size.speed.peak_memory_bytes if size.speed else None
    return None if peak is None else Estimate(float(peak))


def _bytes_axis(label: str, values: list[float]) -> Axis:
    """Return a logarithmic axis with powers of two as ticks."""
    low, high = min(values) / 1.4, max(values) * 1.4
    if high < 8 * low:  # what hardly changes is shown so
        low, high = low / 2, high * 2
    first, last = math.ceil(math.log2(low)), math.floor(math.log2(high))
    every = max(1, math.ceil((last - first + 1) / 6))
    powers = [2.0**power for power in range(first, last + 1, every)]
    return Axis(label, LOG, low, high, tuple((p, numbers.size(p)) for p in powers))
