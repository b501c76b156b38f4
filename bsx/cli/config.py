"""``bsx config``: what would be asked, where each value comes from, and the schema for editors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from bsx.cli.options import warn_of_variables, with_settings

app = typer.Typer(
    help="Show the settings of a sweep and where each value comes from, or the schema of its "
    "file.\n\nExample:\n\n$ bsx config show --epochs 3",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _nothing_named(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
@with_settings()
def show(
    file: Annotated[
        Path | None,
        typer.Argument(help="A TOML file of settings, as of `bsx sweep`.", metavar="[FILE]"),
    ] = None,
    **flags: Any,
) -> None:
    """Show what `bsx sweep` would be asked with these flags: each value, and where it comes from.

    Flags win over BSX_ variables of the environment, these over the file, the file over defaults.

    Examples:

    $ bsx config show

    $ bsx config show my.toml --epochs 3

    $ bsx config show --get learning_rate.origin
    """
    from bsx.cli.output import print_found
    from bsx.config import read_arms, read_view, settings_given
    from bsx.render import configuration

    printing: dict[str, Any] = {"format": flags.pop("format"), "get": flags.pop("get")}
    _, door = read_view(printing, os.environ)
    given = settings_given(flags, os.environ, file)
    read_arms(flags, os.environ, file)  # refuses what cannot be meant together
    warn_of_variables(os.environ)
    rows = configuration.rows(given)
    document: Mapping[str, Any] = {row["key"]: _without(row, "key") for row in rows}
    print_found(
        document,
        rows,
        form=door.format,
        get=door.get,
        draw=lambda console: configuration.print_settings(console, rows),
        markdown=lambda: configuration.markdown(rows),
    )


def _without(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


@app.command()
def schema() -> None:
    """Print the JSON Schema of a sweep's TOML file, for editors that complete and check it.

    Example:

    $ bsx config schema > bsx.schema.json
    """
    from bsx import __version__
    from bsx.config import json_schema

    sys.stdout.write(json.dumps(json_schema(__version__), indent=2, ensure_ascii=False) + "\n")
