"""Rows → the runs of a file: a curve for each batch size, learning rate and seed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bsx.command import names
from bsx.command.curve import count_from_zero
from bsx.errors import DataError
from bsx.exchange import roles as columns
from bsx.exchange.cells import (
    NAN,
    check_share,
    is_lost,
    judged_value,
    step_of,
    told_number,
    values_of,
)
from bsx.exchange.joined import joined
from bsx.exchange.layout import Layout
from bsx.exchange.progress import EPOCHS
from bsx.exchange.reading import Row, Table, shortened
from bsx.exchange.values import above_zero, is_empty, not_negative, number, whole
from bsx.schema import CurvePoint, Metric, RunStatus

_PARTS = {**dict.fromkeys(("train", "training"), names.TRAIN), "test": names.TEST}
_NO_RESULT = {  # of training: such a run is counted, and says nothing of learning
    str(status): status
    for status in (RunStatus.OUT_OF_MEMORY, RunStatus.TIMED_OUT, RunStatus.FAILED)
}
_APART = (
    "tell runs apart by columns learning_rate and seed, or take what else differs to a file of its "
    "own"
)


Key = tuple[int, float | None, int]  # batch size, learning rate, seed of a run


@dataclass
class MeasuredRun:
    """One run of a file. ``points`` end before the first that was not finite."""

    batch_size: int
    rate: float | None
    seed: int
    points: list[CurvePoint] = field(default_factory=list)
    train: dict[str, float] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    last_step: int = 0
    last_seconds: float = 0.0
    place: str = ""  # of the last row
    rows: list[Row] = field(default_factory=list)
    status: RunStatus = RunStatus.COMPLETED
    has_seed: bool = True  # the file tells one
    from_zero: bool = False  # its first epoch is called 0

    @property
    def name(self) -> str:
        """What messages call it."""
        rate = "" if self.rate is None else f", learning rate {self.rate:g}"
        seed = f", seed {self.seed}" if self.has_seed else ""
        return f"batch size {self.batch_size}{rate}{seed}"


@dataclass(frozen=True)
class Curves:
    """All runs of a file; ``other_rows`` are those of the train or test part, left aside."""

    file: str
    fingerprint: str
    metrics: tuple[Metric, ...]  # the first is the one that quality is judged by
    runs: tuple[MeasuredRun, ...]
    rates: tuple[float, ...]  # () where no rate was told
    has_seconds: bool
    left_out: tuple[str, ...]  # columns
    other_rows: int = 0
    train_samples: int | None = None  # as epochs and samples seen tell it

    @property
    def points(self) -> int:
        """How many evaluations there are."""
        return sum(len(run.points) for run in self.runs)


def curves_of(table: Table, layout: Layout) -> Curves:
    """Read every row.

    Raises:
        DataError: for the first row that cannot be meant.
    """
    judged = layout.judged
    if judged is None:
        raise ValueError("pairs are no curves")
    columns_of = {part: _readable(table, of) for part, of in _metrics(layout).items()}
    of_validation = [row for row in table.rows if _is_validation(row, layout)]
    rows = joined(of_validation, layout.roles[columns.STEP])
    from_zero = _from_zero(table, layout, rows) if layout.progress.unit == EPOCHS else set()
    runs: dict[Key, MeasuredRun] = {}
    for row in rows:
        key = _key(table, layout, row)
        if key not in runs:
            has_seed = columns.SEED in layout.roles
            runs[key] = MeasuredRun(*key, has_seed=has_seed, from_zero=key in from_zero)
        _add(table, layout, row, runs[key], columns_of, judged)
    _check(table, layout, list(runs.values()), judged)
    known = {m.name: m for m in layout.metrics if m.name in columns_of[names.VALIDATION]}
    return Curves(
        table.file,
        table.fingerprint,
        (judged, *(_free(m, runs) for m in known.values() if m.name != judged.name)),
        tuple(sorted(runs.values(), key=lambda r: (r.batch_size, r.rate or 0.0, r.seed))),
        tuple(sorted({run.rate for run in runs.values() if run.rate is not None})),
        columns.SECONDS in layout.roles,
        _unread(layout, columns_of),
        len(table.rows) - len(of_validation),
        _train_samples(table, layout, max(run.batch_size for run in runs.values())),
    )


def _train_samples(table: Table, layout: Layout, largest: int) -> int | None:
    """Return how many samples an epoch has, where every row that tells both says the same."""
    if not {columns.EPOCH, columns.SAMPLES} <= layout.roles.keys():
        return None
    told = []
    for row in table.rows:
        pair = (told_number(table, layout, row, r, NAN) for r in (columns.EPOCH, columns.SAMPLES))
        epoch, samples = pair
        if not math.isnan(epoch + samples):
            told.append((epoch, samples))
    epoch, samples = max(told, default=(0.0, 0.0))
    found = round(samples / epoch) if epoch > 0 else 0
    # Whole epochs, rounded down, or seen by another count than samples would differ by more.
    agree = all(abs(samples - epoch * found) < 1 for epoch, samples in told)
    return found if agree and found >= largest else None


def _metrics(layout: Layout) -> dict[str, dict[str, str]]:
    return {
        names.VALIDATION: dict(layout.validation),
        names.TRAIN: dict(layout.train),
        names.TEST: dict(layout.test),
    }


def _readable(table: Table, of: dict[str, str]) -> dict[str, str]:
    """Return the columns in which every cell is a number or empty, by name."""
    return {
        name: column
        for name, column in of.items()
        if all(
            is_empty(value) or number(table, value) is not None
            for value in (row.cells.get(column) for row in table.rows)
        )
    }


def _unread(layout: Layout, columns_of: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Return the columns that say nothing here: those without a meaning, and metrics of text."""
    text = {c for of in _metrics(layout).values() for c in of.values()}
    text -= {c for of in columns_of.values() for c in of.values()}
    return (*layout.left_out, *sorted(text))


def _is_validation(row: Row, layout: Layout) -> bool:
    if columns.SPLIT not in layout.roles:
        return True
    part = str(row.cells.get(layout.roles[columns.SPLIT])).strip().lower()
    return part not in _PARTS


def _key(table: Table, layout: Layout, row: Row) -> Key:
    """Return what tells the run of a row apart: batch size, learning rate and seed."""
    roles = layout.roles
    size = whole(table, row, roles[columns.BATCH_SIZE], "a batch size of at least 1", 1)
    rate, seed = None, 0
    if columns.RATE in roles:
        rate = above_zero(table, row, roles[columns.RATE], "the learning rate of the run")
    if columns.SEED in roles:
        seed = whole(table, row, roles[columns.SEED], "a whole number from 0 on", 0)
    return size, rate, seed


def _from_zero(table: Table, layout: Layout, rows: Sequence[Row]) -> set[Key]:
    """Return the runs that call their first epoch 0."""
    epochs: dict[Key, list[float]] = {}
    for row in rows:
        told = told_number(table, layout, row, columns.STEP, NAN)
        epochs.setdefault(_key(table, layout, row), []).append(told)
    return {key for key, found in epochs.items() if count_from_zero(found)}


def _add(
    table: Table,
    layout: Layout,
    row: Row,
    run: MeasuredRun,
    columns_of: dict[str, dict[str, str]],
    judged: Metric,
) -> None:
    """Add what a row says to its run."""
    step = step_of(table, layout, row, run.batch_size, run.from_zero)
    if run.place and step <= run.last_step:
        again = "comes again" if step == run.last_step else "goes back"
        if layout.progress.is_computed:
            again = f"is iteration {step}, which {again}"
        raise table.refuse(
            row,
            layout.roles[columns.STEP],
            f"{again} for {run.name}, which was at {run.last_step} in {run.place}; "
            f"{_differing(table, _unread(layout, columns_of), run, row) or _APART}",
        )
    run.rows.append(row)
    run.last_step, run.place = step, row.place
    told = str(row.cells.get(layout.roles.get(columns.STATUS, "")))
    if told in _NO_RESULT:
        run.status = _NO_RESULT[told]
        return
    if told == str(RunStatus.DOMINATED):  # its points count, but it has no end
        run.status = RunStatus.DOMINATED
    seconds = _seconds(table, layout, row, run)
    value = judged_value(table, layout, row, judged)
    values = values_of(table, row, columns_of[names.VALIDATION]) | {judged.name: value}
    for part, kept in ((names.TRAIN, run.train), (names.TEST, run.test)):
        found = values_of(table, row, columns_of[part])
        check_share(table, row, columns_of[part].get(judged.name), judged)
        kept |= {name: known for name, known in found.items() if math.isfinite(known)}
    losses = [columns_of[part].get(names.LOSS) for part in (names.VALIDATION, names.TRAIN)]
    if any(is_lost(table, row, column) for column in (layout.validation[judged.name], *losses)):
        run.status = RunStatus.DIVERGED
    if step == 0 or run.status is RunStatus.DIVERGED:
        return  # what is before the first step is no result of training
    run.points.append(
        CurvePoint(
            step,
            0.0,
            int(told_number(table, layout, row, columns.SAMPLES, step * run.batch_size)),
            seconds,
            told_number(table, layout, row, columns.RUNNING_LOSS, NAN),
            values.get(names.LOSS, NAN),
            {name: v for name, v in values.items() if name != names.LOSS},
        )
    )


def _differing(table: Table, unread: Sequence[str], run: MeasuredRun, row: Row) -> str:
    """Say by which column that means nothing here the run of a row is another one.

    What sets runs apart is one value throughout a run. A time or a number of the row is not.
    """
    for column in unread:
        before = run.rows[0].cells.get(column)
        here = row.cells.get(column)
        constant = all(one.cells.get(column) == before for one in run.rows)
        different = {str(one.cells.get(column)) for one in table.rows}
        if constant and before != here and len(different) < len(table.rows):
            values = f"{shortened(before)} there, {shortened(here)} here"
            return (
                f"they differ in column {column} ({values}), by which runs are not told apart: "
                "number repeats in a column seed; of other settings, give each a file of its own"
            )
    return ""


def _seconds(table: Table, layout: Layout, row: Row, run: MeasuredRun) -> float:
    """Return the seconds since the run's start; NaN where they are not told."""
    column = layout.roles.get(columns.SECONDS)
    if column is None or is_empty(row.cells.get(column)):
        return NAN
    said = "the seconds of training since the run's start"
    seconds = not_negative(table, row, column, said)
    if seconds < run.last_seconds:
        raise table.refuse(
            row, column, f"is less than {run.last_seconds:g} of a row before it; give {said}"
        )
    run.last_seconds = seconds
    return seconds


def _free(metric: Metric, runs: dict[tuple[int, float | None, int], MeasuredRun]) -> Metric:
    """Return a metric without bounds where some value lies beyond them, as of a percentage."""
    values = (p.metrics.get(metric.name, NAN) for run in runs.values() for p in run.points)
    if metric.bounded and any(value < 0 or value > 1 for value in values):
        return Metric(metric.name, metric.higher_is_better, percent=metric.higher_is_better)
    return metric


def _check(table: Table, layout: Layout, runs: list[MeasuredRun], judged: Metric) -> None:
    """Refuse files whose runs are no curves.

    Raises:
        DataError: with the remedy.
    """
    if not runs:
        raise DataError(
            f"{table.file}: every row is of the train or test part, by its column "
            f"{layout.roles[columns.SPLIT]}; give those of validation"
        )
    trained = [run for run in runs if run.status not in _NO_RESULT.values()]
    lengths = Counter(max(len(r.points), r.status is RunStatus.DIVERGED) for r in trained)
    if lengths and set(lengths) <= {0, 1} and len(runs) > 1:
        column = layout.roles[columns.STEP]
        raise DataError(
            f"{table.file}: every run has one row only, which is no curve; if the column {column} "
            f"holds the {layout.progress.unit} to a target, call it {layout.progress.to_target}"
        )
    whole_runs = [run for run in runs if run.status is RunStatus.COMPLETED]
    for run in whole_runs:
        if not any(math.isfinite(_value(point, judged)) for point in run.points):
            raise DataError(
                f"{table.file}: {run.name} has no value in column "
                f"{layout.validation[judged.name]} after its start; leave the run out, or write "
                "nan where it diverged"
            )


def _value(point: CurvePoint, metric: Metric) -> float:
    if metric.name == names.LOSS:
        return point.validation_loss
    return point.metrics.get(metric.name, NAN)
