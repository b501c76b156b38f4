"""The phrases that sentences and tables are made of: names, lists, statuses, goals."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bsx.render import numbers

Values = Mapping[str, Any]

SOME_SEEDS = 5  # more, where nobody can say how many would do

STATUS = {
    "ok": "",
    "censored": "target not reached",
    "diverged": "diverged",
    "out_of_memory": "out of memory",
    "failed": "failed",
    "not_run": "not run",
}

SWEEP_STATUS = {
    "running": "running",
    "complete": "complete",
    "stopped": "stopped; the same command goes on from here",
    "out_of_time": "out of time; what is missing is shown as not run, or has no time",
    "failed": "finished, with units that failed",
}

OWN_LENGTH = "with {epochs} or {steps} in the command, --epochs decides how long"


def clean(text: object) -> str:
    """Return ``text`` without control characters, which could otherwise steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in str(text)).strip()


def status(code: str) -> str:
    """Say the status of a batch size in words; ``ok`` needs none."""
    return STATUS.get(code, spelled(code))


def sweep_status(code: str) -> str:
    """Say the status of a sweep in words."""
    return SWEEP_STATUS.get(code, spelled(code))


def listed(items: Sequence[object], last: str = "and") -> str:
    """Join items as in a sentence: ``2, 4 and 8``."""
    texts = [str(item) for item in items]
    return (
        f" {last} ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)
    )


def batch_sizes(sizes: Iterable[int]) -> str:
    """Name batch sizes as the subject of a sentence: ``batch sizes 2, 4 and 8``."""
    ordered = sorted(set(sizes))
    noun = "batch size" if len(ordered) == 1 else "batch sizes"
    return f"{noun} {listed([numbers.count(size) for size in ordered])}"


def tuned(values: Mapping[str, float]) -> str:
    """Say what stands beside a learning rate: ``, momentum 0.93``; nothing where that is all."""
    return "".join(f", {spelled(n)} {numbers.learning_rate(v, 6)}" for n, v in values.items())


def spelled(code: object) -> str:
    return clean(code).replace("_", " ")


def shown(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | list | tuple):
        return spelled(value)
    if isinstance(value, list | tuple):
        return listed([shown(v) for v in value])
    return numbers.count(value) if isinstance(value, int) else numbers.significant(value)


def goal(values: Values) -> str:
    """Name a target: ``accuracy ≥ 0.97``, ``mse ≤ 0.11``; by its name alone without a threshold."""
    if values["threshold"] is None:
        return clean(values["metric"])
    threshold = numbers.significant(values["threshold"], 4)
    if "higher_is_better" in values:
        threshold = f"{'≥' if values['higher_is_better'] else '≤'} {threshold}"
    return f"{clean(values['metric'])} {threshold}"


def tolerance(values: Values) -> str:
    """Name a tolerance: in points for a metric between 0 and 1, else as it is.

    Behind it the ``share`` of the best value that it is, where that is told.
    """
    width, share = float(values["tolerance"]), values.get("share")
    if values.get("bounded", True):
        return f"{numbers.significant(100 * width)} points"
    of_best = "" if share is None else f" ({numbers.significant(100 * share)} %)"
    return f"{numbers.significant(width)}{of_best}"


def less(objective: object) -> str:
    """Say what a size takes less of: ``less time``, ``fewer iterations``."""
    named = {"steps": "fewer iterations", "samples": "fewer samples", "cost": "less money"}
    return named.get(str(objective), f"less {spelled(objective)}")


def more_seeds(values: Values, seeds: int) -> str:
    """Name the command that goes on with so many seeds more; nothing where there is none."""
    how = values.get("goes_on")
    if how is None or seeds < 1:
        return ""
    flag = f"--more-seeds {seeds}"
    if how != "alone":
        return f"the same command with {flag}"
    which = (
        f"{shlex.quote(clean(values['sweep']))} " if "sweep" in values else ""
    )  # else the newest
    return f"`bsx sweep {which}{flag}`"


def each(
    group: Sequence[Values],
    key: str,
    form: numbers.Form = numbers.significant,
) -> str:
    """Write the value of each of the group, or the range that they span."""
    values = sorted({float(v[key]) for v in group})
    ends = dict.fromkeys(form(v) for v in (values[0], values[-1]))
    return " to ".join(ends)


def no_speed(values: Values) -> str:
    """Say that no speed is known; of those of a probe's file, for which sizes it has them."""
    if "timed" not in values:
        return "no speed was measured"
    timed, sizes = values["timed"], sorted(values["sizes"])
    return (
        f"the file of --speed has speeds of {batch_sizes(timed)} only, and the sweep has "
        f"{batch_sizes(sizes)}; make it again with `bsx probe --max {sizes[-1]} --save FILE` and "
        "the options of what is trained"
    )


# --- remedies ---------------------------------------------------------------------------------


def remedied(group: Sequence[Values], here: str, elsewhere: str) -> str:
    """Return the remedy: that with options of bsx, or that for what was run elsewhere."""
    return elsewhere if group[0].get("elsewhere") else here


def longer(group: Sequence[Values], options: str) -> str:
    """Return how to train longer: by these options, or in a program that decides that itself."""
    if not group[0].get("own_length"):
        return f"train longer ({options})"
    return f"let the program train longer ({OWN_LENGTH})"
