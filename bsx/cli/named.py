"""Stored sweeps by name: arms of ``--vary`` may share one, and mean one of them, or all."""

from __future__ import annotations

from collections.abc import Sequence
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


def arms_named(store: Store, wanted: str | None) -> list[Sweep]:
    """Return all arms that share that name, or that the newest is one of; an id means one sweep."""
    from bsx.arms import arms_with

    sweep = store.sweep(wanted)
    by_id = wanted is not None and sweep.config.name != wanted
    return [sweep] if by_id else arms_with(sweep, store.sweeps())


def labels(sweeps: Sequence[Sweep]) -> list[str]:
    """Return what sets each apart: the values of --vary, its name, both, or else its id."""
    from bsx.arms import label

    arms = [label(s.config) or s.config.name or s.sweep_id for s in sweeps]
    both = [", ".join(filter(None, (s.config.name, label(s.config)))) or s.sweep_id for s in sweeps]
    for told in (arms, both):
        if len(set(told)) == len(told):
            return told
    return [s.sweep_id for s in sweeps]
