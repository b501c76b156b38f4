"""``bsx sweep``: train at every batch size, and say which one to take."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsx.cli.options import with_settings
from bsx.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED_TWICE,
    EXIT_SOME_FAILED,
    EXIT_STOPPED,
    EXIT_TERMINATED_TWICE,
    Stopped,
)

if TYPE_CHECKING:
    from bsx.conductor import Watcher
    from bsx.config import Door
    from bsx.execute.base import Executor
    from bsx.schema import Facts, Recipe, RunRecord, Sweep, SweepConfig
    from bsx.store import Store


@dataclass(frozen=True)
class _Asked:
    """A sweep that can be run: what was asked, and what was found out about it."""

    sweep_id: str
    config: SweepConfig
    facts: Facts
    recipes: tuple[Recipe, ...]
    machine: Mapping[str, Any]

    @property
    def sweep(self) -> Sweep:
        """The sweep as it will be put down."""
        from bsx.schema import Sweep

        return Sweep(self.sweep_id, self.config, self.facts, self.machine, "planned", "")


@with_settings()
def sweep(
    file: Annotated[
        Path | None,
        typer.Argument(help="A TOML file of these options; flags override it.", metavar="[FILE]"),
    ] = None,
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

    $ bsx sweep --get recommendation.batch-size
    """
    from bsx.config import read_sweep

    config, door = read_sweep(flags, os.environ, file)
    from bsx import registry

    with registry.load("executor", config.executor)() as executor:
        code = _run(config, door, executor)
    raise typer.Exit(code)


def _run(config: SweepConfig, door: Door, executor: Executor) -> int:
    from bsx.render.progress import QuietProgress, SweepProgress

    asked = _asked(config)
    if door.dry_run:
        _print_plan(asked, door, executor)
        return EXIT_DONE
    from bsx.cli.output import print_sweep
    from bsx.store import Store

    with Store(door.store, create=True) as store:
        progress = QuietProgress() if door.quiet else SweepProgress(metric=asked.facts.metric)
        status = "stopped"
        with _first_signal_stops():
            try:
                with progress:
                    status = _conduct(asked, door, store, executor, progress)
            except Stopped as stopped:
                progress.announce(f"Stopped by {stopped}; the same command goes on from here.")
        print_sweep(
            store,
            store.sweep(asked.sweep_id),
            asked.recipes,
            form=door.format,
            get=door.get,
            quiet=door.quiet,
        )
    return {"stopped": EXIT_STOPPED, "failed": EXIT_SOME_FAILED}.get(status, EXIT_DONE)


def _conduct(asked: _Asked, door: Door, store: Store, executor: Executor, progress: Watcher) -> str:
    from bsx.conductor import Conductor
    from bsx.render import forecast

    conductor = Conductor(
        asked.sweep_id,
        asked.config,
        asked.facts,
        asked.recipes,
        asked.machine,
        store,
        executor,
        progress,
        fresh=door.fresh,
    )
    groups, speed_seconds = conductor.prepare()
    runs = sum(len(group.members) for group in groups)
    seconds = forecast.expected_seconds(groups, speed_seconds)
    for line in forecast.lines(asked.sweep, runs, seconds):
        progress.announce(line)
    return conductor.run()


def _print_plan(asked: _Asked, door: Door, executor: Executor) -> None:
    """Say what would be trained, and how long it would take."""
    from rich.console import Console

    from bsx import plan
    from bsx.conductor import calibrated
    from bsx.render import forecast
    from bsx.render.formats import Format, get_text, machine_text
    from bsx.render.listing import listing

    cost = calibrated(asked.config, asked.facts, asked.recipes, executor)
    stored = {} if door.fresh else _settled(asked, door.store)
    coming = plan.next_round(asked.config, asked.facts, asked.recipes, stored, cost)
    groups = coming.groups if coming else ()
    speeds = plan.speed_units(asked.config, asked.facts, asked.recipes, asked.machine, cost)
    speed_seconds = sum(unit.predicted_seconds for unit in speeds) if groups else 0.0
    seconds = forecast.expected_seconds(groups, speed_seconds)
    document = forecast.plan_document(asked.sweep, groups, seconds)
    if door.get is not None:
        sys.stdout.write(get_text(document, door.get))
    elif door.format != Format.TABLE:
        rows = document["batch_sizes"]
        sys.stdout.write(machine_text(document, rows, Format(door.format)))
    else:
        console = Console()
        console.print(listing("Would train", forecast.plan_rows(document)))
        for line in forecast.lines(asked.sweep, document["runs"], seconds):
            console.print(line, markup=False, highlight=False)


def _asked(config: SweepConfig) -> _Asked:
    from bsx import plan
    from bsx.facts import describe_machine, look
    from bsx.schema import SCHEMA_VERSION, digest

    facts = look(config)
    recipes = plan.recipes(config, facts)
    identity = [SCHEMA_VERSION, config.question(), facts.fingerprint, facts.trainer]
    return _Asked(digest(identity, 12), config, facts, recipes, describe_machine(facts.device))


def _settled(asked: _Asked, folder: str) -> Mapping[str, RunRecord]:
    """What is stored already of the runs of a sweep."""
    from bsx.conductor import stored_runs
    from bsx.store import Store

    if not Store.exists(folder):
        return {}
    with Store(folder) as store:
        return stored_runs(store, asked.config, asked.facts, asked.recipes)


@contextmanager
def _first_signal_stops() -> Iterator[None]:
    """Turn the first Ctrl-C or SIGTERM into Stopped; the second ends the program at once."""
    codes = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

    def stop(number: int, _frame: object) -> None:
        for other in codes:
            signal.signal(other, _end_at_once)
        raise Stopped(codes[signal.Signals(number)])

    before = {number: signal.signal(number, stop) for number in codes}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_at_once(number: int, _frame: object) -> None:
    os._exit(EXIT_TERMINATED_TWICE if number == signal.SIGTERM else EXIT_INTERRUPTED_TWICE)
