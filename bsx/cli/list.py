"""``bsx list``: what is stored, and what can be named."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from bsx.cli.completion import formats
from bsx.errors import ConfigError

if TYPE_CHECKING:
    from bsx.schema import Sweep

_IN_FOLDERS = re.compile(r"(?<![^:])[^:]*/(?=[^/])")  # of each path in a name such as csv:a/b


class _Group(TyperGroup):
    """The listings; of what has none it is said where it is found."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that was named."""
        if args[:1] == ["metrics"] and not ctx.resilient_parsing:
            raise ConfigError(
                "bsx list metrics: the metrics depend on the task: accuracy, balanced-accuracy, "
                "f1, auroc and top-5 of a classification, for example; `bsx show` names all that a "
                "sweep measured, and --metric in `bsx sweep --help` those to judge quality by"
            )
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Group,
    help="List stored sweeps, or the models, datasets and optimizers that have a name.\n\n"
    "Example:\n\n$ bsx list models",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _nothing_named(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


_Form = Annotated[
    str,
    typer.Option(
        "--format",
        help="table, json, jsonl, csv or markdown.",
        metavar="FORMAT",
        autocompletion=formats,
    ),
]


@app.command()
def sweeps(
    form: _Form = "table",
    store: Annotated[
        str | None, typer.Option("--store", help="Folder of the stored sweeps.", metavar="DIR")
    ] = None,
) -> None:
    """List the stored sweeps, the newest last.

    Example:

    $ bsx list sweeps
    """
    from bsx.arms import label
    from bsx.cli.options import warn_of_variables
    from bsx.config import default_store
    from bsx.store import Store

    warn_of_variables(os.environ)

    with Store(store or default_store(os.environ)) as opened:
        rows = [
            {
                "sweep_id": sweep.sweep_id,
                "name": sweep.config.name,
                "arm": label(sweep.config) or None,
                "status": sweep.status,
                "created": sweep.created[:19].replace("T", " "),
                **_ingredients(sweep),
                "runs": opened.count_runs(sweep.sweep_id),
            }
            for sweep in opened.sweeps()
        ]
    if form == "table":
        rows = [{**row, **_shortened(row)} for row in rows]
    _print("Stored sweeps", rows, form)


@app.command()
def models(form: _Form = "table") -> None:
    """List the models that have a name.

    Example:

    $ bsx list models
    """
    _print("Models", _named("model"), form)


@app.command()
def datasets(form: _Form = "table") -> None:
    """List the data sets that have a name.

    Example:

    $ bsx list datasets
    """
    _print("Data sets", _named("dataset"), form)


@app.command()
def optimizers(form: _Form = "table") -> None:
    """List the optimizers that have a name.

    Example:

    $ bsx list optimizers
    """
    _print("Optimizers", _named("optimizer"), form)


def _shortened(row: Mapping[str, Any]) -> dict[str, str | None]:
    """Return what is long in a form that fits beside the rest: files without their folders."""
    from datetime import datetime

    created = str(row["created"])
    this_year = created[:4] == str(datetime.now().astimezone().year)
    named = {key: row[key] and _IN_FOLDERS.sub("", row[key]) for key in ("dataset", "model")}
    return {"created": created[5:16] if this_year else created[:10], **named}


def _ingredients(sweep: Sweep) -> dict[str, str | None]:
    """Return data and model; of curves that were imported the file, for no more is known."""
    command = sweep.config.command
    if command is not None and command.program.elsewhere:
        return {"dataset": sweep.facts.dataset_name, "model": None}
    return {"dataset": sweep.config.dataset.name, "model": sweep.config.model.name}


def _named(kind: str) -> list[dict[str, Any]]:
    from bsx import registry

    return [
        {"name": name, "what": registry.summary(kind, name), "from": target}
        for name, target in registry.targets(kind).items()
    ]


def _print(title: str, rows: Sequence[dict[str, Any]], form: str) -> None:
    from bsx import parse
    from bsx.render.formats import Format, machine_text

    wanted = Format(parse.one_of(*Format)(form, "--format"))
    if wanted is not Format.TABLE:
        sys.stdout.write(machine_text(rows, rows, wanted))
        return
    from rich.console import Console

    from bsx.render.listing import listing

    if rows and all(row.get("what") for row in rows):  # where it is, only machines ask
        rows = [{"name": row["name"], "what": row["what"]} for row in rows]
    Console().print(listing(title, rows))
