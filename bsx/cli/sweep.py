"""``bsx sweep``: train at every batch size, and say which one to take."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsx import sweeping
from bsx.cli.options import warn_of_variables, with_settings
from bsx.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED_TWICE,
    EXIT_SOME_FAILED,
    EXIT_STOPPED,
    EXIT_TERMINATED_TWICE,
    ConfigError,
    Stopped,
)

if TYPE_CHECKING:
    from bsx.cli.report import Place
    from bsx.config import Door
    from bsx.exchange.trackers import LiveLog
    from bsx.execute.base import Executor
    from bsx.schema import Facts, SweepConfig, Watcher
    from bsx.store import Store
    from bsx.sweeping import Asked


ReportFile = Annotated[
    str | None,
    typer.Option(
        "--report",
        help="Also write the HTML report of `bsx report` to this file, of all arms together.",
        metavar="FILE",
        rich_help_panel="Output",
    ),
]


@with_settings()
def sweep(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A TOML file of these options; flags override it. With --more-seeds also the name "
            "of a stored sweep, or the beginning of its id.",
            metavar="[FILE]",
        ),
    ] = None,
    more_seeds: Annotated[
        str | None,
        typer.Option(
            "--more-seeds",
            help="Go on from a stored sweep with this many seeds more; only these are trained, and "
            "paired with those there are. Without a file or flags that say which sweep, it is the "
            "newest. A name that arms of --vary share means all of them, an id the one.",
            metavar="INT",
            rich_help_panel="Batch sizes, learning rates, seeds",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            help="Write what is asked to a TOML file first, so that `bsx sweep FILE` asks the "
            "same; with --dry-run that is all.",
            metavar="FILE",
            rich_help_panel="Output",
        ),
    ] = None,
    report: ReportFile = None,
    **flags: Any,
) -> None:
    """Train at every batch size under a fair protocol, and say which one to take.

    The learning rate is tuned at each batch size, with several seeds that are the same at every
    size. Everything is stored as it is measured: the same command after an interruption goes on
    where it stopped.

    Examples:

    $ bsx sweep

    $ bsx sweep --dataset wine --model logistic --batch-sizes 4..128 --target accuracy=0.95

    $ bsx sweep --model my_model.py:Net --dataset my_data.py:load --within 10m

    $ bsx sweep --command "python train.py {batch_size} {lr} {seed}" --train-samples 50000

    $ bsx sweep --objective cost --price-per-hour 2.50

    $ bsx sweep --more-seeds 4

    $ bsx sweep --within 10m --save my.toml

    $ bsx sweep --report digits.html

    $ bsx sweep --get recommendation.batch-size
    """
    from bsx import parse
    from bsx.config import read_arms

    fingerprints: tuple[str, ...] = ()
    if more_seeds is None:
        arms, door = read_arms(flags, os.environ, file)
    else:
        from bsx.cli.more_seeds import continued

        more = parse.count(more_seeds, "--more-seeds")
        arms, door, fingerprints = continued(more, file, flags, os.environ)
    place = _place(report, flags if door.dry_run else None, save)
    if not door.quiet:
        warn_of_variables(os.environ)
    if save is not None:
        from bsx.cli.saving import save_question

        save_question(save, flags, os.environ, file, more_seeds)
    raise typer.Exit(_worked_off(arms, door, place, fingerprints))


def _worked_off(
    arms: list[tuple[str, SweepConfig]],
    door: Door,
    place: Place | None,
    fingerprints: tuple[str, ...],
) -> int:
    """Run what was asked; a signal to stop is an end of its own."""
    from bsx import registry

    with _first_signal_stops():
        try:
            first = arms[0][1]
            chosen = registry.load("executor", first.executor)
            with chosen.of(first, Path(door.store)) as executor:
                if not door.dry_run:
                    executor.prepare()
                return _run(arms, door, executor, place, fingerprints)
        except Stopped as stopped:
            typer.echo(f"Stopped by {stopped}; nothing measured is lost.", err=True)
            return EXIT_STOPPED


def _run(
    arms: list[tuple[str, SweepConfig]],
    door: Door,
    executor: Executor,
    place: Place | None,
    fingerprints: tuple[str, ...] = (),
) -> int:
    """Run one arm after another and print what came of them.

    ``fingerprints``: of the data that a sweep that goes on must find again, if it does.
    """
    with redirect_stdout(sys.stderr):  # what models and data print is no result
        asked = [(label, sweeping.ask(config, executor.placed)) for label, config in arms]
    if fingerprints:
        from bsx.cli.more_seeds import check_data

        check_data(fingerprints, [arm.facts.fingerprint for _, arm in asked])
    if not door.quiet:
        _warn_of_data([arm.facts for _, arm in asked])
    if door.dry_run:
        from bsx.cli.dry_run import print_plans

        print_plans(asked, door, executor)
        return EXIT_DONE
    from bsx.cli.live import open_logs
    from bsx.cli.output import print_arms, print_sweep
    from bsx.store import Store

    def tell(line: str) -> None:
        if not door.quiet:
            typer.echo(line, err=True)

    with Store(door.store, create=True) as store, ExitStack() as opened:
        codes = []
        logs = []
        for _, arm in asked:  # each before anything is trained
            logs.append(open_logs(door.logs, arm.sweep, store))
            if logs[-1] is not None:  # a stop leaves later arms unasked: theirs are closed, too
                opened.callback(logs[-1].close)
        for n, ((label, arm), log) in enumerate(zip(asked, logs, strict=True), 1):
            if label:
                tell(f"Arm {n} of {len(asked)}: {label}")
            held = store.held(arm.recipes, tell, patience=arm.config.within_seconds)
            with held, redirect_stdout(sys.stderr):
                codes.append(_trained(arm, door, store, executor, log, len(asked) - n))
            if codes[-1] == EXIT_STOPPED:
                break
        stored = {sweep.sweep_id for sweep in store.sweeps()}
        done = [
            (label, store.sweep(arm.sweep_id), arm.recipes)
            for label, arm in asked[: len(codes)]
            if arm.sweep_id in stored  # not where it was stopped just before
        ]
        if not done:
            return EXIT_STOPPED
        if place is not None:  # before anything is printed, which may end the program
            from bsx.cli.report import write

            write(store, [(label, sweep) for label, sweep, _ in done], place)
        how: dict[str, Any] = {"form": door.format, "get": door.get, "quiet": door.quiet}
        how |= {"plot": door.plot}
        if len(asked) == 1:
            _, sweep, recipes = done[0]
            print_sweep(store, sweep, recipes, **how)
        else:
            print_arms(store, done, **how)
        if place is not None:
            tell(f"Report: {place.path}")
    return max(codes, key=[EXIT_DONE, EXIT_SOME_FAILED, EXIT_STOPPED].index)


def _warn_of_data(found: Iterable[Facts]) -> None:
    """Say on stderr what is wrong with the data, before any compute is spent on them."""
    from bsx.stats.cautions import data_cautions

    once = {
        (f.identifiers, f.dates, f.filled, f.dropped, f.doubts): f for f in found
    }  # arms mostly share their data
    said = [caution for facts in once.values() for caution in data_cautions(facts)]
    if said:
        from rich.console import Console

        from bsx.render.tables import print_cautions

        print_cautions(Console(stderr=True), said)


def _place(
    report: str | None, flags_of_dry_run: Mapping[str, Any] | None, save: Path | None
) -> Place | None:
    """Return where the report goes, if one is asked for.

    Raises:
        ConfigError: where nothing can be written there, before anything is trained, and where a
            dry run is asked for something that comes of training.
    """
    if flags_of_dry_run is not None:
        from bsx.cli.dry_run import refuse_idle

        refuse_idle(flags_of_dry_run, report, save)
    if report is None:
        return None
    from bsx.cli.report import Place

    place = Place.of(report, "--report")
    if place.path is None:
        raise ConfigError("--report -: results go to stdout already; give a file")
    return place


def _trained(
    asked: Asked,
    door: Door,
    store: Store,
    executor: Executor,
    log: LiveLog | None,
    arms_after: int,
) -> int:
    """Train what is missing of one sweep; return its exit code."""
    from bsx.cli.live import logged
    from bsx.render.progress import QuietProgress, SweepProgress

    progress = QuietProgress() if door.quiet else SweepProgress(metric=asked.facts.metric)
    try:
        with progress:
            for line in sweeping.changes(asked, store.sweeps()):
                progress.announce(line)
            with logged(log, store, asked.recipes, progress) as watcher:
                status = _conduct(asked, door, store, executor, watcher, arms_after)
    except Stopped as stopped:
        progress.announce(f"Stopped by {stopped}; the same command goes on from here.")
        return EXIT_STOPPED
    return EXIT_SOME_FAILED if status == "failed" else EXIT_DONE


def _conduct(
    asked: Asked,
    door: Door,
    store: Store,
    executor: Executor,
    watcher: Watcher,
    arms_after: int,
) -> str:
    from bsx.render import forecast

    conductor = sweeping.conductor(asked, store, executor, watcher, fresh=door.fresh)
    groups, speed_seconds = conductor.prepare()
    runs = sum(len(group.runs) for group in groups)
    seconds = forecast.expected_seconds(asked.sweep, groups, speed_seconds)
    for line in forecast.lines(asked.sweep, runs, seconds, arms_after):
        watcher.announce(line)
    return conductor.run()


# From a person, a closed terminal, and a scheduler that wants the machine back (Slurm sends what
# ``--signal`` says, SIGTERM by default).
_STOPPING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")


@contextmanager
def _first_signal_stops() -> Iterator[None]:
    """Turn the first signal to stop into Stopped; the second ends the program at once."""
    numbers = [getattr(signal, name) for name in _STOPPING if hasattr(signal, name)]
    # Started by nohup, the program is not to hear of a closed terminal.
    numbers = [n for n in numbers if n == signal.SIGINT or signal.getsignal(n) != signal.SIG_IGN]

    def stop(number: int, _frame: object) -> None:
        for other in numbers:
            signal.signal(other, _end_at_once)
        name = signal.Signals(number).name
        raise Stopped("Ctrl-C" if name == "SIGINT" else name)

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_at_once(number: int, _frame: object) -> None:
    os._exit(EXIT_TERMINATED_TWICE if number == signal.SIGTERM else EXIT_INTERRUPTED_TWICE)
