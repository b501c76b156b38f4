"""The sentences of what must be known before a recommendation is followed; see ``sentences``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bsx.render import numbers
from bsx.render.phrases import (
    SOME_SEEDS,
    Values,
    batch_sizes,
    clean,
    less,
    listed,
    more_seeds,
    remedied,
    tolerance,
    tuned,
)
from bsx.schema import Estimate


def _rate_ends_worse(group: Sequence[Values]) -> str:
    first = group[0]
    worse: Estimate = first["worse"]
    form = numbers.fixed(1, 100.0) if first["bounded"] else numbers.significant
    much = numbers.estimate(worse, form) + (" points" if first["bounded"] else "")
    rate, best = (numbers.learning_rate(first[key], 6) for key in ("learning_rate", "best"))
    best += tuned(first["best_tuned"])
    return (
        f"the recommended learning rate, {rate}, is the fastest to the target, but its runs end "
        f"{much} worse in validation {clean(first['metric'])} than those of {best}, by which the "
        f"quality of this size is judged; take {best} where you train on beyond the target, or "
        "set a harder --target"
    )


def _taken_diverges(group: Sequence[Values]) -> str:
    first = group[0]
    diverged, runs = int(first["diverged"]), int(first["runs"])
    return (
        f"{numbers.count(diverged)} of the {numbers.count(runs)} runs at the recommended learning "
        "rate diverged, and where it ends is the mean of the others; a lower rate is safer"
    )


def _cheaper_left_out(group: Sequence[Values]) -> str:
    first = group[0]
    they, are, do, them = (
        ("they", "are", "do", "them") if len(first["sizes"]) > 1 else ("it", "is", "does", "it")
    )
    seeds = int(first["seeds"])
    command = more_seeds(first, SOME_SEEDS)
    more = f"more of them may ({command})" if command else "more of them may"
    return (
        f"{_takes_less(first)}, and {are} left out, as {they} {are} expected to "
        f"end more than {tolerance(first)} worse than the best; {seeds} seed{'s' * (seeds != 1)} "
        f"cannot show that {they} {do}; {more}, and a wider --tolerance lets {them} in"
    )


def _takes_less(first: Values) -> str:
    """Say which sizes take less, and which may: those whose interval does not exclude it."""
    ratios: dict[int, Estimate] = dict(zip(first["sizes"], first["ratios"], strict=True))
    sure = {size: r for size, r in ratios.items() if r.high is not None and r.high < 1}
    unsure = {size: r for size, r in ratios.items() if size not in sure}
    what = less(first["objective"])
    take = "take" if len(sure) > 1 else "takes"
    said = [f"{batch_sizes(sure)} {take} {what}, {_times(sure)}"] if sure else []
    if unsure:
        may = "may" if sure else f"may take {what}"
        said.append(f"{batch_sizes(unsure)} {may}, {_times(unsure)}")
    return ", ".join(said)


def _times(ratios: Mapping[int, Estimate]) -> str:
    return listed([f"× {numbers.estimate(ratios[b], numbers.fixed(2))}" for b in sorted(ratios)])


def _not_timed(group: Sequence[Values]) -> str:
    sizes = group[0]["sizes"]
    end = "end well enough, but have" if len(sizes) > 1 else "ends well enough, but has"
    here = "measure it (bsx sweep, or bsx probe with a larger --max)"
    if group[0].get("program"):
        here = "let the program report twice a run or more, and not all at once"
    return (
        f"{batch_sizes(sizes)} {end} no time to be compared by, as the speed was not measured "
        f"there; {remedied(group, here, 'give seconds at two points of a run or more')}"
    )


def _not_better_than_baseline(group: Sequence[Values]) -> str:
    first = group[0]
    value, baseline = (numbers.significant(float(first[key])) for key in ("value", "baseline"))
    how = "is worse than" if first.get("worse") else "is not shown to be better than"
    said = (
        f"test {clean(first['metric'])} {value} at the end {how} the {baseline} of the baseline "
        f"({clean(first['name'])}), which needs no model"
    )
    if first.get("likely"):
        command = more_seeds(first, SOME_SEEDS)
        said += f"; add seeds to be sure{f' ({command})' if command else ''}"
    else:
        said += "; train longer (--epochs), or try other learning rates or another --model"
    if first.get("unbalanced"):
        said += "; as most samples are of one class, --metric balanced-accuracy tells more"
    return said


WORDS: dict[str, Callable[[Sequence[Values]], str]] = {
    "rate_ends_worse": _rate_ends_worse,
    "taken_diverges": _taken_diverges,
    "cheaper_left_out": _cheaper_left_out,
    "not_timed": _not_timed,
    "not_better_than_baseline": _not_better_than_baseline,
}
