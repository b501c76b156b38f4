"""The sentences of cautions that curves from elsewhere give rise to; see ``sentences``.

They come from files of ``bsx import``, or from the reports of a program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bsx.render import numbers
from bsx.render.phrases import Values, clean, goal, listed, no_speed

_LEAST = {"steps": "the fewest iterations", "samples": "the fewest samples"}
_PRICES = {
    "steps": "as if a step took as long at every size; --objective samples counts samples instead",
    "samples": "as if a step took time in proportion to its size; --objective steps counts "
    "iterations instead",
}


def _objective_without_seconds(group: Sequence[Values]) -> str:
    objective = str(group[0]["objective"])
    if "timed" in group[0]:
        return (
            f"{no_speed(group[0])}. Until then what is recommended takes {_LEAST[objective]} to "
            f"the target, {_PRICES[objective]}"
        )
    return (
        "the file does not tell how long a step takes (by seconds at two points of a run or more), "
        f"so that what is recommended takes {_LEAST[objective]} to the target, "
        f"{_PRICES[objective]}"
    )


def _objective_without_speed(group: Sequence[Values]) -> str:
    objective = str(group[0]["objective"])
    return (
        "the reports do not tell how long a step takes (they are fewer than two a run, or came all "
        f"at once), so that time cannot be compared; what is recommended takes {_LEAST[objective]} "
        f"to the target, {_PRICES[objective]}"
    )


def _curves_repeat(group: Sequence[Values]) -> str:
    names = listed([str(name).replace("_", " ") for name in group[0]["names"]], "or")
    remedy = "see that the program uses what stands there in its command"
    if group[0].get("elsewhere"):
        remedy = "see that they are not one run that was written several times"
    return (
        f"runs that differ only in {names} have the same curve to the last digit, so that "
        f"nothing is seen of its effect; {remedy}"
    )


def _columns_left_out(group: Sequence[Values]) -> str:
    columns = group[0]["columns"]
    noun = "the column" if len(columns) == 1 else "the columns"
    shown = listed([clean(column) for column in columns[:8]])
    more = f" and {len(columns) - 8} more" if len(columns) > 8 else ""
    return f"left aside: {noun} {shown}{more}, of which nothing is known here"


def _iterations_computed(group: Sequence[Values]) -> str:
    column, size = clean(group[0]["column"]), clean(group[0]["batch_size_column"])
    if (samples := group[0].get("epoch_samples")) is not None:
        return (
            f"iterations are the column {column} × ({numbers.count(samples)} / {size}, rounded "
            "up): epochs that are done, in a run that begins at 0 one more than it says"
        )
    return f"iterations are the column {column} / {size}, to the nearest whole one"


def _batch_size_in_tokens(group: Sequence[Values]) -> str:
    column = clean(group[0]["column"])
    return f"batch sizes are in tokens, by the column {column}: so is what is called samples here"


def _rows_left_out(group: Sequence[Values]) -> str:
    rows = int(group[0]["rows"])
    which = "1 row" if rows == 1 else f"{numbers.count(rows)} rows"
    return f"left aside: {which} of the train or test part; curves are of validation"


def _reached_at_first_look(group: Sequence[Values]) -> str:
    return (
        f"{goal(group[0])} held as soon as it was looked at for the first time, so that it took so "
        "many iterations or fewer; evaluate more often, or set a stricter --target"
    )


WORDS: dict[str, Callable[[Sequence[Values]], str]] = {
    "reached_at_first_look": _reached_at_first_look,
    "objective_without_seconds": _objective_without_seconds,
    "objective_without_speed": _objective_without_speed,
    "curves_repeat": _curves_repeat,
    "iterations_computed": _iterations_computed,
    "batch_size_in_tokens": _batch_size_in_tokens,
    "columns_left_out": _columns_left_out,
    "rows_left_out": _rows_left_out,
}
