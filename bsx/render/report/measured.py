"""Figures of what was measured along runs: noise scale, gradients, and branches."""

from __future__ import annotations

import itertools

from bsx.render import numbers
from bsx.render.report import colors, points
from bsx.render.report.parts import Part
from bsx.render.report.plots import (
    Line,
    Missing,
    Plot,
    Point,
    Series,
    Table,
    linear_axis,
    log_axis,
    size_axis,
)
from bsx.schema import Branched, Estimate, GradientPoint

_PLACES = {"start": ("green", "diamond"), "middle": ("orange", "square"), "end": ("blue", "circle")}


def figures(part: Part, prefix: str) -> list[Plot]:
    """Return the figures of what was asked to be measured."""
    found = (_noise(part, prefix), _gradients(part, prefix))
    return [plot for plot in found if plot is not None]


def _noise(part: Part, prefix: str) -> Plot | None:
    """Return the noise scale along a run of each batch size, beside the critical batch size."""
    rows = [s for s in part.analysis.batch_sizes if s.noise_curve]
    all_sizes = part.analysis.batch_sizes
    color = {s.batch_size: colors.of(n, len(all_sizes)) for n, s in enumerate(all_sizes)}
    shapes = ("circle", "square", "diamond", "triangle")
    series, cells, values = [], [], []
    epochs: list[float] = []
    for number, row in enumerate(rows):
        curve = row.noise_curve
        assert curve is not None
        name = f"batch size {numbers.count(row.batch_size)}"
        of = []
        for at in curve.points:
            scale = at.noise_scale
            y = points.place(scale)
            epoch = numbers.significant(at.epoch)
            cells.append((name, epoch, numbers.estimate(scale, numbers.whole)))
            if y is None or y <= 0:
                continue
            epochs.append(at.epoch)
            values.append(y)
            text = f"{name}, epoch {epoch}: noise scale {points.said(scale, numbers.whole)}"
            of.append(Point(at.epoch, y, text, scale.low, scale.high, scale.value is None))
        shape = shapes[number % len(shapes)]
        series.append(Series(name, color[row.batch_size], shape, tuple(of), True))
    if not values:
        return None
    critical = part.analysis.targets[0].critical_batch_size if part.analysis.targets else None
    known = critical.value if critical else None
    x = linear_axis("epochs", epochs)
    return Plot(
        key=f"{prefix}noise-scale",
        title="Gradient noise scale along the training",
        description="The gradient noise scale in samples, on a logarithmic axis, against epochs, "
        "along one run of each batch size.",
        x=x,
        y=log_axis("noise scale (samples)", [*values, *([known] if known else [])], numbers.si),
        table=Table(("run", "epoch", "noise scale"), tuple(cells)),
        series=tuple(series),
        lines=(points.horizontal(known, x.low, x.high, "critical batch size"),) if known else (),
        note="An estimate of the order of the critical batch size, and no synonym for it.",
    )


def _gradients(part: Part, prefix: str) -> Plot | None:
    found = part.analysis.gradients
    if found is None or not found.points:
        return None
    sizes = sorted({d.batch_size for point in found.points for d in point.directions})
    series = tuple(_cosines(point) for point in found.points)
    by_place = {p.place: {d.batch_size: d.cosine for d in p.directions} for p in found.points}
    rows = [
        (numbers.count(size), *(numbers.estimate(of.get(size)) for of in by_place.values()))
        for size in sizes
    ]
    x = size_axis(sizes)
    return Plot(
        key=f"{prefix}gradients",
        title="Direction of the gradient",
        description="The cosine between the gradient of a batch and that of all samples, against "
        "batch size, at the start, the middle and the end of a run.",
        x=x,
        y=linear_axis("cosine to the full gradient", [0.0, 1.0]),
        table=Table(("batch size", *by_place), tuple(rows)),
        series=series,
        lines=(points.horizontal(found.cosine, x.low, x.high, f"{found.cosine:g}"),),
    )


def _cosines(point: GradientPoint) -> Series:
    color, shape = _PLACES.get(point.place, ("purple", "triangle"))
    of = {d.batch_size: d.cosine for d in point.directions}
    return points.series(
        point.place, of, numbers.significant, color=color, shape=shape, joined=True,
        what=f"cosine at the {point.place}",
    )  # fmt: skip


# --- branches -----------------------------------------------------------------------------------


def branched(part: Part, prefix: str = "") -> list[Plot]:
    """Return the critical batch size along the run, and how much higher its branches end."""
    found = part.analysis.branched
    if found is None or not found.points:
        return []
    plots = (_critical(found, prefix), _excess(found, prefix))
    return [plot for plot in plots if plot is not None]


def _critical(found: Branched, prefix: str) -> Plot | None:
    of, missing, values = [], [], []
    for point in found.points:
        size = point.critical_batch_size
        y = points.place(size) if size else None
        where = f"after {numbers.count(point.samples)} samples"
        if size is None or y is None:
            missing.append(Missing(point.samples, "unknown", f"{where}: not known"))
            continue
        values += points.ends([size])
        text = f"{where}: critical batch size {points.said(size, numbers.whole)}"
        of.append(Point(point.samples, y, text, size.low, size.high, size.value is None))
    if not of:
        return None
    stages = found.warmup.stages if found.warmup else ()
    steps = [(float(max(1, s.samples)), float(s.batch_size)) for s in stages]
    stairs = [p for a, b in itertools.pairwise(steps) for p in (a, (b[0], a[1]))]
    last = found.points[-1].samples
    stairs += [steps[-1], (float(last), steps[-1][1])] if steps else []
    rows = [
        (numbers.count(p.samples), numbers.significant(p.epoch),
         numbers.estimate(p.critical_batch_size, numbers.whole)) for p in found.points
    ]  # fmt: skip
    return Plot(
        key=f"{prefix}critical-along",
        title="Critical batch size along the training",
        description="The critical batch size, on a logarithmic axis, against samples seen.",
        x=log_axis("samples seen", [point.samples for point in found.points], numbers.si),
        y=log_axis("critical batch size", [*values, *(y for _, y in stairs)], numbers.count),
        table=Table(("samples seen", "epochs", "critical batch size"), tuple(rows)),
        series=(Series("critical batch size", "blue", "circle", tuple(of), True),),
        lines=(Line(tuple(stairs), "fit", "warm-up", "the batch warm-up that this implies"),)
        if stairs else (),
        missing=tuple(missing),
        note="Dashed: the batch warm-up that this implies." if stairs else "",
    )  # fmt: skip


def _excess(found: Branched, prefix: str) -> Plot | None:
    base = numbers.count(found.base_batch_size)
    series, values = [], []
    shapes = ("circle", "square", "diamond", "triangle")
    sizes = sorted({b.batch_size for p in found.points for b in p.branches})
    for number, point in enumerate(found.points):
        of: dict[int, Estimate | None] = {
            b.batch_size: b.difference for b in point.branches if b.verdict != "base"
        }
        values += points.ends(of.values())
        epoch = numbers.significant(point.epoch)
        color = colors.of(number, len(found.points))
        series.append(
            points.series(f"{epoch} epochs", of, numbers.significant,
                          color=color,
                          shape=shapes[number % len(shapes)], joined=True,
                          what=f"after {epoch} epochs, loss above that of {base}:")
        )  # fmt: skip
    if not values:
        return None
    by_point = [{b.batch_size: b for b in p.branches} for p in found.points]
    rows = [
        (numbers.count(size), *(numbers.estimate(of[size].difference) if size in of
                                else numbers.UNKNOWN for of in by_point)) for size in sizes
    ]  # fmt: skip
    x = size_axis(sizes)
    headers = ("batch size", *(s.name for s in series))
    return Plot(
        key=f"{prefix}branch-loss",
        title=f"Loss at the end of branches, above that of batch size {base}",
        description="How much higher the validation loss of a branch ends than that of the base "
        "batch size, against batch size, from each point of the run.",
        x=x,
        y=linear_axis("loss above the base size", [0.0, *values]),
        table=Table(headers, tuple(rows)),
        series=tuple(series),
        lines=(points.horizontal(0.0, x.low, x.high, ""),),
    )
