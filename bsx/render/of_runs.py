"""The sentences of what keeps a sweep from an answer; see ``sentences``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bsx.render import numbers
from bsx.render.phrases import Values, clean, goal, listed, longer, no_speed, remedied, spelled

_ENDINGS = {
    "failed": "failed",
    "timed_out": "took too long",
    "out_of_memory": "ran out of memory",
    "diverged": "diverged",
}
_LONGEST_ERROR = 110  # characters
_WHY = {
    "no_target": "no target was set or found",
    "no_quality": "no run was completed",
    "target_not_reached": "none that ends well enough reached the target",
    "no_memory": "no peak memory was measured",
}


def _no_recommendation(group: Sequence[Values]) -> str:
    reason, objective = group[0].get("reason"), group[0].get("objective")
    if reason == "no_run_completed":
        return f"no run completed, so no batch size can be recommended: {_ended(group[0])}"
    why = _WHY.get(str(reason), spelled(reason) if reason else "too little was measured")
    if reason == "no_speed":
        why = no_speed(group[0])
        if group[0].get("program"):
            why = (
                "no size that reaches the target has a time, by two reports of a run or more that "
                "do not come all at once; --objective steps does without"
            )
        elif group[0].get("elsewhere"):
            why = (
                "no size that reaches the target has a time, by seconds at two points of a run or "
                "more; --objective steps does without"
            )
        elif "timed" not in group[0]:
            why += "; the same command measures it, and --objective steps does without"
    by = f" by {'iterations' if objective == 'steps' else objective}" if objective else ""
    return f"no batch size can be recommended{by}: {why}"


def _blows_up(group: Sequence[Values]) -> str:
    first = group[0]
    blown, runs = (sum(int(values[key]) for values in group) for key in ("runs", "of"))
    name, worst = clean(first["metric"]), [v["worst"] for v in group if v["worst"] is not None]
    to = ""
    if worst:
        end = min(worst) if first["higher_is_better"] else max(worst)
        to = f", at validation {name} {numbers.significant(end, 3)} at worst"
    if worst and first["baseline"] is not None:
        to += f" against {numbers.significant(first['baseline'], 3)} of the baseline"
    remedy = remedied(group, "try lower learning rates (--learning-rate)", "lower rates may not")
    return (
        f"{numbers.count(blown)} of {numbers.count(runs)} runs at the learning rates chosen end "
        f"far worse than they began{to}: they blow up, and count as completed only because they "
        f"end before anything is infinite; {remedy}"
    )


def _not_run(group: Sequence[Values]) -> str:
    if group[0].get("given_up"):
        return (
            "not run, as every run of others failed, which the same command begins with again; "
            "give these alone to --batch-sizes"
        )
    return "not run; the same command goes on with what is missing"


def _ended(values: Values) -> str:
    """Say how the runs ended instead, and with which error first."""
    ended: Mapping[str, int] = values["ended"]
    runs = sum(ended.values())
    if not runs:
        return "none is finished yet; the same command goes on"
    counts = [
        f"{numbers.count(count)} {_ENDINGS.get(status, spelled(status))}"
        for status, count in ended.items()
    ]
    said = listed(counts)
    if len(counts) == 1 and runs > 1:
        said = f"all {said}"
    lines = str(values.get("error") or "").strip().splitlines()
    return f"{said}; first error: {_shortened(clean(lines[-1]))}" if lines else said


def _shortened(text: str) -> str:
    """Return the beginning; the rest is said with the batch size that it is about."""
    if len(text) <= _LONGEST_ERROR:
        return text
    begins = text[:_LONGEST_ERROR]
    clause = max(begins.rfind("; "), begins.rfind(": "))
    return begins[:clause] if clause > 0 else begins.rsplit(" ", 1)[0] + " …"


_FEW = 5  # evaluations of a run; a program of the user's decides how many there are


def _no_target(group: Sequence[Values]) -> str:
    metric = group[0].get("metric") or "the metric"
    why = f"no round {metric} is reached by most batch sizes"
    remedy = f"{longer(group, '--epochs')} or set --target"
    if group[0].get("at_once"):
        why = f"every round {metric} that most batch sizes reach held when first looked at"
        remedy = _other_target(metric, group[0].get("others") or ())
    elif 0 < (looked := int(group[0].get("evaluations") or 0)) < _FEW:
        why = f"runs have {looked} evaluations at most, too few to see a metric rise by"
        more = "let the program evaluate more often" if group[0].get("program") else (
            "train longer (--epochs, --steps) or look more often (a smaller --evaluation-spacing)"
        )  # fmt: skip
        remedy = f"{more}, or set --target"
    remedy = remedied(group, remedy, "give longer and closer curves or set --target")
    return (
        f"no target could be set: {why}, so nothing is said of iterations or time to it; {remedy}"
    )


def _other_target(metric: str, others: Sequence[str]) -> str:
    """Say how to set a target where all that are round are reached at once."""
    asked = [f"--target {name}=VALUE" for name in others if not name.startswith("top-")]
    if not asked:
        return f"set one that takes longer to reach, with --target {metric}=VALUE"
    where = " as with rare classes," if metric == "accuracy" else ""
    return (
        f"where {metric} is high from the start,{where} another metric may tell more: set "
        f"{listed(asked[:3], 'or')}; nothing is trained again for that"
    )


def _seeds_diverged(group: Sequence[Values]) -> str:
    counts = {(int(values["diverged"]), int(values["runs"])) for values in group}
    who = "some of the runs"
    if len(counts) == 1:
        who = "{:,} of the {:,} runs".format(*counts.pop())
    return (
        f"{who} at the learning rate fastest to {goal(group[0])} diverged, and what it takes is "
        "that of the others; a lower rate is safer"
    )


WORDS: dict[str, Callable[[Sequence[Values]], str]] = {
    "no_recommendation": _no_recommendation,
    "not_run": _not_run,
    "blows_up": _blows_up,
    "seeds_diverged": _seeds_diverged,
    "no_target": _no_target,
}
