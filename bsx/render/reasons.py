"""The sentence of every reason for a recommendation."""

from __future__ import annotations

from collections.abc import Callable

from bsx.render import numbers
from bsx.render.phrases import Values, batch_sizes, more_seeds, no_speed, spelled, tolerance

_NAMES = {"steps": "iterations"}  # of objectives, where they are not their own
_WHY_NO_TIME = {
    "no_target": "there is no target",
    "target_not_reached": "none of them reached the target",
}


def _fastest_admitted(values: Values) -> str:
    return f"{_of_admitted(values)}, it reaches the target {_least(values)}"


def _fastest_unsettled(values: Values) -> str:
    return f"{_of_unsettled(values)}, it reaches the target {_least(values)}"


def _memory_admitted(values: Values) -> str:
    return f"{_of_admitted(values)}, {_least_memory(values)}"


def _memory_unsettled(values: Values) -> str:
    return f"{_of_unsettled(values)}, {_least_memory(values)}"


def _of_admitted(values: Values) -> str:
    admitted = values.get("admitted", ())
    shown = set(values.get("shown", admitted)) & set(admitted)
    if len(shown) < len(admitted):
        if values["batch_size"] == values["best"]:
            return f"{_of_expected(values)} (this one is the best)"
        return f"{_of_expected(values)} (shown for this one)"
    which = f"the {numbers.count(len(shown))} batch sizes" if admitted else "the batch sizes"
    return (
        f"of {which} whose final validation {values['metric']} is shown to be within "
        f"{tolerance(values)} of the best{_the_best(values)}"
    )


def _of_unsettled(values: Values) -> str:
    return f"{_of_expected(values)} (not yet shown for this one)"


def _of_expected(values: Values) -> str:
    admitted = numbers.count(len(values.get("admitted", ())))
    return (
        f"of the {admitted} batch sizes that are expected to end within {tolerance(values)} of the "
        f"best validation {values['metric']}{_the_best(values)}"
    )


def _the_best(values: Values) -> str:
    """Name the size that ends best, if it is another."""
    if values["best"] == values["batch_size"]:
        return ""
    return f", that of {batch_sizes([values['best']])}"


def _only_size(values: Values) -> str:
    return "it is the only batch size with results, so there is nothing to compare it with"


def _only_best_admitted(values: Values) -> str:
    return (
        f"it ends with the best validation {values['metric']}, and every other batch size that was "
        f"run is expected to end more than {tolerance(values)} worse{_so_alone(values)}"
    )


def _best_quality(values: Values) -> str:
    return (
        f"it ends with the best validation {values['metric']}: each other batch size is shown to "
        f"end worse, or is expected to by more than {tolerance(values)}"
    )


def _quality_tied(values: Values) -> str:
    first = (
        f"it is one of {numbers.count(len(values['alike']))} batch sizes that are expected to end "
        f"within {tolerance(values)} of the best validation {values['metric']} and are not shown "
        "to end worse"
    )
    if values["seconds"] is None:
        why = _WHY_NO_TIME.get(str(values["missing"]), spelled(values["missing"]))
        why = no_speed(values) if values["missing"] == "no_speed" else why
        return f"{first}; it has the best mean, and which takes the least time is not known: {why}"
    fastest = f"{first}; of these it reaches the target in the least time, about "
    fastest += f"{numbers.duration(values['seconds'])}{_by_curve(values)}"
    if values["batch_size"] == values["best"]:
        return f"{fastest}, and it has the best mean too"
    best = batch_sizes([values["best"]])
    if values["seeds_needed"] is not None:
        return (
            f"{fastest}; about {numbers.count(values['seeds_needed'])} seeds, not "
            f"{numbers.count(values['seeds'])}, would settle whether {best}, whose mean is the "
            f"best, ends better{_by_command(values)}"
        )
    if values["spread_known"]:
        return f"{fastest}; its mean is too near that of {best}, the best, for seeds to settle it"
    return f"{fastest}; more seeds may show that {best}, whose mean is the best, ends better"


def _by_command(values: Values) -> str:
    command = more_seeds(values, values["seeds_needed"] - values["seeds"])
    return f" ({command})" if command else ""


def _least_memory(values: Values) -> str:
    alike, peak = len(values["alike"]), numbers.size(values["peak"])
    among = ""
    if values["measured"] < len(values["admitted"]):
        among = f" of the {numbers.count(values['measured'])} whose memory was measured"
    if alike == 1:
        return f"it needs the least memory{among}, {peak} at its peak"
    within = numbers.percent(values["within"], 0)
    if alike == len(values["admitted"]):
        least = f"all need as much memory, alike within {within} ({peak})"
    else:
        least = (
            f"{numbers.count(alike)}{among} need the least memory, alike within {within} ({peak})"
        )
    if values["seconds"] is None:
        return f"{least}; of these it is the smallest"
    time = f"{numbers.duration(values['seconds'])}{_by_curve(values)}"
    return f"{least}; of these it reaches the target in the least time, about {time}"


def _so_alone(values: Values) -> str:
    """Say that what was asked for decided nothing; of time, the usual, that need not be said."""
    objective = str(values.get("objective"))
    if objective == "time":
        return ""
    return f", so that {_NAMES.get(objective, objective)} did not decide"


def _least(values: Values) -> str:
    cost, price = values.get("cost"), values.get("price_per_hour")
    how: dict[str, tuple[str, numbers.Form]] = {
        "time": ("in the least time", numbers.duration),
        "steps": ("in the fewest iterations", numbers.whole),
        "samples": ("with the fewest samples", numbers.whole),
    }
    name, form = how.get(str(values.get("objective")), ("at the least cost", numbers.money))
    text = name if cost is None else f"{name}, about {form(cost)}{_by_curve(values)}"
    if (level := len(values.get("level", ()))) > 1:
        extreme = "largest" if values.get("objective") == "samples" else "smallest"
        text += f", and is the {extreme} of {numbers.count(level)} sizes that hardly differ in that"
    return text if price is None else f"{text} at {numbers.money(price)} an hour"


def _by_curve(values: Values) -> str:
    """Say that a number is not one of the tables'; those as measured are."""
    return " by the fitted curve" if values.get("by_curve") else ""


REASONS: dict[str, Callable[[Values], str]] = {
    "fastest_admitted": _fastest_admitted,
    "fastest_unsettled": _fastest_unsettled,
    "memory_admitted": _memory_admitted,
    "memory_unsettled": _memory_unsettled,
    "quality_tied": _quality_tied,
    "best_quality": _best_quality,
    "only_size": _only_size,
    "only_best_admitted": _only_best_admitted,
}
