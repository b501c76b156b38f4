"""What it takes to reach the first target, against batch size: iterations, epochs, seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from bsx.pictures.shapes import Axis, Fit, Mark, Panel, Picture, Series, Spot
from bsx.pictures.spots import BATCH_SIZE, known, spot
from bsx.schema import Analysis, Estimate, Pairs, Sweep, TargetSummary

_AXES = {
    "steps": Axis("iterations to the target", log=True),
    "epochs": Axis("epochs to the target", log=True),
    "seconds": Axis("seconds to the target", log=True),
}
_NAMES = {"steps": "iterations", "epochs": "epochs", "seconds": "seconds"}
# Where the points lie on no such curve it is drawn as what it is: no description of them
_POOR = "poor_fit"

Factor = Callable[[float], float | None]  # batch size → epochs, or seconds, of an iteration


def to_target(sweep: Sweep, analysis: Analysis, what: str, number: int = 0) -> Picture | None:
    """Return what a target takes; None where nothing of it is known.

    Args:
        sweep: what was trained.
        analysis: what came of it.
        what: steps, epochs or seconds.
        number: of the target, from 0.
    """
    if number >= len(analysis.targets):
        return None
    target = analysis.targets[number]
    reached = {
        row.batch_size: getattr(row.to_target[number], what)
        for row in analysis.batch_sizes
        if number < len(row.to_target)
    }
    return _picture(target, reached, what, lambda size: _factor(sweep, analysis, what, size))


def of_pairs(found: Pairs) -> tuple[Picture, ...]:
    """Return what each target takes by a table of iterations to targets."""
    samples = found.train_samples
    per_unit: dict[str, Factor] = {"steps": lambda size: 1.0}
    if samples is not None:
        per_unit["epochs"] = lambda size: size / samples
    pictures: dict[str, Picture] = {}
    for number, target in enumerate(found.targets):
        for what, factor in per_unit.items():
            reached = {s.batch_size: getattr(s.to_target[number], what) for s in found.batch_sizes}
            picture = _picture(target, reached, what, factor)
            if picture is None:
                continue
            if len(found.targets) > 1:
                picture = replace(picture, name=f"{picture.name}-{_file_name(target.metric)}")
            if picture.name in pictures:
                picture = replace(picture, name=f"{picture.name}-{number + 1}")
            pictures[picture.name] = picture
    return tuple(pictures.values())


def _file_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-._=" else "-" for c in text)[:60]


def _picture(
    target: TargetSummary, reached: Mapping[int, Estimate | None], what: str, factor: Factor
) -> Picture | None:
    spots = known([spot(size, found) for size, found in reached.items()])
    if not spots:
        return None
    fits = _fits(target, what, factor)
    panel = Panel(BATCH_SIZE, _AXES[what], (Series("measured", spots),), fits, _marks(target))
    return Picture(f"{_NAMES[what]}-to-target", f"{_NAMES[what]} to {goal(target)}", (panel,))


def goal(target: TargetSummary) -> str:
    """Name a target: ``validation accuracy ≥ 0.97``."""
    if target.threshold is None:
        return target.metric
    sign = "≥" if target.higher_is_better else "≤"
    return f"{target.split} {target.metric} {sign} {target.threshold:g}"


def _fits(target: TargetSummary, what: str, factor_at: Factor) -> tuple[Fit, ...]:
    """Return the fitted trade-off, and the perfect scaling that it starts from."""
    if not target.curve:
        return ()
    spots = []
    for size, steps in target.curve:
        factor = factor_at(size)
        found = None if factor is None else spot(size, steps, factor)
        if found is not None:
            spots.append(found)
    if not spots:
        return ()
    good = target.verdict != _POOR
    label = "fit, S_min + E_min/B" if good else "fit, S_min + E_min/B (poor)"
    fit = Fit(label, tuple(spots), good)
    least = target.min_samples
    if what != "steps" or least is None or least.value is None:
        return (fit,)
    return fit, _perfect(least, target)


def _perfect(least: Estimate, target: TargetSummary) -> Fit:
    """Return the line along which doubling the batch size halves the iterations."""
    value = least.value or 0.0
    floor = min(steps.value or math.inf for _, steps in target.curve) / 2
    ends = [size for size, _ in target.curve if value / size >= floor]
    line = tuple(Spot(size, value / size) for size in (ends[0], ends[-1])) if ends else ()
    return Fit("perfect scaling, E_min/B", line, good=False)


def _factor(sweep: Sweep, analysis: Analysis, what: str, size: float) -> float | None:
    """Return how many epochs or seconds an iteration is at a batch size."""
    if what == "steps":
        return 1.0
    if what == "epochs":
        samples = sweep.facts.train_samples
        return size / samples if samples else None
    timed = [
        (row.batch_size, row.speed.step_seconds.value)
        for row in analysis.batch_sizes
        if row.speed is not None and row.speed.step_seconds.value
    ]
    return interpolated(size, timed)


def interpolated(size: float, timed: list[tuple[int, float]]) -> float | None:
    """Return a value between measured ones, along straight lines of the logarithms."""
    below = [(b, seconds) for b, seconds in timed if b <= size * (1 + 1e-9)]
    above = [(b, seconds) for b, seconds in timed if b >= size * (1 - 1e-9)]
    if not below or not above:
        return None
    (b0, y0), (b1, y1) = below[-1], above[0]
    if b0 == b1:
        return y0
    share = math.log(size / b0) / math.log(b1 / b0)
    return math.exp((1 - share) * math.log(y0) + share * math.log(y1))


def _marks(target: TargetSummary) -> tuple[Mark, ...]:
    found = target.critical_batch_size
    if found is None or found.value is None:
        return ()
    return (Mark("critical batch size", found.value, found.low, found.high),)
