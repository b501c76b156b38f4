"""The sentences of cautions that data and model give rise to; see ``sentences``."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from bsx.render import numbers
from bsx.render.phrases import Values, clean, listed


def _identifier_columns(group: Sequence[Values]) -> str:
    columns = [clean(column) for column in group[0]["columns"]]
    # The last drop= is the one that counts, so that it names what is dropped already, too
    dropped = [clean(column) for column in group[0].get("dropped", ())]
    more = [f"{len(columns) - 8} more"] if len(columns) > 8 else []
    shown, drop = listed([*columns[:8], *more]), ",".join([*dropped, *columns])
    numbered = " (columns count from 0)" if any(c.isdecimal() for c in columns[:8]) else ""
    if len(columns) == 1:
        may, it, is_one = f"column {shown} may be an identifier", "it", "it is one"
    else:
        may, it, is_one = f"columns {shown} may be identifiers", "them", "they are"
    return (
        f"{may}{numbered}: most rows have a value of their own there, as with row numbers or "
        f"names. From {it} a model can learn the training samples by heart, which helps with no "
        f"new sample; if {is_one}, leave {it} out with --dataset-arg "
        f"{shlex.quote(f'drop={drop}')}"
    )


def _date_columns(group: Sequence[Values]) -> str:
    columns = [(clean(title), count) for title, count in group[0]["columns"]]
    dropped = [clean(column) for column in group[0].get("dropped", ())]
    drop = ",".join([*dropped, *(title for title, _ in columns)])
    shown = listed([f"{title} ({numbers.count(count)} different)" for title, count in columns[:8]])
    if len(columns) == 1:
        hold, it = f"column {shown} holds dates", "it"
    else:
        hold, it = f"columns {shown} hold dates", "them"
    return (
        f"{hold}, which are taken as a category for each: of a date that is not in the training "
        f"samples nothing can be learned. Write {it} as numbers, such as year, month or days since "
        f"the first, or leave {it} out with --dataset-arg {shlex.quote(f'drop={drop}')}"
    )


def _filled_gaps(group: Sequence[Values]) -> str:
    columns = group[0]["columns"]
    shown = [
        f"{numbers.count(gaps)} of {numbers.count(cells)} cells of {clean(title)}"
        for title, gaps, cells in columns[:8]
    ]
    more = [f"some of {len(columns) - 8} more columns"] if len(columns) > 8 else []
    return (
        f"missing values are filled, as was asked for: {listed([*shown, *more])} (in a "
        "column of text, with its most frequent one)"
    )


def _softmax_twice(_group: Sequence[Values]) -> str:
    return (
        "what the model gives for a sample are probabilities already (they sum to 1), and the "
        "cross-entropy takes logits and does the softmax itself. With two of them training is "
        "slow and ends worse; leave the softmax out of the model"
    )


def _channels_last(group: Sequence[Values]) -> str:
    rows, columns, channels = group[0]["shape"]
    return (
        f"images of {rows} × {columns} × {channels} look as if their channels came last, but the "
        f"model takes {rows} for the number of channels and convolves over {columns} × {channels} "
        f"pixels. If these are {channels} channels of {rows} × {columns}, give them first: "
        "x.transpose(0, 3, 1, 2) of a NumPy array"
    )


def _targets_unscaled(group: Sequence[Values]) -> str:
    spread = numbers.significant(group[0]["spread"])
    return (
        f"the targets spread by {spread} (standard deviation), and gradients of a squared "
        "error grow with that: with SGD a run blows up at most learning rates, and Adam takes long "
        "to get there. Subtract their mean and divide them by that number"
    )


def _different_data(group: Sequence[Values]) -> str:
    first, second, samples = (group[0][key] for key in ("first", "second", "samples"))
    if first == second:
        what = f"both sweeps are of {clean(first)}, but not of the same training samples"
        how, unit = "the data or their division changed", "of them"
    else:
        what = f"the first sweep is of {clean(first)}, the second of {clean(second)}"
        how, unit = "the data are others", "training samples"
    if samples[0] != samples[1]:
        what += f" ({numbers.count(samples[0])} and {numbers.count(samples[1])} {unit})"
    return f"{what}: where the two differ, it may be because {how}"


def _different_tasks(group: Sequence[Values]) -> str:
    first, second = clean(group[0]["first"]), clean(group[0]["second"])
    return (
        f"the first sweep is of a {first} task, the second of a {second} task: the two are not "
        "measured by one yardstick, even where a metric has the same name"
    )


WORDS: dict[str, Callable[[Sequence[Values]], str]] = {
    "identifier_columns": _identifier_columns,
    "date_columns": _date_columns,
    "filled_gaps": _filled_gaps,
    "softmax_twice": _softmax_twice,
    "channels_last": _channels_last,
    "targets_unscaled": _targets_unscaled,
    "different_data": _different_data,
    "different_tasks": _different_tasks,
}
