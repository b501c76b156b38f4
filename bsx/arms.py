"""The arms of one ``--vary`` in the store: what sets each apart, and which belong together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bsx.schema import Sweep, SweepConfig

_VARY = "--vary "
_EACH = re.compile(r"(?:^|\s)--vary ")
# What a question's runs do not depend on: how many seeds, where they run, how they are read
_NOT_OF_RUNS = ("seeds", "targets", "device", "threads", "workers", "engine", "speed_loop")


def varied(config: SweepConfig) -> dict[str, str]:
    """Return what sets an arm of ``--vary`` apart, key → value; nothing of another sweep."""
    all_of_it = config.origins.get("vary", "")
    told = [all_of_it] if all_of_it.startswith(_VARY) else config.origins.values()
    found = [one for origin in told if origin.startswith(_VARY) for one in _EACH.split(origin)]
    pairs = (one.partition("=") for one in found if one)
    return {key: value for key, _, value in pairs}


def label(config: SweepConfig) -> str:
    """Name an arm by what sets it apart; '' for another sweep."""
    return ", ".join(f"{key}={value}" for key, value in varied(config).items())


def arms_with(chosen: Sweep, sweeps: Sequence[Sweep]) -> list[Sweep]:
    """Return the arms of the ``--vary`` that a sweep is one of, as they began; it alone if of none.

    They lie about it in the store, and vary the same otherwise. Of an arm that was given more
    seeds since, the one with the most counts.

    Args:
        chosen: a sweep.
        sweeps: all that are stored, the newest last.
    """
    own = varied(chosen.config)
    if not own:
        return [chosen]
    place = next(n for n, sweep in enumerate(sweeps) if sweep.sweep_id == chosen.sweep_id)
    found = {tuple(sorted(own.items())): chosen}
    begun = dict.fromkeys(found, chosen.created)

    def add(others: Sequence[Sweep]) -> None:
        for other in others:
            of_other = varied(other.config)
            key = tuple(sorted(of_other.items()))
            if of_other.keys() != own.keys() or other.config.name != chosen.config.name:
                return
            known = found.setdefault(key, other)
            if runs_of(known.config) != runs_of(other.config):
                return  # of another --vary
            begun[key] = min(begun.get(key, other.created), other.created)
            if known is not chosen and other.config.seeds > known.config.seeds:
                found[key] = other

    add(list(reversed(sweeps[:place])))
    add(sweeps[place + 1 :])
    return [found[key] for key in sorted(found, key=lambda key: begun[key])]


def runs_of(config: SweepConfig) -> dict[str, Any]:
    """Return what decides which runs a sweep has, the number of seeds aside."""
    question = config.question()
    return {key: value for key, value in question.items() if key not in _NOT_OF_RUNS}
