"""``bsx report``: stored sweeps as one HTML file."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsx.cli.completion import stored_sweeps
from bsx.cli.options import AS_READ, warn_of_variables, with_settings
from bsx.errors import ConfigError, DataError

if TYPE_CHECKING:
    from bsx.render.report.parts import Part
    from bsx.schema import Comparison, Estimate, Recipe, SpeedRecord, Sweep, View
    from bsx.store import Store

_TO_STDOUT = "-"
_BEGINNING = 2000  # bytes in which a page says who wrote it


@with_settings(
    (
        *("target", "confirm", "reference_batch_size", "tolerance", "objective", "metric"),
        *("price_per_hour", "base_batch_size"),
        *("store", "quiet"),
    ),
    AS_READ,
)
def report(
    sweeps: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names of sweeps or beginnings of their ids; of several, each has its sections, "
            "and all are compared with the first. A name that arms of --vary share means all of "
            "them, an id the one.  (default: the newest, of --vary with all arms)",
            metavar="[SWEEP]...",
            autocompletion=stored_sweeps,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Where to write; - is stdout.  (default: bsx-report-NAME.html)",
            metavar="FILE",
        ),
    ] = None,
    open_it: Annotated[
        bool, typer.Option("--open", help="Open it in the browser when it is written.")
    ] = False,
    **flags: Any,
) -> None:
    """Write a stored sweep as one HTML file to read, send and print: figures, tables, cautions.

    Nothing is fetched when it is opened, and nothing trained to write it. The name of the file is
    printed.

    Examples:

    $ bsx report

    $ bsx report --output digits.html --open

    $ bsx report --target accuracy=0.95

    $ bsx report plain normed

    $ bsx report --output - > report.html
    """
    from bsx.cli.named import arms_named, labels
    from bsx.config import read_view
    from bsx.store import Store

    view, door = read_view(flags, os.environ)
    if not door.quiet:
        warn_of_variables(os.environ)
    with Store(door.store) as store:
        each = [arms_named(store, wanted) for wanted in sweeps or (None,)]
        found = list({sweep.sweep_id: sweep for arms in each for sweep in arms}.values())
        named = f"bsx-report-{_named(found)}.html" if output is None else output
        file = Place.of(named, "--output")
        if open_it and file.path is None:
            raise ConfigError("--open and --output -: what is on stdout cannot be opened")
        write(store, list(zip(labels(found), found, strict=True)), file, view)
    if file.path is not None:
        typer.echo(str(file.path))
        if open_it:
            typer.launch(str(file.path.absolute()))


@dataclass(frozen=True)
class Place:
    """Where a report goes; ``path`` is None for stdout, ``flag`` who named it."""

    path: Path | None
    flag: str

    @classmethod
    def of(cls, named: str, flag: str) -> Place:
        """Return the place of that name.

        Raises:
            ConfigError: where nothing can be written there, before anything is worked out.
        """
        if named == _TO_STDOUT:
            return cls(None, flag)
        from bsx import parse
        from bsx.exchange.exports import check_place

        parse.check_characters(named, flag)
        path = Path(named)
        folder = path.absolute().parent
        try:
            if path.is_file() and not _is_report(path):
                raise ConfigError(
                    f"{flag} {named}: this file is there already and is no report of bsx; give "
                    "another name, or remove it"
                )
            if not named:
                raise ConfigError(f"{flag}: give a file")
            check_place(path, flag)
            at = path if path.exists() and not path.is_file() else folder
            if not os.access(at, os.W_OK) or (path.is_file() and not os.access(path, os.W_OK)):
                raise ConfigError(f"{flag} {named}: it may not be written; give another file")
        except OSError as error:  # a name that is too long
            raise ConfigError(f"{flag} {named}: {error.strerror}") from None
        return cls(path, flag)


def _is_report(path: Path) -> bool:
    """Whether a file is a report that bsx wrote, or empty: a newer one may take its place."""
    from bsx.render.report.markup import GENERATOR

    with path.open("rb") as file:
        beginning = file.read(_BEGINNING)
    return not beginning or f'"{GENERATOR} '.encode() in beginning


def write(
    store: Store, sweeps: Sequence[tuple[str, Sweep]], place: Place, view: View | None = None
) -> None:
    """Write the report of stored sweeps, each with what sets it apart, '' where there is one.

    Raises:
        DataError: where it cannot be written.
    """
    from bsx import files
    from bsx.render.report.page import html
    from bsx.render.report.parts import Report

    parts = [_part(store, label, sweep, view) for label, sweep in sweeps]
    report = Report(
        parts,
        _comparisons(store, parts, view),
        shlex.join(["bsx", *sys.argv[1:]]),
        datetime.now(UTC).isoformat(timespec="seconds"),
    )
    text = html(report)
    if place.path is None:
        sys.stdout.write(text)
        return
    try:
        files.write_whole(place.path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise DataError(f"{place.flag} {place.path}: cannot write it: {error.strerror}") from None


def _part(store: Store, label: str, sweep: Sweep, view: View | None) -> Part:
    """Read a sweep again and analyse it, as the view asks for it to be read."""
    from bsx import plan
    from bsx.cli.output import analyzed
    from bsx.config import as_read, command_line
    from bsx.render.report.parts import Part

    if view is not None:
        sweep = as_read(sweep, view)
    recipes: Sequence[Recipe] = plan.recipes(sweep.config, sweep.facts)
    return Part(
        label,
        sweep,
        analyzed(store, sweep, recipes),
        store.runs(sweep.sweep_id),
        _knee(store.speeds(sweep.sweep_id), sweep.facts.timed_loop(sweep.config.speed_loop)),
        command_line(sweep.config),
    )


def _knee(speeds: Sequence[SpeedRecord], loop: str) -> Estimate | None:
    from bsx.stats.speeds import speed_visits
    from bsx.stats.step_model import step_model

    visits = {s.batch_size: speed_visits(speeds, s.batch_size, loop) for s in speeds}
    return step_model(
        {size: [v.step_seconds for v in of] for size, of in visits.items() if of}
    ).knee


def _comparisons(store: Store, parts: Sequence[Part], view: View | None) -> list[Comparison]:
    """Compare every sweep with the first; not branched ones, nor those of another metric."""
    from bsx.cli.compare import arm_of, compared

    metric = parts[0].sweep.facts.metric
    alike = [
        part
        for part in parts
        if part.sweep.config.branching is None and part.sweep.facts.metric == metric
    ]
    if len(alike) < 2:
        return []
    arms = [arm_of(store, part.sweep, part.label) for part in alike]
    return compared(arms, view.targets if view else ())


def _named(sweeps: Sequence[Sweep]) -> str:
    """Return what the file is named after, of letters that every system takes."""
    names = "-".join(dict.fromkeys(sweep.config.name or sweep.sweep_id for sweep in sweeps))
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in names)
    return plain.strip(".-")[:80] or sweeps[0].sweep_id
