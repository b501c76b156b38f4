"""What ``bsx sweep --dry-run`` prints: what would be trained, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from bsx.render import forecast, numbers, tables
from bsx.render.arms import print_title
from bsx.render.listing import listing
from bsx.schema import Sweep

Plans = Sequence[tuple[str, Sweep, Mapping[str, Any]]]  # what sets an arm apart; its document


def document(plans: Plans) -> dict[str, Any]:
    """Return the document of a sweep, or that of all arms."""
    if len(plans) == 1:
        return dict(plans[0][2])
    return {"arms": [{"arm": label, **one} for label, _, one in plans]}


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each batch size, of each arm if there are several."""
    if "arms" not in found:
        return list(found["batch_sizes"])
    return [{"arm": one["arm"], **row} for one in found["arms"] for row in one["batch_sizes"]]


def print_plans(console: Console, plans: Plans) -> None:
    """Print what would be trained: data and model, a row a batch size, and how long it takes."""
    for number, (label, sweep, one) in enumerate(plans):
        if len(plans) > 1:
            console.print("\n" * (number > 0), end="")
            print_title(console, label)
        tables.print_header(console, sweep)
        console.print()
        if one["batch_sizes"]:
            console.print(tables.Plain(listing("Would train", _table(one))), end="")
        for line in forecast.lines(sweep, one["runs"], one["seconds"] or 0.0):
            console.print(line, markup=False, highlight=False)
    if len(plans) > 1:
        console.print(f"\n{_in_all([one for _, _, one in plans])}", markup=False, highlight=False)


def _in_all(found: Sequence[Mapping[str, Any]]) -> str:
    """Say how much all arms are together."""
    runs, seconds = sum(one["runs"] for one in found), sum(one["seconds"] or 0.0 for one in found)
    known = all(one["seconds"] is not None for one in found)
    about = f", about {numbers.duration(forecast.round_duration(seconds))}" if known else ""
    return f"All {len(found)} arms: {numbers.count(runs)} runs to train{about}."


def _table(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "batch_size": numbers.count(row["batch_size"]),
            "iterations": numbers.count(row["steps"]),
            "epochs": numbers.UNKNOWN if row["epochs"] is None else f"{row['epochs']:.1f}",
            "runs": numbers.count(row["runs"]),
            "about": numbers.UNKNOWN
            if row["seconds"] is None
            else numbers.duration(max(1.0, row["seconds"])),
        }
        for row in found["batch_sizes"]
    ]
