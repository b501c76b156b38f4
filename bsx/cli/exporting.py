"""What ``bsx export`` writes: tables, curves, figures, and runs in experiment trackers."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from bsx.exchange.trackers import Summary
    from bsx.pictures import Picture
    from bsx.render.arms import Arms
    from bsx.schema import Analysis, RunRecord, Sweep

TEXTS = ("csv", "json", "jsonl", "markdown", "latex")
CURVES = ("csv", "json", "jsonl", "parquet")
TRACKERS = ("tensorboard", "mlflow", "wandb")
FORMATS = (*TEXTS, "parquet", *TRACKERS)


@dataclass(frozen=True)
class Exported:
    """One sweep to be exported: what sets it apart, and all that is known of it."""

    label: str
    sweep: Sweep
    analysis: Analysis
    records: tuple[RunRecord, ...]


@dataclass(frozen=True)
class Wish:
    """What is to be written, and where."""

    to: str | None
    output: str | None
    curves: bool
    plots: Path | None
    force: bool


# --- tables and curves ------------------------------------------------------------------------


def write(found: Sequence[Exported], wish: Wish) -> list[str]:
    """Write one file, or to stdout."""
    from bsx.exchange.exports import written

    form = str(wish.to)
    if wish.output in (None, "-"):
        sys.stdout.flush()
        _content(found, form, wish.curves, cast(BinaryIO, _Stdout()))
        return []
    path = Path(str(wish.output))
    with written(path, "--output", force=wish.force) as file:
        _content(found, form, wish.curves, file)
    runs = f", the curves of {sum(len(one.records) for one in found):,} runs" if wish.curves else ""
    return [f"Written: {path}{runs}"]


class _Stdout(io.RawIOBase):
    """stdout as a file of bytes: what cannot be written is told as of any result."""

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, content: Any) -> int:
        """Write whole characters."""
        sys.stdout.write(bytes(content).decode("utf-8"))
        return len(content)


def _content(found: Sequence[Exported], form: str, curves: bool, file: BinaryIO) -> None:
    if curves:
        _write_curves(found, form, file)
    elif form == "parquet":
        _write_rows(found, file)
    else:
        file.write(_text(found, form).encode("utf-8"))


def _write_curves(found: Sequence[Exported], form: str, file: BinaryIO) -> None:
    from bsx.exchange.exports import curve_columns, curve_rows, write_rows

    of_each = [curve_columns(one.sweep, one.records) for one in found]
    columns = list(dict.fromkeys(name for columns in of_each for name in columns))
    named = ["arm", *columns] if len(found) > 1 else columns
    rows = (
        {"arm": one.label, **row}
        for one in found
        for row in curve_rows(one.sweep, one.records, columns)
    )
    write_rows(form, file, named, rows)


def _write_rows(found: Sequence[Exported], file: BinaryIO) -> None:
    from bsx.exchange.exports import write_rows

    rows = _rows(found)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_rows("parquet", file, columns, [{c: row.get(c) for c in columns} for row in rows])


def _rows(found: Sequence[Exported]) -> list[dict[str, Any]]:
    from bsx.render import arms
    from bsx.render.document import document
    from bsx.render.rows import rows

    if len(found) > 1:
        return arms.rows(arms.document(_arms(found), ()))
    return rows(document(found[0].sweep, found[0].analysis))


def _text(found: Sequence[Exported], form: str) -> str:
    from bsx.render import arms
    from bsx.render.document import document
    from bsx.render.formats import Format, machine_text
    from bsx.render.latex import sweep_latex
    from bsx.render.markdown import sweep_markdown

    several, first = len(found) > 1, found[0]
    if form == "latex":
        texts = [sweep_latex(f.sweep, f.analysis, f.label if several else None) for f in found]
        return "\n".join(texts)
    if form == "markdown" and several:
        return arms.markdown(_arms(found), (), first.sweep.facts.metric)
    if form == "markdown":
        return sweep_markdown(first.sweep, first.analysis)
    if form == "json" and several:
        return machine_text(arms.document(_arms(found), ()), [], Format.JSON)
    whole = document(first.sweep, first.analysis) if form == "json" else None
    return machine_text(whole, [] if form == "json" else _rows(found), Format(form))


def _arms(found: Sequence[Exported]) -> Arms:
    return [(one.label, one.sweep, one.analysis) for one in found]


# --- figures ----------------------------------------------------------------------------------


def draw(found: Sequence[Exported], wish: Wish) -> list[str]:
    """Draw every picture of every sweep; of several each has a folder of its own."""
    from bsx.pictures import pictures

    places = []
    for one in found:
        folder = Path(str(wish.plots))
        if len(found) > 1:
            folder = folder / "".join(c if c.isalnum() or c in "-._=" else "-" for c in one.label)
        for picture in pictures(one.sweep, one.analysis, one.records):
            places.append((folder, picture))
    return drawn_in(Path(str(wish.plots)), places, force=wish.force)


def drawn_in(place: Path, places: Sequence[tuple[Path, Picture]], *, force: bool) -> list[str]:
    """Draw each picture into its folder, which is ``place`` or lies in it."""
    from bsx.exchange.exports import check_free, made_folder, written
    from bsx.render.plots import FORMATS as PICTURES
    from bsx.render.plots import drawn

    for folder, picture in places:
        for form in PICTURES if folder.is_dir() else ():
            check_free(folder / f"{picture.name}.{form}", "--plots", force=force)
    for folder, picture in places:
        contents = drawn(picture)
        made_folder(folder, "--plots")
        for form, content in contents.items():
            path = folder / f"{picture.name}.{form}"
            with written(path, "--plots", force=force) as file:
                file.write(content)
    if not places:
        return ["There is nothing to draw: no batch size has been measured"]
    names = ", ".join(dict.fromkeys(picture.name for _, picture in places))
    return [f"Drawn in {place}: {names}, each as SVG, PNG and PDF"]


# --- experiment trackers ----------------------------------------------------------------------


def track(found: Sequence[Exported], wish: Wish) -> list[str]:
    """Log every run of every sweep, and what each sweep comes to."""
    from bsx.exchange.trackers import start, tracked_runs

    said = []
    for one in found:
        tracker = start(str(wish.to), str(wish.output), one.sweep, force=wish.force)
        try:
            logged = tracker.log(tracked_runs(one.sweep, one.records))
            tracker.summarize(summary_of(one.sweep, one.analysis))
        finally:
            tracker.close()
        there = len(one.records) - logged
        also = f"; {there:,} were there already or did not end" if there else ""
        said.append(f"Logged to {tracker.name}: {logged:,} runs of {one.label}{also}")
    return said


def summary_of(sweep: Sweep, analysis: Analysis) -> Summary:
    """Return what a tracker is told of a sweep when it is over."""
    from bsx.exchange.trackers import Summary
    from bsx.render.document import document
    from bsx.render.formats import Format, machine_text
    from bsx.render.markdown import sweep_markdown
    from bsx.render.rows import rows

    whole = document(sweep, analysis)
    table = rows(whole)
    headline: dict[str, float | str] = {"status": sweep.status, "metric": analysis.metric}
    if (advice := analysis.recommendation) is not None:
        headline["recommended_batch_size"] = advice.batch_size
        if advice.learning_rate is not None:
            headline["recommended_learning_rate"] = advice.learning_rate
    for target in analysis.targets[:1]:
        critical = target.critical_batch_size
        if critical is not None and critical.value is not None:
            headline["critical_batch_size"] = critical.value
    texts = {
        "sweep.json": machine_text(whole, [], Format.JSON),
        "sweep.csv": machine_text(whole, table, Format.CSV),
        "sweep.md": sweep_markdown(sweep, analysis),
    }
    return Summary(table, texts, headline)
