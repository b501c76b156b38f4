"""A stored sweep by its name: said aloud where arms of ``--vary`` share it, and one is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from bsx.schema import Sweep
    from bsx.store import Store


def sweep_named(store: Store, wanted: str | None, *, quiet: bool = False) -> Sweep:
    """Return the sweep of that name, or the beginning of its id; the newest without one.

    Where it is one of several arms, and no id told which, stderr says what the others are.
    """
    from bsx.arms import arms_with, label

    sweep = store.sweep(wanted)
    if quiet or (wanted is not None and sweep.config.name != wanted):
        return sweep
    arms = arms_with(sweep, store.sweeps())
    others = [f"{label(a.config)} ({a.sweep_id})" for a in arms if a.sweep_id != sweep.sweep_id]
    if others:
        which = f"{wanted} is the name" if wanted else "the newest is one"
        typer.echo(
            f"bsx: note: {which} of {len(arms)} arms of --vary; this is {label(sweep.config)}, "
            f"and an id names another: {', '.join(others)}",
            err=True,
        )
    return sweep
