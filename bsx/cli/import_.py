"""``bsx import``: curves, or iterations to a target, that were measured elsewhere.

Curves are kept in the store, where every other command finds them; a table of iterations to a
target is analysed, and has nothing to keep.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsx.cli.options import Plots, warn_of_variables, with_settings
from bsx.errors import ConfigError

if TYPE_CHECKING:
    from bsx.config import Door
    from bsx.exchange import Imported, Layout, Table
    from bsx.schema import Analysis, Caution, Pairs, Sweep, View

LATEX = "latex"
_NAME = re.compile(r"[\w.+-]{1,60}")  # what a person can type without a thought


_File = Annotated[
    Path, typer.Argument(help="A csv, JSON or parquet file.", metavar="FILE", show_default=False)
]
_MetricOption = Annotated[
    str | None,
    typer.Option(
        "--metric",
        help="The column that quality is judged by; NAME:max or NAME:min says which way is "
        "better.  (default: the first column that is known for a metric)",
        metavar="NAME",
    ),
]
_TrainSamples = Annotated[
    str | None,
    typer.Option(
        "--train-samples",
        help="How many samples an epoch has: epochs are counted, or where a file has no iterations "
        "make them up.",
        metavar="INT",
    ),
]
_Force = Annotated[bool, typer.Option("--force", help="Replace figures that are there already.")]


@with_settings(
    (
        *("target", "confirm", "reference_batch_size", "tolerance", "objective"),
        "price_per_hour",
        *("store", "name", "format", "get", "quiet"),
    )
)
def import_(
    file: _File,
    metric: _MetricOption = None,
    train_samples: _TrainSamples = None,
    plots: Plots = None,
    force: _Force = False,
    **flags: Any,
) -> None:
    """Analyse what was measured elsewhere as a sweep is analysed. Nothing is trained.

    A file of curves has columns batch_size, step and a metric on validation, and where there are
    such learning_rate, seed and seconds. They are stored, by the name of the file unless --name
    gives another, and `bsx show` and `bsx compare` take them as any sweep. A file of pairs has
    batch_size and steps, the iterations to a target, and where there are such learning_rate, seed
    and target; the trade-off is fitted to them. Other spellings such as B, lr or iterations are
    understood, and so are samples in place of iterations, epochs with --train-samples, and batch
    sizes in tokens_per_batch.

    With --format latex the tables are written for a paper.

    Examples:

    $ bsx import curves.csv --target accuracy=0.97

    $ bsx import runs.jsonl --metric val_bleu:max --train-samples 50000

    $ bsx import adam.csv && bsx import sgd.csv && bsx compare adam sgd

    $ bsx import steps.csv --reference-batch-size 256

    $ bsx import steps.csv --plots figures --format latex

    $ bsx import steps.csv --get targets.0.critical_batch_size.value
    """
    from bsx import parse
    from bsx.config import read_view
    from bsx.exchange import layout_of, read_table

    # The one format that only what is for papers has
    form = LATEX if flags.get("format") == LATEX else None
    view, door = read_view(flags | ({"format": None} if form else {}), os.environ)
    parse.check_characters(str(plots), "--plots")
    show = _Show(form or door.format, door.get, door.quiet, plots, force)
    if not door.quiet:
        warn_of_variables(os.environ)
    samples = _count(train_samples, "--train-samples")
    layout = layout_of(table := read_table(file), metric, samples)
    if layout.is_curves:
        made, said = _read(table, layout, view, samples)
        kept, former = _kept(made, door)
        _print_curves(replace(made, sweep=kept), _analysis(made, said), show)
        if show.is_for_people:
            typer.echo(_where(kept, former, door, file), err=True)
        return
    _check_pairs(view, flags.get("name"), file)
    _print_pairs(_pairs(table, layout, view.reference_batch_size, samples), show)
    if show.is_for_people:
        typer.echo(
            "Not stored, as there are no curves: --format csv, json, markdown or latex writes the "
            "result, --plots draws it.",
            err=True,
        )


@dataclass(frozen=True)
class _Show:
    """How the result is to be shown."""

    form: str
    get: str | None
    quiet: bool
    plots: Path | None
    force: bool

    @property
    def is_for_people(self) -> bool:
        """Whether something may be said beside it."""
        return self.form == "table" and self.get is None and not self.quiet

    def tell(self, lines: Sequence[str]) -> None:
        """Say on stderr what was done."""
        for line in () if self.quiet else lines:
            typer.echo(line, err=True)


def _check_pairs(view: View, name: str | None, file: Path) -> None:
    """Refuse what has no meaning for iterations to a target."""
    for flag, value in (
        ("--name", name),
        ("--target", view.targets),
        ("--confirm", view.confirm),
        ("--objective", view.aim),
        ("--price-per-hour", view.price_per_hour),
    ):
        if value:
            raise ConfigError(
                f"{flag} has no meaning with {file}: it holds iterations to a target, no curves"
            )


def _count(given: str | None, flag: str) -> int | None:
    from bsx import parse

    return None if given is None else parse.count(given, flag)


def _read(
    table: Table, layout: Layout, view: View, samples: int | None
) -> tuple[Imported, tuple[Caution, ...]]:
    """Return the curves of a file as a sweep that is read as it was asked for, and what to say."""
    from bsx.exchange import as_sweep, curves_of
    from bsx.schema import Caution

    curves = curves_of(table, layout)
    _check_aim(view, table.file, curves.has_seconds)
    made = as_sweep(curves, view.targets, samples)
    aim = view.aim or ("time" if curves.has_seconds else "steps")
    config = replace(view.of(made.sweep.config), aim=aim, targets=made.sweep.config.targets)
    said = []
    if view.aim is None and aim != "time":
        said.append(Caution("objective_without_seconds", {"objective": aim}))
    said += _of_layout(layout, curves.left_out)
    if curves.other_rows:
        said.append(Caution("rows_left_out", {"rows": curves.other_rows}))
    return replace(made, sweep=replace(made.sweep, config=config)), tuple(said)


def _analysis(made: Imported, said: Sequence[Caution]) -> Analysis:
    """Analyse the curves of a file, as ``bsx show`` will; ``said`` is what to beware of in it."""
    from bsx import plan
    from bsx.analyze import analyze

    config, facts = made.sweep.config, made.sweep.facts
    found = analyze(config, facts, plan.recipes(config, facts), made.records, ())
    if found.recommendation is None:
        said = [caution for caution in said if caution.code != "objective_without_seconds"]
    return replace(found, cautions=(*found.cautions, *said))


def _kept(made: Imported, door: Door) -> tuple[Sweep, str | None]:
    """Store the curves, and return their sweep as it is stored; the same file is stored once.

    Also returns the name that it had before, where it has another one now.

    Raises:
        StoreError: where that cannot be.
    """
    from bsx.store import Store

    sweep = made.sweep
    with Store(door.store, create=True) as store:
        stored = store.sweeps()
        config = replace(sweep.config, name=door.name or _free_name(sweep, stored))
        store.begin_sweep(sweep.sweep_id, config, sweep.facts, sweep.environment)
        store.append(sweep.sweep_id, f"import-{sweep.sweep_id}", made.records, anew=True)
        store.end_sweep(sweep.sweep_id, sweep.status)
        now = store.sweep(sweep.sweep_id)
    before = next((s.config.name for s in stored if s.sweep_id == sweep.sweep_id), None)
    return now, None if before == now.config.name else before


def _free_name(sweep: Sweep, stored: Sequence[Sweep]) -> str | None:
    """Return the file's name without its ending, where it is free and can be typed.

    None leaves the sweep without a name, or with the one that it has.
    """
    name = Path(sweep.facts.dataset_name).stem
    named = {other.config.name: other.sweep_id for other in stored}
    if name in named or sweep.sweep_id in named.values() or not _NAME.fullmatch(name):
        return None
    return name


def _where(sweep: Sweep, former: str | None, door: Door, file: Path) -> str:
    """Say where the curves are kept, and by which name other commands find them."""
    from bsx.render.phrases import clean

    name = clean(sweep.config.name or sweep.sweep_id)
    no_longer = "" if former is None else f" and no longer as {clean(former)}"
    said = f"Stored in {clean(door.store)} as {name}{no_longer}, for bsx show and bsx compare."
    if sweep.config.name is not None:
        return said
    stem = clean(file.stem)
    why = f"the name {stem} is another sweep's" if _NAME.fullmatch(stem) else "it has no name"
    return f"{said} That is its id, as {why}; --name gives it one."


def _check_aim(view: View, file: str, has_seconds: bool) -> None:
    """Refuse an objective of which the file tells nothing."""
    from bsx.config import check_price

    check_price(view.aim, view.price_per_hour)
    if view.aim in ("time", "cost") and not has_seconds:
        raise ConfigError(
            f"--objective {view.aim}: {file} has no column seconds; give steps or samples"
        )
    if view.aim == "memory":
        raise ConfigError("--objective memory: files of curves tell none; give another objective")


def _of_layout(layout: Layout, left_out: Sequence[str]) -> list[Caution]:
    """Say how the columns of a file were taken, where that needs saying."""
    from bsx.exchange.progress import EPOCHS, SAMPLES
    from bsx.exchange.roles import BATCH_SIZE, STEP
    from bsx.schema import Caution

    said = []
    size = layout.roles[BATCH_SIZE]
    if layout.progress.is_computed:
        values: dict[str, Any] = {"column": layout.roles[STEP], "batch_size_column": size}
        if layout.progress.unit == EPOCHS:
            values |= {"epoch_samples": layout.progress.epoch_samples}
        said.append(Caution("iterations_computed", values))
    if layout.unit != SAMPLES:
        said.append(Caution("batch_size_in_tokens", {"column": size}))
    if left_out:
        said.append(Caution("columns_left_out", {"columns": tuple(left_out)}))
    return said


def _pairs(table: Table, layout: Layout, reference: int | None, samples: int | None) -> Pairs:
    """Fit the trade-off to the pairs of a file."""
    from bsx.exchange import pairs_of
    from bsx.stats.pairs import analyze_pairs

    found = analyze_pairs(table.file, pairs_of(table, layout), reference, samples)
    said = [replace(c, values={**c.values, "elsewhere": True}) for c in found.cautions]
    said += _of_layout(layout, layout.left_out)
    return replace(found, cautions=tuple(said))


def _print_curves(made: Imported, analysis: Analysis, show: _Show) -> None:
    from bsx.cli.exporting import Exported, Wish, draw
    from bsx.cli.output import print_analysis
    from bsx.render.latex import sweep_latex

    if show.form == LATEX and show.get is None:
        sys.stdout.write(sweep_latex(made.sweep, analysis))
    else:
        form = "table" if show.form == LATEX else show.form
        print_analysis(made.sweep, analysis, form=form, get=show.get, quiet=show.quiet)
    if show.plots is not None:
        found = Exported(made.sweep.facts.dataset_name, made.sweep, analysis, made.records)
        show.tell(draw([found], Wish(None, None, False, show.plots, show.force)))


def _print_pairs(found: Pairs, show: _Show) -> None:
    from bsx.cli.exporting import drawn_in
    from bsx.cli.output import print_found
    from bsx.pictures import of_pairs
    from bsx.render import pairs
    from bsx.render.tables import print_cautions

    document = pairs.document(found)
    if show.form == LATEX and show.get is None:
        sys.stdout.write(pairs.latex(found))
    else:
        print_found(
            document,
            pairs.rows(document),
            form="table" if show.form == LATEX else show.form,
            get=show.get,
            draw=lambda console: pairs.print_pairs(console, found),
            markdown=lambda: pairs.markdown(found),
        )
    if show.is_for_people:
        from rich.console import Console

        print_cautions(Console(stderr=True), found.cautions)
    if show.plots is not None:
        places = [(show.plots, picture) for picture in of_pairs(found)]
        show.tell(drawn_in(show.plots, places, force=show.force))
