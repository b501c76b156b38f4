"""Why the critical batch size is not known, or not well, and what to run next: in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bsx.render import numbers
from bsx.render.phrases import listed, spelled

# In which way the points leave the curve, as the reason of a poor fit
_DEPARTURES = {
    "rises": "iterations rise again at the largest batch sizes, which the trade-off does not allow",
    "never_falls": "iterations do not fall with the batch size at all, and rise at the largest "
    "sizes, which the trade-off does not allow",
    "falls_on": "iterations fall further at the largest batch sizes than the trade-off allows",
    "slow_fall": "iterations fall more slowly than in proportion already among the smallest batch "
    "sizes, and level off more gently than the trade-off does",
    "fast_fall": "iterations fall faster than in proportion, which is no matter of the batch size "
    "alone",
    "sharp_knee": "iterations go from perfect scaling to their floor more sharply than the "
    "trade-off does",
    "soft_knee": "iterations go from perfect scaling to their floor more slowly than the trade-off "
    "does",
    "flat_start": "among the smallest batch sizes a larger one saves fewer iterations than perfect "
    "scaling would",
    "steep_start": "the smallest batch sizes need more iterations than the trade-off allows",
    "uneven": "the iterations scatter about the trade-off's curve by more than the seeds explain",
}
_SHORT = {
    "rises": "rises at large sizes",
    "never_falls": "never falls",
    "falls_on": "falls on at large sizes",
    "slow_fall": "falls too slowly",
    "fast_fall": "falls too fast",
    "sharp_knee": "sharper knee",
    "soft_knee": "softer knee",
    "flat_start": "flat at small sizes",
    "steep_start": "steep at small sizes",
    "uneven": "uneven",
}
_VERDICTS = {
    "fitted": "fits",
    "no_plateau": "beyond the sizes",
    "no_scaling": "below the sizes",
    "too_scattered": "too scattered",
    "too_few_sizes": "too few sizes",
    "growing_batches": "batches grow",
}
_REASONS = {
    "no_plateau": "iterations still fall at the largest batch size with no floor in sight, so that "
    "it has a lower bound at most",
    "no_scaling": "a larger batch size saves hardly any iterations even at the smallest sizes, so "
    "that it has an upper bound at most",
    "too_scattered": "the points scatter so much about the curve that no size is excluded",
    "too_few_sizes": "a curve needs three batch sizes or more that reach the target",
    "too_few_seeds": "there are too few seeds for an interval",
    "no_target": "there is no target to reach",
    "growing_batches": "a run whose batch grows has no one size; it can where the rate decays "
    "instead (--decay rate)",
    "poor_fit": "the measured curve does not follow the trade-off's form",
}
# code → what to do, with bsx's own options, and where the runs are another program's
_STEPS: Mapping[str, tuple[str, str]] = {
    "larger_up_to": (
        "add larger sizes, up to {} (--batch-sizes)",
        "larger sizes up to {}",
    ),
    "smaller_down_to": (
        "add smaller sizes, down to {} (--batch-sizes)",
        "smaller sizes down to {}",
    ),
    "sizes_up_to": (
        "leave out the sizes above {} (--batch-sizes; nothing is trained again), or search their "
        "learning rates further",
        "only the sizes up to {}",
    ),
    "sizes_from": (
        "leave out the sizes below {} (--batch-sizes; nothing is trained again)",
        "only the sizes from {} on",
    ),
    "more_sizes": ("add {} more (--batch-sizes)", "{} more sizes"),
    "min_steps": ("train longer (--min-steps {})", "longer runs, such as of {} iterations,"),
    "seeds": ("take about {} seeds (--seeds)", "about {} seeds"),
    "look_at": (
        "try learning rates that lie closer together (--learning-rate), first of all at batch size "
        "{}, which is furthest off,",
        "another look at batch size {}, which is furthest off,",
    ),
    "easier_target": ("set an easier --target", "an easier target"),
    "harder_target": ("set a harder --target", "a harder target"),
}
_TYPED = frozenset({"min_steps"})  # stands behind its flag, where digits are not set off


def reason(verdict: object, departure: object = None) -> str:
    """Say why no critical batch size is told; what is unknown is spelled out."""
    code = str(verdict)
    if code == "poor_fit" and departure is not None:
        return _DEPARTURES.get(str(departure), spelled(departure))
    return _REASONS.get(code, spelled(verdict))


def short(verdict: str, departure: str | None) -> str:
    """Name a verdict in a cell of a table."""
    if verdict == "poor_fit":
        return _SHORT.get(departure or "", "poor fit")
    return _VERDICTS.get(verdict, spelled(verdict))


def what_next(steps: Mapping[str, Any], *, elsewhere: bool = False) -> str:
    """Say what to run next, with flags or for what was run ``elsewhere``; empty for nothing."""
    told = [
        _STEPS[code][int(elsewhere)].format(_number(value, typed=code in _TYPED and not elsewhere))
        for code, value in steps.items()
        if code in _STEPS
    ]
    told = [text.replace("1 more sizes", "1 more size") for text in told]
    if not told:
        return ""
    # Longer runs help only where the curve is still on its way, which nothing shows.
    verb = "may" if "min_steps" in steps else "would"
    said = listed(told, "or").replace(",,", ",")  # an aside ends with one of its own
    return f"{said} {verb} tell" if elsewhere else said.removesuffix(",")


def _number(value: Any, *, typed: bool) -> str:
    return numbers.count(value) if isinstance(value, int) and not typed else str(value)
