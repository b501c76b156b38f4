"""Time series in csv files: windows of the past, and what follows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from bsx.data.chronological import Cut, check_size, chronological_starts
from bsx.data.dataset import Dataset
from bsx.data.given import whole
from bsx.data.source import File
from bsx.data.timetable import Column, Timetable, read_timetable
from bsx.errors import ConfigError, DataError

_SPREAD_FLOOR = 1e-12  # of the mean: a column that varies less is left as it is
_GAPS = ("break", "refuse", "ignore")
_MISSING = ("refuse", "break", "previous")


@dataclass(frozen=True)
class Layout:
    """Which windows are cut out of a series: ``window`` rows, then the ``horizon`` predicted."""

    window: int
    horizon: int = 1
    stride: int = 1

    @property
    def length(self) -> int:
        """Rows that a window and its targets cover together."""
        return self.window + self.horizon


def series(
    source: File,
    window: int = 24,
    horizon: int = 1,
    stride: int = 1,
    columns: Column | Sequence[Column] | None = None,
    target: Column | Sequence[Column] | None = None,
    time: Column | None = None,
    header: bool | None = None,
    delimiter: str = "auto",
    encoding: str = "utf-8",
    missing: str = "refuse",
    gaps: str = "break",
    validation: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """series:FILE, csv in order of time: window=24 horizon=1 stride=1 columns= target= time=.

    ``columns`` (all but the time, by default) are the inputs; ``target`` (the last of these, by
    default) is what is predicted. ``time`` is found where a column is called date, time or the
    like; where its steps are longer than usual there is a gap, which no window spans
    (``gaps=break``), or which is refused or ignored. A ``missing`` value is refused, or breaks
    the series, or is replaced by the ``previous`` one (never by a later one: a window may not
    know what follows it). Early rows train, late ones test; every
    column is shifted and scaled by the rows of the training part alone, so that losses are in
    units of the target's own spread there. What they are compared with is the last value that a
    window holds of the target, repeated over the horizon.

    Returns:
        inputs (samples, window) of one column, (samples, window, channels) of several; targets
        (samples,) for one target and a horizon of 1, else (samples, horizon × targets).

    Raises:
        DataError: for a file that cannot be used, with the row and the remedy.
    """
    name = f"--dataset series:{source}"
    layout = Layout(whole("window", window), whole("horizon", horizon), whole("stride", stride))
    _one_of("missing", missing, _MISSING)
    _one_of("gaps", gaps, _GAPS)
    table = read_timetable(
        source, kind="series", header=header, delimiter=delimiter, encoding=encoding, time=time
    )
    inputs = table.columns(columns, "columns") if columns is not None else table.all_but_time()
    targets = table.columns(target, "target") if target is not None else inputs[-1:]
    values, breaks = _complete(table, sorted({*inputs, *targets}), missing, gaps)
    place = {column: i for i, column in enumerate(sorted({*inputs, *targets}))}
    return windowed(
        values,
        breaks,
        layout,
        inputs=[place[column] for column in inputs],
        targets=[place[column] for column in targets],
        fractions={"validation": validation, "test": test},
        name=name,
    )


def windowed(
    values: npt.NDArray[np.float64],
    breaks: Sequence[int],
    layout: Layout,
    *,
    inputs: Sequence[int],
    targets: Sequence[int],
    fractions: dict[str, float],
    name: str,
) -> Dataset:
    """Cut ``values`` (rows, columns) into a regression, scaled by the rows of the training part.

    Raises:
        DataError: where there are too few rows.
    """
    advice = "give more rows or a smaller window or horizon"
    cut = Cut(layout.length, layout.stride, "rows", advice)
    starts = chronological_starts(breaks, len(values), cut, fractions, name)
    rows = np.concatenate(list(starts.values()))
    numbers = len(rows) * (layout.window * len(inputs) + 2 * layout.horizon * len(targets))
    check_size(numbers, name, "give a larger stride")
    mean, spread = _scaling(values, starts["train"], cut.length)
    scaled = (values - mean) / spread
    past = _view(scaled[:, inputs], layout.window)[rows]  # (samples, window, channels)
    future = _view(scaled[:, targets], layout.horizon)[rows + layout.window]
    last = _view(scaled[:, targets], 1)[rows + layout.window - 1]  # (samples, 1, targets)
    borders = np.cumsum([0, *map(len, starts.values())])
    shift, scale = (tuple(found[targets].tolist()) * layout.horizon for found in (mean, spread))
    return Dataset(
        torch.from_numpy(past[:, :, 0] if len(inputs) == 1 else past),
        _flat(future),
        task="regression",
        parts={
            part: torch.arange(int(low), int(high))
            for part, low, high in zip(starts, borders[:-1], borders[1:], strict=True)
        },
        standardize=False,
        naive=("last value", _flat(last.repeat(layout.horizon, axis=1))),
        scaled_by=(shift, scale),
    )


def _flat(stretches: npt.NDArray[np.float32]) -> torch.Tensor:
    """(samples, rows, columns) → (samples, rows × columns), or (samples,) of a single number."""
    flat = torch.from_numpy(stretches.reshape(len(stretches), -1))
    return flat.squeeze(1) if flat.shape[1] == 1 else flat


def _view(values: npt.NDArray[np.float64], length: int) -> npt.NDArray[np.float32]:
    """Every stretch of ``length`` rows, shape (rows - length + 1, length, columns)."""
    view = np.lib.stride_tricks.sliding_window_view(values.astype(np.float32), length, axis=0)
    return view.transpose(0, 2, 1)


def _scaling(
    values: npt.NDArray[np.float64], starts: npt.NDArray[np.int64], length: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and spread of each column, over the rows that training windows cover, once each."""
    covered = np.zeros(len(values) + 1, dtype=np.int64)
    np.add.at(covered, starts, 1)
    np.add.at(covered, starts + length, -1)
    train = values[np.cumsum(covered[:-1]) > 0]
    spread = train.std(axis=0)
    mean = train.mean(axis=0)
    varies = spread > _SPREAD_FLOOR * np.abs(mean)
    return mean, np.where(varies, spread, 1.0)


def _complete(
    table: Timetable, columns: Sequence[int], missing: str, gaps: str
) -> tuple[npt.NDArray[np.float64], list[int]]:
    """Return the columns' numbers, and the rows before which the series is interrupted."""
    values = table.numbers(columns)
    breaks = [] if gaps == "ignore" else table.gaps(refuse=gaps == "refuse")
    empty = np.isnan(values)
    if not empty.any():
        return values, breaks
    row, column = (int(i) for i in np.argwhere(empty)[0])
    if missing == "refuse":
        raise DataError(
            f"{table.name}: {table.place(row, columns[column])} has no value; fill it, or give "
            "--dataset-arg missing=previous, or missing=break to leave out the windows there"
        )
    if missing == "previous":
        values = _carried_forward(values)
    keep = ~np.isnan(values).any(axis=1)
    if not keep.any():
        raise DataError(f"{table.name}: no row has a value in every column; see columns")
    # Rows without values are taken out; what comes after each of them begins a new stretch.
    before: npt.NDArray[np.int64] = np.cumsum(keep) - keep  # kept rows ahead of each
    return values[keep], sorted({int(before[r]) for r in (*np.flatnonzero(~keep), *breaks)})


def _carried_forward(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Replace each NaN by the last value above it; those at the beginning have none."""
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows), axis=0)
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last < 0, np.nan, filled)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"--dataset-arg {name}={value}: give one of {', '.join(known)}")
