"""``bsx doctor``: is the installation whole, and how to get what is missing."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from bsx.cli.options import with_settings
from bsx.errors import EXIT_DONE, EXIT_UNUSABLE


@with_settings(("store", "format", "get"))
def doctor(
    everything: Annotated[
        bool, typer.Option("--all", help="List what is in order, too, library by library.")
    ] = False,
    **flags: object,
) -> None:
    """Check the installation: libraries, device, processes, the store, names, optional extras.

    Nothing is trained or changed. The exit code is 3 where something that bsx needs is broken.

    Examples:

    $ bsx doctor

    $ bsx doctor --all

    $ bsx doctor --format json
    """
    from bsx import doctor as checks
    from bsx.cli.options import warn_of_variables
    from bsx.cli.output import print_found
    from bsx.config import read_view
    from bsx.render import health

    _, door = read_view(flags, os.environ)
    warn_of_variables(os.environ)
    found = [asdict(check) for check in checks.examine(door.store)]
    broken = [check for check in found if check["status"] == "broken"]
    document = {"healthy": not broken, "checks": found}
    print_found(
        document,
        found,
        form=door.format,
        get=door.get,
        draw=lambda console: health.print_checks(console, found, everything),
        markdown=lambda: health.markdown(found),
    )
    sys.stdout.flush()
    raise typer.Exit(EXIT_UNUSABLE if broken else EXIT_DONE)
