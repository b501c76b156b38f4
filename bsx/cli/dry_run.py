"""``bsx sweep --dry-run``: what would be trained and how long it would take; trains nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsx import sweeping
from bsx.errors import ConfigError

if TYPE_CHECKING:
    from bsx.config import Door
    from bsx.execute.base import Executor
    from bsx.sweeping import Asked

# Flags about what comes of training
_OF_RESULTS = {
    "report": "there is nothing to report",
    "log": "there is no run to log",
    "plot": "there is nothing to draw",
}


def refuse_idle(flags: Mapping[str, Any], report: str | None, save: Path | None) -> None:
    """Refuse flags that would do nothing in a dry run.

    What a file or the environment says is kept for the real run; likewise what is saved.

    Raises:
        ConfigError: for the first of them.
    """
    typed = {name: flags.get(name) for name in ("log", "plot")} if save is None else {}
    for name, value in {"report": report, **typed}.items():
        if value not in (None, (), [], False):
            raise ConfigError(
                f"--{name} with --dry-run: a dry run trains nothing, so that {_OF_RESULTS[name]}; "
                "leave one of the two out"
            )


def print_plans(asked: Sequence[tuple[str, Asked]], door: Door, executor: Executor) -> None:
    """Say of each arm what would be trained, and how long that would take.

    Raises:
        NothingFound: where ``--get`` leads nowhere.
    """
    from bsx.cli.output import print_found
    from bsx.render import foretold
    from bsx.render.formats import Format, machine_text

    plans = [(label, arm.sweep, _plan(arm, door, executor)) for label, arm in asked]
    document = foretold.document(plans)
    rows = foretold.rows(document)
    print_found(
        document,
        rows,
        form=door.format,
        get=door.get,
        draw=lambda console: foretold.print_plans(console, plans),
        markdown=lambda: machine_text(document, rows, Format.MARKDOWN),
    )


def _plan(asked: Asked, door: Door, executor: Executor) -> dict[str, Any]:
    """Return the document of what one sweep would train next."""
    from bsx import engines, plan
    from bsx.render import forecast
    from bsx.schema import EndStates
    from bsx.states import FOLDER, States

    cost = engines.measured(
        asked.config, asked.facts, asked.recipes, asked.machine, executor, door.fresh
    )
    stored = {} if door.fresh else sweeping.settled(asked, door.store)
    coming = plan.next_round(asked.config, asked.facts, asked.recipes, stored, cost)
    groups = [*coming.groups, *coming.later] if coming else []
    if asked.config.states_bytes is not None:
        kept = EndStates(str(Path(door.store) / FOLDER), asked.config.states_bytes, door.fresh)
        groups, _ = States(kept).shortened(groups)
    speeds = plan.speed_units(asked.config, asked.facts, asked.recipes, asked.machine, cost)
    speed_seconds = sum(unit.predicted_seconds for unit in speeds) if groups else 0.0
    seconds = forecast.expected_seconds(asked.sweep, groups, speed_seconds)
    return forecast.plan_document(asked.sweep, groups, seconds)
