"""The sentences of what keeps a sweep from an answer; see ``sentences``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bsx.render import numbers
from bsx.render.phrases import Values, clean, listed, spelled

_ENDINGS = {
    "failed": "failed",
    "timed_out": "took too long",
    "out_of_memory": "ran out of memory",
    "diverged": "diverged",
}
_WHY = {
    "no_target": "no target was set or found",
    "no_quality": "no run was completed",
    "target_not_reached": "none that ends well enough reached the target",
    "no_speed": "no speed was measured",
    "no_memory": "no peak memory was measured",
}


def _no_recommendation(group: Sequence[Values]) -> str:
    reason, objective = group[0].get("reason"), group[0].get("objective")
    if reason == "no_run_completed":
        return f"no run completed, so no batch size can be recommended: {_ended(group[0])}"
    why = _WHY.get(str(reason), spelled(reason) if reason else "too little was measured")
    by = f" by {'iterations' if objective == 'steps' else objective}" if objective else ""
    return f"no batch size can be recommended{by}: {why}"


def _ended(values: Values) -> str:
    """Say how the runs ended instead, and with which error first."""
    ended: Mapping[str, int] = values["ended"]
    runs = sum(ended.values())
    if not runs:
        return "none was started yet; the same command goes on"
    counts = [
        f"{numbers.count(count)} {_ENDINGS.get(status, spelled(status))}"
        for status, count in ended.items()
    ]
    said = listed(counts)
    if len(counts) == 1 and runs > 1:
        said = f"all {said}"
    lines = str(values.get("error") or "").strip().splitlines()
    return f"{said}; the first error is {clean(lines[-1])}" if lines else said


WORDS: dict[str, Callable[[Sequence[Values]], str]] = {"no_recommendation": _no_recommendation}
