"""Run records → rows, one an evaluation, by the columns that ``bsx import`` knows.

Empty is what was not measured. A run that diverged ends with a row of ``nan`` at the step at which
its loss was no number; one that came to nothing else has one row, which says how it ended. What was
measured once, at the end, stands in the last row of its run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bsx.schema import Metric, RunRecord, RunStatus, Search, Sweep, point_of, rate_of, tuned_of

_LOST = float("nan")
_LOSS = "loss"

Row = dict[str, Any]


def curve_columns(sweep: Sweep, records: Iterable[RunRecord]) -> list[str]:
    """Return the columns of a sweep's curves, in their order; every row has them all."""
    runs = list(records)
    takes_rate = sweep.config.command is None or sweep.config.command.program.takes_rate
    judged = sweep.facts.metric
    measured = {name for record in runs for name in _metric_names(record)}
    ends = {part: _ends(runs, part, judged) for part in ("train", "test")}
    return [
        *(["trunk_steps"] if any(r.run.recipe.trunk for r in runs) else []),
        "batch_size",
        *(["learning_rate"] if takes_rate else []),
        *(axis.name for axis in (sweep.config.search.beside if sweep.config.search else ())),
        "seed",
        "step",
        "epoch",
        "samples_seen",
        "seconds",
        *(f"val_{name}" for name in _ordered({*measured, _LOSS}, judged)),
        "running_loss",
        *(f"{part}_{name}" for part, names in ends.items() for name in names),
        "status",
    ]


def curve_rows(sweep: Sweep, records: Iterable[RunRecord], columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of every run, from small batches to large ones."""
    search = sweep.config.search
    for record in sorted(records, key=lambda r: _place(r, search)):
        for row in _rows_of(record, search, sweep.facts.metric):
            yield {column: row.get(column) for column in columns}


def _place(record: RunRecord, search: Search | None) -> tuple[Any, ...]:
    run, point = record.run, point_of(record.run, search)
    trunk = run.recipe.trunk.steps if run.recipe.trunk else 0
    tuned = tuple(tuned_of(point).values())
    return (trunk, run.recipe.batch_size, rate_of(point), tuned, run.seed)


def _rows_of(record: RunRecord, search: Search | None, judged: Metric) -> Iterator[Row]:
    run, point = record.run, point_of(record.run, search)
    shared: Row = {
        "trunk_steps": run.recipe.trunk.steps if run.recipe.trunk else None,
        "batch_size": run.recipe.batch_size,
        "learning_rate": rate_of(point),
        **tuned_of(point),
        "seed": run.seed,
        "status": str(record.status),
    }
    rows = [
        {
            **shared,
            "step": p.step,
            "epoch": _known(p.epoch),
            "samples_seen": p.samples_seen,
            "seconds": _known(p.train_seconds),
            "running_loss": _known(p.train_loss),
            "val_loss": _known(p.validation_loss),
            **{f"val_{name}": _known(value) for name, value in p.metrics.items()},
        }
        for p in record.curve
    ]
    if record.status is RunStatus.DIVERGED:
        rows.append({**shared, **_divergence(record, judged)})
    elif not rows:
        rows.append({**shared, "step": 0})
    for part in ("train", "test"):
        of_part = record.final.get(part, {})
        rows[-1] |= {f"{part}_{name}": _known(value) for name, value in of_part.items()}
    yield from rows


def _divergence(record: RunRecord, judged: Metric) -> Row:
    """Return the row at which a run was lost: the step after the last with a finite loss."""
    last = record.curve[-1] if record.curve else None
    step = max(record.stopped_at, last.step if last else 0) + 1
    return {
        "step": step,
        "seconds": _known(last.train_seconds) if last else None,
        "val_loss": _LOST,
        f"val_{judged.name}": _LOST,
    }


def _known(value: float) -> float | None:
    """Return a number; None for NaN, which in a curve says that it was not measured."""
    return None if math.isnan(value) else value


def _metric_names(record: RunRecord) -> Iterable[str]:
    names: Iterable[str] = getattr(record.curve, "metric_names", ())
    return names


def _ends(records: Sequence[RunRecord], part: str, judged: Metric) -> list[str]:
    return _ordered({name for record in records for name in record.final.get(part, {})}, judged)


def _ordered(names: Iterable[str], judged: Metric) -> list[str]:
    """Put the metric that quality is judged by first: that is how it is known when read."""
    return sorted(names, key=lambda name: (name != judged.name, name == _LOSS, name))


def as_text(value: Any) -> str:
    """Write a cell of csv: every digit, nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple):
        raise TypeError(f"a cell holds one value, not {value!r}")
    return repr(value) if isinstance(value, float) else str(value)
