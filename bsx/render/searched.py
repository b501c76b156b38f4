"""What is said of a search beyond the learning rate: its space, the trials chosen, their edges."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from bsx.render import numbers, phrases
from bsx.render.columns import marked_row, size_column
from bsx.render.grid import Column, Grid, drop
from bsx.schema import EFFECTIVE_RATE, Analysis, Final, Ingredient, Search, SweepConfig, ToTarget

_NAMES = {EFFECTIVE_RATE: "learning rate / (1 − momentum)"}
_HEADERS = {"momentum": "momentum", "weight_decay": "weight\ndecay"}
_ENDS = {"low": "at the low end", "high": "at the high end"}


def described(search: Search) -> str:
    """Say what is searched, as in a line of what a sweep trained."""
    axes = [
        f"{_NAMES.get(axis.name, phrases.spelled(axis.name))} "
        f"{numbers.learning_rate(axis.low)} to {numbers.learning_rate(axis.high)}"
        for axis in search.axes
    ]
    return f"{search.trials} to begin with, the same at each batch size: {', '.join(axes)}"


def without(config: SweepConfig) -> Ingredient:
    """Return the optimizer without the arguments that trials have of their own."""
    tuned = {axis.name for axis in config.search.beside} if config.search else set()
    args = {key: value for key, value in config.optimizer.args.items() if key not in tuned}
    return dataclasses.replace(config.optimizer, args=args)


def trials(search: Search, analysis: Analysis) -> Grid:
    """Tabulate the trials chosen at each batch size: fastest to the first target, best at the end.

    Without a target there are only the latter.
    """
    rows = analysis.batch_sizes
    columns = [size_column(analysis)]
    if analysis.targets:
        fastest = [row.to_target[0] if row.to_target else None for row in rows]
        columns += _chosen(search, fastest, "fastest", "fastest:\n")
    columns += _chosen(search, [row.final for row in rows], "final", "best at end:\n")
    columns.append(Column("trials", "trials\ntried", tuple(numbers.count(r.trials) for r in rows)))
    return Grid(
        "Trials: fastest to the first target, and best on validation at the end",
        tuple(columns),
        drop("trials"),
        marked=marked_row(analysis),
    )


def _chosen(
    search: Search, entries: Sequence[ToTarget | Final | None], key: str, above: str
) -> list[Column]:
    """The columns of one choice; the first header says which it is."""
    rates = [entry.learning_rate if entry else None for entry in entries]
    columns = [Column(f"{key}_rate", f"{above}rate", _aligned(rates))]
    for axis in search.beside:
        values = [entry.tuned.get(axis.name) if entry else None for entry in entries]
        header = _HEADERS.get(axis.name, axis.name)
        columns.append(Column(f"{key}_{axis.name}", header, _aligned(values)))
    return columns


def _aligned(values: Sequence[float | None]) -> tuple[str, ...]:
    """Write values in full, so that they can be typed: trials have few digits."""
    return numbers.aligned_at_point([numbers.learning_rate(value, 6) for value in values])


def tuned_at_edge(group: Sequence[Mapping[str, object]]) -> str:
    """Word that what is tuned beside the rate is best where the search ends."""
    first = group[0]
    name = str(first["name"])
    values = sorted({float(str(one["value"])) for one in group})
    ends = dict.fromkeys((values[0], values[-1]))
    which = " to ".join(numbers.learning_rate(value, 4) for value in ends)
    end, remedy = further(first, name)
    goal = phrases.goal(first) if "threshold" in first else "the target"
    return (
        f"the {phrases.spelled(name)} of the trial fastest to {goal} ({which}), and of all "
        f"that are about as fast, lies {end}; {remedy}"
    )


def further(values: Mapping[str, object], name: str) -> tuple[str, str]:
    """Say at which end of a search something lies, and how to search beyond it."""
    end = _ENDS.get(str(values.get("side")), "at the end")
    typed = name.replace("_", "-")
    return f"{end} of what was searched", f"give --search {typed}=LOW..HIGH reaching further"


def dominated(group: Sequence[Mapping[str, Any]]) -> str:
    """Say that runs were not trained to their end."""
    runs, rates = (sum(values[key] for values in group) for key in ("runs", "rates"))
    at = "" if len(group) == 1 else f" at {len(group)} batch sizes"
    what = "learning rate" if rates == 1 else "learning rates"
    return (
        f"{numbers.count(runs)} runs of {rates} {what}{at} were clearly behind and stopped "
        "on the way (--halving); where they would have ended is not known"
    )
