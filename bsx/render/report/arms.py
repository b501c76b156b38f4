"""Figures of several sweeps together."""

from __future__ import annotations

from bsx.render import numbers
from bsx.render.report import points
from bsx.render.report.figures import figure
from bsx.render.report.markup import Markup, tag
from bsx.render.report.parts import Report
from bsx.render.report.plots import Plot, Series, Table, log_axis, size_axis
from bsx.schema import Comparison, Estimate

_COLORS = ("blue", "orange", "green", "purple", "sky", "red")
_SHAPES = ("circle", "square", "diamond", "triangle")


def figures(report: Report) -> list[Markup]:
    """Return the iterations to the target that arms have in common, all in one figure."""
    found = _iterations(report)
    return [] if found is None else [tag("div", figure(found), class_="figures")]


def _iterations(report: Report) -> Plot | None:
    comparisons = [one for one in report.comparisons if one.target_metric is not None]
    if not comparisons:
        return None
    first = comparisons[0]
    arms = {first.first: _steps(first, 0), **{one.second: _steps(one, 1) for one in comparisons}}
    values = points.positive(points.ends(e for of in arms.values() for e in of.values()))
    sizes = sorted({size for of in arms.values() for size in of})
    if not values:
        return None
    rows = [
        (numbers.count(size), *(numbers.estimate(of.get(size), numbers.whole)
                                for of in arms.values())) for size in sizes
    ]  # fmt: skip
    return Plot(
        key="arms-steps",
        title="Iterations to the target that is compared by",
        description="Iterations to the target against batch size, both on logarithmic axes, of "
        "each sweep.",
        x=size_axis(sizes),
        y=log_axis("iterations to the target", values, numbers.whole),
        table=Table(("batch size", *arms), tuple(rows)),
        series=tuple(_series(number, name, of) for number, (name, of) in enumerate(arms.items())),
        note="Bars are 95 % intervals. An open triangle: not reached by then.",
    )


def _steps(comparison: Comparison, which: int) -> dict[int, Estimate | None]:
    return {row.batch_size: row.steps[which] for row in comparison.sizes}


def _series(number: int, name: str, of: dict[int, Estimate | None]) -> Series:
    return points.series(
        name, of, numbers.whole, color=_COLORS[number % len(_COLORS)],
        shape=_SHAPES[number % len(_SHAPES)], joined=True, what=f"{name}, iterations",
    )  # fmt: skip
