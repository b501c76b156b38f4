"""Reports → the points of a curve, and the metrics at its end.

A point is made where a validation metric was reported. A field without a part in its name is a
validation metric, unless the program reports the same one of validation by name; a plain ``loss``
is the training loss, unless it is the only thing there is to judge by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bsx.command import names
from bsx.command.names import LOSS, OTHER, PLAIN, POSITION, TEST, TRAIN, VALIDATION
from bsx.command.reports import Report
from bsx.schema import CurvePoint, Metric, Recipe

NAN = float("nan")  # in a curve: not reported there
_MOST_STEPS = 1e15  # a step beyond is none


@dataclass
class Row:
    """What one report says: where it stands, and its numbers by part and name."""

    seconds: float | None  # when it came
    position: dict[str, float] = field(default_factory=dict)
    parts: dict[str, dict[str, float]] = field(default_factory=dict)

    def part(self, name: str) -> dict[str, float]:
        """Return the numbers of a part."""
        return self.parts.setdefault(name, {})

    @property
    def says_something(self) -> bool:
        """Whether there is a number about the model in it."""
        return any(self.parts.get(part) for part in (TRAIN, VALIDATION, TEST, PLAIN))


@dataclass(frozen=True)
class Reading:
    """A program's reports, understood; ``trouble`` says why there is no curve, if there is none."""

    points: tuple[CurvePoint, ...]
    final: Mapping[str, Mapping[str, float]]
    trouble: str | None = None


def steps_per_epoch(recipe: Recipe, train_samples: int) -> int:
    """Return the steps of an epoch."""
    if recipe.tail == "drop":
        return max(1, train_samples // recipe.batch_size)
    return -(-train_samples // recipe.batch_size)


def sorted_out(report: Report) -> Row:
    """Sort the numbers of a report by what they are about."""
    row = Row(report.seconds)
    for name, value in report.values.items():
        part, plain = names.place(name)
        if part == POSITION:
            row.position[plain] = value
        elif part != OTHER:
            row.part(part)[plain] = value
    return row


def is_divergence(report: Report, judged: str) -> bool:
    """Say whether a loss, or the metric that quality is judged by, is no longer finite."""
    row = sorted_out(report)
    return any(
        not math.isfinite(value)
        for part in (TRAIN, VALIDATION, PLAIN)
        for name, value in row.part(part).items()
        if name in (LOSS, judged)
    )


def last_step(report: Report, recipe: Recipe, train_samples: int) -> int:
    """Return the step that a report stands at, as far as it can be told; 0 where it cannot."""
    per_epoch = steps_per_epoch(recipe, train_samples)
    return _step(sorted_out(report).position, per_epoch, recipe.batch_size, 0) or 0


def read_curve(
    reports: Sequence[Report], recipe: Recipe, train_samples: int, judged: Metric
) -> Reading:
    """Understand all reports of a run."""
    rows = [row for row in map(sorted_out, reports) if row.says_something]
    if not rows:
        return Reading((), {}, "it reported no metrics: nothing with a number by a known name, "
                       'as in a JSON line {"step": 100, "val_accuracy": 0.91}')  # fmt: skip
    _name_parts(rows, judged.name)
    placed = _placed(rows, steps_per_epoch(recipe, train_samples), recipe.batch_size)
    if not placed:
        return Reading((), {}, "its metrics stand without a step, epoch or samples, so that no "
                       "curve can be made of them")  # fmt: skip
    points = _points(placed, recipe, train_samples)
    trouble = _trouble(points, rows, judged)
    if trouble:
        return Reading((), {}, trouble)
    return Reading(points, _final(points, rows))


def _name_parts(rows: Sequence[Row], judged: str) -> None:
    """Give every plain field the part that it belongs to."""

    def reported(part: str) -> set[str]:
        return {name for row in rows for name in row.part(part)}

    validation, train, plain = reported(VALIDATION), reported(TRAIN), reported(PLAIN)
    alone = not (validation | plain) - {LOSS}
    for row in rows:
        for name, value in row.part(PLAIN).items():
            if name in validation:
                row.part(TRAIN).setdefault(name, value)
            elif name != LOSS or LOSS in train:
                row.part(VALIDATION)[name] = value
            else:
                row.part(TRAIN)[LOSS] = value
                if alone or judged == LOSS:
                    row.part(VALIDATION)[LOSS] = value


def _placed(rows: Sequence[Row], per_epoch: int, batch_size: int) -> dict[int, list[Row]]:
    """Return the rows that have a place, by step; what is before the first step is left out."""
    epochs = [row.position["epoch"] for row in rows if "epoch" in row.position]
    only_epochs = not any("step" in row.position or "samples" in row.position for row in rows)
    shift = 1 if only_epochs and count_from_zero(epochs) else 0
    placed: dict[int, list[Row]] = {}
    for row in rows:
        step = _step(row.position, per_epoch, batch_size, shift)
        if step is not None and step > 0:
            placed.setdefault(step, []).append(row)
    return dict(sorted(placed.items()))


def count_from_zero(epochs: Sequence[float]) -> bool:
    """Say whether a run calls its first epoch 0: they are whole, and 0 comes first.

    What is reported there is then one epoch's result.
    """
    begins = bool(epochs) and epochs[0] == 0
    return begins and all(epoch == int(epoch) for epoch in epochs if _finite(epoch))


def _step(position: Mapping[str, float], per_epoch: int, batch_size: int, shift: int) -> int | None:
    """The step of a report: its own, or counted from its samples or its epoch."""
    step, samples, epoch = (position.get(key, NAN) for key in ("step", "samples", "epoch"))
    if abs(step) < _MOST_STEPS:
        return round(step)
    if abs(samples) < _MOST_STEPS:
        return math.ceil(samples / batch_size)
    if abs(epoch) < _MOST_STEPS:
        return round((epoch + shift) * per_epoch)
    return None


def _points(
    placed: Mapping[int, Sequence[Row]], recipe: Recipe, train_samples: int
) -> tuple[CurvePoint, ...]:
    every = sorted({n for rows in placed.values() for row in rows for n in row.part(VALIDATION)})
    own_clock = any("seconds" in row.position for rows in placed.values() for row in rows)
    per_epoch = steps_per_epoch(recipe, train_samples)
    points: list[CurvePoint] = []
    losses: list[float] = []
    seconds = NAN
    for step, rows in placed.items():
        values: dict[str, float] = {}
        for row in rows:
            values |= row.part(VALIDATION)
            losses += [row.part(TRAIN)[LOSS]] if LOSS in row.part(TRAIN) else []
            clock: Any = row.position.get("seconds") if own_clock else row.seconds
            seconds = seconds if clock is None else float(clock)
        if not values:
            continue
        epochs, rest = divmod(step, per_epoch)
        in_epoch = per_epoch * recipe.batch_size if recipe.tail == "drop" else train_samples
        points.append(
            CurvePoint(
                step=step,
                epoch=step / per_epoch,
                samples_seen=epochs * in_epoch + rest * recipe.batch_size,
                train_seconds=seconds,
                train_loss=sum(losses) / len(losses) if losses else NAN,
                validation_loss=values.get(LOSS, NAN),
                metrics={name: values.get(name, NAN) for name in every if name != LOSS},
            )
        )
        losses = []
    return tuple(points)


def _trouble(points: Sequence[CurvePoint], rows: Sequence[Row], judged: Metric) -> str | None:
    values = [p.validation_loss if judged.name == LOSS else p.metrics.get(judged.name, NAN)
              for p in points]  # fmt: skip
    known = [value for value in values if _finite(value)]
    if not known:
        reported = sorted({name for row in rows for name in row.part(VALIDATION)})
        others = f"; it reports {', '.join(reported)}" if reported else ""
        return (
            f"it reports no validation {judged.name}, by which quality is judged{others}; name one "
            "with --metric"
        )
    wrong = [value for value in known if judged.bounded and not 0 <= value <= 1]
    if wrong:
        return (
            f"its {judged.name} of {wrong[0]:g} does not lie between 0 and 1; report a fraction, "
            f"or give --metric {judged.name}:max"
        )
    return None


def _final(points: Sequence[CurvePoint], rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """The last validation metrics, and what was reported last of train and test."""
    validation = {LOSS: points[-1].validation_loss, **points[-1].metrics}
    final = {VALIDATION: validation, TRAIN: {}, TEST: {}}
    for row in rows:
        for part in (TRAIN, TEST):
            final[part] |= row.part(part)
    return {
        part: {name: value for name, value in values.items() if _finite(value)}
        for part, values in final.items()
    }


def _finite(value: float) -> bool:
    return math.isfinite(value)
