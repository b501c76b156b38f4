"""The sentence of every reason for a recommendation."""

from __future__ import annotations

from collections.abc import Callable

from bsx.render import numbers
from bsx.render.phrases import Values, tolerance


def _fastest_admitted(values: Values) -> str:
    admitted = len(values.get("admitted", ()))
    which = f"the {numbers.count(admitted)} batch sizes" if admitted else "the batch sizes"
    return (
        f"of {which} whose final validation {values['metric']} is shown to be within "
        f"{tolerance(values)} of the best, it reaches the target {_least(values)}"
    )


def _fastest_unsettled(values: Values) -> str:
    admitted = len(values.get("admitted", ()))
    return (
        f"too few seeds to show which batch sizes end within {tolerance(values)} of the best "
        f"validation {values['metric']}; of the {numbers.count(admitted)} whose mean does, it "
        f"reaches the target {_least(values)}"
    )


def _best_unsettled(values: Values) -> str:
    return (
        f"too few seeds to show which batch sizes end within {tolerance(values)} of the best "
        f"validation {values['metric']}; it has the best mean, and no other comes within that of it"
    )


def _only_size(values: Values) -> str:
    return "it is the only batch size with results, so there is nothing to compare it with"


def _only_best_admitted(values: Values) -> str:
    return (
        f"it ends with the best validation {values['metric']}, and no other batch size is shown to "
        f"come within {tolerance(values)} of it"
    )


def _least(values: Values) -> str:
    cost = values.get("cost")
    how: dict[str, tuple[str, numbers.Form]] = {
        "time": ("in the least time", numbers.duration),
        "steps": ("in the fewest iterations", numbers.whole),
        "samples": ("with the fewest samples", numbers.whole),
    }
    name, form = how.get(str(values.get("objective")), ("at the least cost", numbers.significant))
    return name if cost is None else f"{name}, about {form(cost)}"


REASONS: dict[str, Callable[[Values], str]] = {
    "fastest_admitted": _fastest_admitted,
    "fastest_unsettled": _fastest_unsettled,
    "best_unsettled": _best_unsettled,
    "only_size": _only_size,
    "only_best_admitted": _only_best_admitted,
}
