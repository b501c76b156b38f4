"""``bsx export``: a stored sweep for papers, spreadsheets, data frames and experiment trackers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsx.cli.completion import stored_sweeps, words
from bsx.cli.exporting import CURVES, FORMATS, TRACKERS, Exported, Wish, draw, track, write
from bsx.cli.options import AS_READ, Plots, warn_of_variables, with_settings
from bsx.errors import ConfigError

if TYPE_CHECKING:
    from bsx.schema import Sweep, View
    from bsx.store import Store

# The ending of a file's name says its format
_ENDINGS = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
            ".md": "markdown", ".markdown": "markdown", ".tex": "latex", ".parquet": "parquet",
            ".pq": "parquet"}  # fmt: skip


_Sweeps = Annotated[
    list[str] | None,
    typer.Argument(
        help="Names of sweeps, or the beginnings of their ids.  (default: the newest)",
        metavar="[SWEEP]...",
        autocompletion=stored_sweeps,
    ),
]
_To = Annotated[
    str | None,
    typer.Option(
        "--to",
        help="csv, json, jsonl, markdown, latex, parquet, tensorboard, mlflow or wandb.  "
        "(default: by the ending of --output)",
        metavar="FORMAT",
        autocompletion=words(*FORMATS),
    ),
]
_Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="The file to write; of tensorboard, mlflow and wandb a folder, of mlflow also "
        "the URI of a server.  (default: stdout)",
        metavar="FILE",
    ),
]
_Curves = Annotated[
    bool,
    typer.Option(
        "--curves",
        help="Every evaluation of every batch size, learning rate and seed, as a row that "
        "`bsx import` reads (of one sweep without branches or a search); otherwise a row is a "
        "batch size.",
    ),
]
_Arms = Annotated[
    bool,
    typer.Option("--arms", help="All arms of the --vary that the sweep is one of."),
]
_Force = Annotated[bool, typer.Option("--force", help="Replace files that are there already.")]


@with_settings(
    (
        *("target", "confirm", "reference_batch_size", "tolerance", "objective", "metric"),
        *("price_per_hour", "base_batch_size"),
        *("store", "quiet"),
    ),
    AS_READ,
)
def export(
    sweeps: _Sweeps = None,
    to: _To = None,
    output: _Output = None,
    curves: _Curves = False,
    plots: Plots = None,
    arms: _Arms = False,
    force: _Force = False,
    **flags: Any,
) -> None:
    """Write a stored sweep for other programs: tables, raw curves, figures, experiment trackers.

    Files are written whole or not at all, and none that is there is replaced without --force.

    Examples:

    $ bsx export --to csv > sweep.csv

    $ bsx export --output table.tex

    $ bsx export my-sweep --curves --output curves.parquet

    $ bsx export --plots figures --target accuracy=0.95

    $ bsx export --arms --output arms.csv

    $ bsx export --to tensorboard --output logs

    $ bsx export --to mlflow --output http://localhost:5000
    """
    from bsx.config import read_view

    view, door = read_view(flags, os.environ)
    if not door.quiet:
        warn_of_variables(os.environ)
    wish = _checked(Wish(to, output, curves, plots, force))
    found = _found(sweeps or [], view, door.store, arms=arms, quiet=door.quiet)
    said = []
    if wish.plots is not None:
        said += draw(found, wish)
    if wish.to in TRACKERS:
        said += track(found, wish)
    elif wish.to is not None:
        said += write(found, wish)
    for line in () if door.quiet else said:
        typer.echo(line, err=True)


def _checked(wish: Wish) -> Wish:
    """Refuse what cannot be meant, before anything is computed."""
    to = wish.to
    if to is None and wish.output is not None:
        to = _ENDINGS.get(Path(wish.output).suffix.lower())
        if to is None:
            raise ConfigError(
                f"--output {wish.output}: its ending does not say in which format; add --to, one "
                f"of {', '.join(FORMATS)}"
            )
    if to is not None and to not in FORMATS:
        raise ConfigError(f"--to {to}: give one of {', '.join(FORMATS)}")
    if to is None and wish.curves and wish.plots is None:
        to = "csv"
    if to is None and wish.plots is None:
        raise ConfigError(
            "say what to write: --to FORMAT, --output FILE or --plots DIR; see `bsx export --help`"
        )
    if wish.curves and to not in CURVES:
        problem = "has every curve anyway" if to in TRACKERS else f"is for {', '.join(CURVES)}"
        raise ConfigError(f"--curves {problem}; leave it out or give another --to")
    _check_place(replace(wish, to=to))
    return replace(wish, to=to)


def _check_place(wish: Wish) -> None:
    from bsx import parse
    from bsx.exchange.exports import check_free

    for flag, place in (("--output", wish.output), ("--plots", wish.plots)):
        if place is not None:
            parse.check_characters(str(place), flag)
    if wish.to in (*TRACKERS, "parquet") and wish.output in (None, "-"):
        where = "a folder" if wish.to in TRACKERS else "a file"
        raise ConfigError(f"--to {wish.to} needs --output, {where}")
    if wish.to is not None and wish.to not in TRACKERS and wish.output not in (None, "-"):
        check_free(Path(str(wish.output)), "--output", force=wish.force)


def _found(
    wanted: Sequence[str], view: View, folder: str, *, arms: bool, quiet: bool
) -> list[Exported]:
    """Read the sweeps and analyse them as they are to be read."""
    from bsx import plan
    from bsx.cli.named import labels, sweep_named
    from bsx.cli.output import analyzed
    from bsx.config import as_read
    from bsx.store import Store

    found = []
    with Store(folder) as store:
        chosen = [sweep_named(store, name, quiet=arms or quiet) for name in wanted or (None,)]
        if arms:
            chosen = _arms_of(store, chosen)
        for label, stored in zip(labels(chosen), chosen, strict=True):
            sweep = as_read(stored, view)
            recipes = plan.recipes(sweep.config, sweep.facts)
            records = tuple(store.runs(stored.sweep_id))
            found.append(Exported(label, sweep, analyzed(store, sweep, recipes), records))
    return found


def _arms_of(store: Store, chosen: Sequence[Sweep]) -> list[Sweep]:
    """Return the arms of the ``--vary`` that a sweep is one of.

    Raises:
        ConfigError: for a sweep that is no arm.
    """
    from bsx.arms import arms_with, varied

    if len(chosen) != 1 or not varied(chosen[0].config):
        raise ConfigError("--arms: name one sweep that was run with --vary")
    return arms_with(chosen[0], store.sweeps())
