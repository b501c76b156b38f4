"""``bsx show``: a stored sweep again, analysed afresh."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated, Any

import typer

from bsx.cli.options import warn_of_variables, with_settings


@with_settings(("target", "tolerance", "store", "format", "get", "quiet"))
def show(
    sweep: Annotated[
        str | None,
        typer.Argument(help="A sweep's name or the beginning of its id.  (default: the newest)"),
    ] = None,
    **flags: Any,
) -> None:
    """Show a stored sweep again, also with another target. Nothing is trained.

    Curves are stored and answers derived, so that another question needs no training.

    Examples:

    $ bsx show

    $ bsx show --target accuracy=0.95

    $ bsx show 3f9c --format json

    $ bsx show --get batch_sizes.64.speed.samples_per_second.value
    """
    from bsx import plan
    from bsx.cli.output import print_sweep
    from bsx.config import read_view
    from bsx.store import Store

    view, door = read_view(flags, os.environ)
    if not door.quiet:
        warn_of_variables(os.environ)
    with Store(door.store) as store:
        stored = store.sweep(sweep)
        config = stored.config
        if view.tolerance is not None:
            config = replace(config, tolerance=view.tolerance)
        if view.targets:
            config = replace(config, targets=view.targets)
        recipes = plan.recipes(config, stored.facts)
        print_sweep(
            store,
            replace(stored, config=config),
            recipes,
            form=door.format,
            get=door.get,
            quiet=door.quiet,
        )
