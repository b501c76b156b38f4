"""``bsx show``: a stored sweep again, analysed afresh."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsx.cli.completion import stored_sweeps
from bsx.cli.options import AS_READ, warn_of_variables, with_settings
from bsx.errors import ConfigError, DataError

if TYPE_CHECKING:
    from bsx.config import Door
    from bsx.schema import Program, Sweep, View
    from bsx.store import Store


@with_settings(
    (
        *("target", "confirm", "reference_batch_size", "tolerance", "objective", "metric"),
        *("price_per_hour", "base_batch_size"),
        *("store", "format", "get", "plot", "quiet"),
    ),
    AS_READ,
)
def show(
    sweep: Annotated[
        str | None,
        typer.Argument(
            help="A sweep's name or the beginning of its id.  (default: the newest)",
            autocompletion=stored_sweeps,
        ),
    ] = None,
    speed: Annotated[
        Path | None,
        typer.Option(
            "--speed",
            help="Take the speeds from a file of `bsx probe --save`, perhaps of another machine.",
            metavar="FILE",
        ),
    ] = None,
    views: Annotated[
        bool,
        typer.Option(
            "--views",
            help="Show only how the batch sizes compare after equal epochs and after equal "
            "iterations.",
        ),
    ] = False,
    rates: Annotated[
        bool,
        typer.Option(
            "--rates",
            help="Every learning rate that was tried at each batch size, what was chosen among "
            "them, and whether the linear or the square-root rule would have done.",
        ),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="What each number means for this sweep, in plain words."),
    ] = False,
    **flags: Any,
) -> None:
    """Show a stored sweep again, also with another target, objective or speeds. No training.

    Curves are stored and answers derived, so that another question needs no training.

    Examples:

    $ bsx show

    $ bsx show --target accuracy=0.95

    $ bsx show --target accuracy=0.97,0.90..0.96:0.01 --confirm 3

    $ bsx show --reference-batch-size 64

    $ bsx show --metric f1 --objective quality

    $ bsx show --objective cost --price-per-hour 2.50

    $ bsx show --plot

    $ bsx show --explain

    $ bsx show --rates --base-batch-size 32

    $ bsx show 3f9c --format json

    $ bsx show --speed speed.json

    $ bsx show --views

    $ bsx show --get batch_sizes.64.speed.samples_per_second.value
    """
    from bsx.config import read_view

    view, door = read_view(flags, os.environ)
    part = _part({"rates": rates, "explain": explain, "views": views}, door.format)
    if not door.quiet:
        warn_of_variables(os.environ)
    _show(sweep, speed, view, door, part)


def _show(wanted: str | None, speed: Path | None, view: View, door: Door, part: str | None) -> None:
    """Read a stored sweep again and print it."""
    from bsx import plan
    from bsx.cli.named import sweep_named
    from bsx.cli.output import print_sweep
    from bsx.config import as_read
    from bsx.store import Store

    probed = None if speed is None else _read_probe(speed)
    with Store(door.store) as store:
        stored = sweep_named(store, wanted, quiet=door.quiet)
        config = stored.config
        if probed is not None and config.command is not None:
            view = _by_time(view, config.command.program, f"--speed {speed}", store, stored)
        if config.branching is not None:
            _check_branched(view, speed, part)
        sweep = as_read(stored, view)
        recipes = plan.recipes(sweep.config, sweep.facts)
        print_sweep(
            store,
            sweep,
            recipes,
            form=door.format,
            get=door.get,
            quiet=door.quiet,
            plot=door.plot,
            probed=probed,
            part=part,
        )


def _by_time(view: View, program: Program, flag: str, store: Store, sweep: Sweep) -> View:
    """Return how curves from elsewhere are read with the speeds of a probe.

    Where they tell no time themselves they were kept to be read by iterations, for want of it.

    Raises:
        ConfigError: for a program that bsx runs itself.
    """
    from bsx.stats.own_program import speeds_of_curves

    if not program.elsewhere:
        raise ConfigError(
            f"{flag}: a probe times models that bsx trains, and this sweep ran a program of yours, "
            "whose times are read off its reports; leave --speed out"
        )
    by_steps = view.aim is None and sweep.config.aim == "steps"
    if by_steps and not speeds_of_curves(store.runs(sweep.sweep_id)):
        return replace(view, aim="time")
    return view


def _check_branched(view: View, speed: Path | None, part: str | None) -> None:
    """Refuse what means nothing to branches; of a tolerance they are judged by it."""
    given = {
        "--target": view.targets,
        "--confirm": view.confirm,
        "--reference-batch-size": view.reference_batch_size,
        "--objective": view.aim,
        "--metric": view.metric,
        "--price-per-hour": view.price_per_hour,
        "--speed": speed,
        "--base-batch-size": view.audit_base,
        f"--{part}": part if part != "explain" else None,
    }
    for flag, value in given.items():
        if value:
            raise ConfigError(
                f"{flag} has no meaning for this sweep: its branches (--method branched) reach no "
                "target and are not timed; --tolerance has"
            )


def _part(given: Mapping[str, bool], form: str) -> str | None:
    """Return which part of what there is to say is asked for; None for the tables."""
    asked = [name for name, wanted in given.items() if wanted]
    if len(asked) > 1:
        flags = " and ".join(f"--{name}" for name in asked[:2])
        raise ConfigError(f"{flags}: give one of the two at a time")
    if "explain" in asked and form in ("csv", "jsonl"):
        raise ConfigError(f"--explain is text and has no rows for --format {form}; give markdown")
    return asked[0] if asked else None


def _read_probe(file: Path) -> Mapping[str, Any]:
    """Return the document of a probe.

    Raises:
        DataError: for a file that cannot be read or is no such document.
    """
    import json

    from bsx import files
    from bsx.stats.elsewhere import checked

    try:
        found = json.loads(files.content(file))
    except OSError as error:
        raise DataError(f"--speed {file}: {error.strerror}") from None
    except (ValueError, RecursionError):
        found = None
    return checked(found, f"--speed {file}")
