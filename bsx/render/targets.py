"""What is said of targets: the trade-off of each, its regimes, and several targets side by side."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.render import next_run, numbers, phrases
from bsx.render.grid import Column, Grid, drop, shorten
from bsx.schema import Analysis, Caution, Estimate, TargetSummary, ToTarget

MOST_IN_FULL = 3  # targets with tables of their own; of a ladder only the first has them
FIRST = "→"
_VAGUE = 10  # an interval whose ends are so many times each other


def in_full(analysis: Analysis) -> int:
    """Return how many targets, from the first on, are shown with all that is known of them."""
    count = len(analysis.targets)
    return count if count <= MOST_IN_FULL else 1


# --- several targets --------------------------------------------------------------------------


def side_by_side(analysis: Analysis) -> tuple[Grid, ...]:
    """Set the critical batch size against the target, if there are several."""
    found = analysis.targets
    if len(found) < 2:
        return ()
    goals = [phrases.goal(vars(target)) for target in found]
    columns = (
        Column("target", "target", tuple(_marked(goals)), right=False),
        _whole("critical", "critical\nbatch size", [t.critical_batch_size for t in found]),
        _whole("twenty", "20 %\noverhead", [t.critical_batch_size_20 for t in found]),
        _whole("steps", "fewest\niterations", [t.min_steps for t in found]),
        _whole("samples", "fewest\nsamples", [t.min_samples for t in found]),
        Column(
            "verdict",
            "trade-off",
            tuple(next_run.short(t.verdict, t.departure) for t in found),
            right=False,
        ),
    )
    hint = "the tables of another: bsx show --target with that one alone"
    return (
        Grid(
            "Targets: the critical batch size against how far training goes",
            columns,
            shorten("samples", "twenty")
            + drop("twenty")
            + shorten("steps")
            + drop("samples", "steps")
            + shorten("critical")
            + drop("verdict"),
            notes=(f"{FIRST} the target that is recommended by, the first one asked for",),
            hints=(hint,) if in_full(analysis) < len(found) else (),
            marked=0,
        ),
    )


def cautions_in_full(analysis: Analysis) -> tuple[Caution, ...]:
    """Return the cautions, less those of targets that have no tables: a ladder has many."""
    shown = [(t.metric, t.threshold) for t in analysis.targets[: in_full(analysis)]]
    return tuple(
        caution
        for caution in analysis.cautions
        if "threshold" not in caution.values
        or (caution.values.get("metric"), caution.values["threshold"]) in shown
    )


def _marked(goals: Sequence[str]) -> list[str]:
    blank = " " * len(FIRST)
    return [f"{blank if number else FIRST} {goal}" for number, goal in enumerate(goals)]


def _whole(key: str, header: str, quantities: Sequence[Estimate | None]) -> Column:
    full = numbers.aligned(quantities, numbers.whole)
    brief = numbers.aligned(quantities, numbers.whole, intervals=False)
    return Column(key, header, full, None, brief)


def of_mean_curve(entries: Sequence[ToTarget | None]) -> Column:
    """Where the seeds' mean curve crosses, for those who do not trust first crossings."""
    found = [entry.mean_curve_steps if entry else None for entry in entries]
    return Column("mean", "iterations,\nmean curve", numbers.aligned(found, numbers.count))


# --- the trade-off of one ---------------------------------------------------------------------


def trade_off(target: TargetSummary) -> list[tuple[str, str]]:
    """Return what was fitted to a target as (name with definition, value) pairs, if anything."""
    pairs = [
        ("critical batch size, E_min/S_min", _value(target.critical_batch_size)),
        (_overhead(target), _value(target.critical_batch_size_20)),
        ("fewest iterations, S_min", _value(target.min_steps)),
        ("fewest samples, E_min", _value(target.min_samples)),
    ]
    if all(value == numbers.UNKNOWN for _, value in pairs):
        return []
    regimes = target.regimes
    if regimes is not None:
        within = numbers.percent(regimes.within, 0)
        pairs += [
            (f"perfect scaling within {within}, up to", _value(regimes.perfect_up_to)),
            (f"maximal parallelism within {within}, from", _value(regimes.maximal_from)),
        ]
    return pairs


def trade_off_grid(target: TargetSummary) -> Grid | None:
    """Return the same as a table, for where a list of pairs is out of place; None without any."""
    pairs = trade_off(target)
    if not pairs:
        return None
    told = (target.critical_batch_size, target.min_steps, target.min_samples)
    level = next((found.level for found in told if found is not None and found.level), None)
    within = "" if level is None else f" ({numbers.percent(level, 0)} interval)"
    names, values = zip(*pairs, strict=True)
    said = (trade_off_sentence(target), regimes_sentence(target))
    return Grid(
        f"Trade-off: iterations against samples, to {phrases.goal(vars(target))}",
        (
            Column("quantity", "quantity", names, right=False),
            Column("value", f"value{within}", values),
        ),
        notes=(" ".join(text for text in said if text),),
    )


def trade_off_sentence(target: TargetSummary) -> str:
    """Say what the critical batch size means here, or why there is none."""
    critical = target.critical_batch_size
    if critical is None or critical.value is None:
        why = next_run.reason(target.verdict, target.departure)
        return f"The critical batch size cannot be determined: {why}."
    size = numbers.whole(critical.value)
    at, below, known = f"batch size {size}", size, ""
    if vague(critical):
        at, below = "the critical batch size", "it"
        known = f" Where that is, is hardly known: {_anywhere(critical)}."
    meaning = (
        f"At {at} the target costs twice the fewest iterations and twice the fewest samples. Well "
        f"below {below}, doubling the batch size halves the iterations; well above it, doubling "
        f"saves hardly any.{known}"
    )
    if target.critical_batch_size_20 is not None and target.reference_batch_size is not None:
        meaning += (
            " The 20 % overhead version is the largest size that needs no more than 20 % more "
            "iterations than perfect scaling from batch size "
            f"{numbers.count(target.reference_batch_size)} would."
        )
    return meaning


def vague(critical: Estimate) -> bool:
    """Say whether the interval of a critical batch size leaves its order of magnitude open."""
    low, high = critical.low, critical.high
    return low is None or high is None or high > _VAGUE * low


def _anywhere(critical: Estimate) -> str:
    low, high = critical.low, critical.high
    if low is not None and high is not None:
        return f"anything from {numbers.whole(low)} to {numbers.whole(high)} agrees with the points"
    if low is not None:
        return f"anything from {numbers.whole(low)} on agrees with the points"
    if high is not None:
        return f"anything up to {numbers.whole(high)} agrees with the points"
    return "there is no interval"


def regimes_sentence(target: TargetSummary) -> str | None:
    """Say where scaling is perfect, where returns diminish, and where parallelism is at its most.

    None where that is not known.
    """
    regimes = target.regimes
    if regimes is None:
        return None
    within = numbers.percent(regimes.within, 0)
    smallest, largest = map(numbers.count, regimes.measured)
    perfect, maximal = regimes.perfect_up_to, regimes.maximal_from
    if perfect is None and maximal is None:
        return None
    if perfect and perfect.value is None and (perfect.low or 0.0) >= regimes.measured[1]:
        return (
            f"Scaling is perfect within {within} at all sizes measured, up to {largest}; returns "
            "begin to diminish beyond them."
        )
    if maximal and maximal.value is None and maximal.high == regimes.measured[0]:
        return (
            f"Iterations are within {within} of the fewest at all sizes measured, from {smallest} "
            "on; what scaling there is lies below them."
        )
    until = _until(perfect, within, regimes.measured[0])
    since = _since(maximal, within, regimes.measured[1])
    ends = None if perfect is None else _first(perfect.value, perfect.low, perfect.high)
    begins = None if maximal is None else _first(maximal.value, maximal.high, maximal.low)
    between = ends is not None and begins is not None and ends < begins
    return f"{until}. {since}." + (" In between returns diminish." if between else "")


def _first(*values: float | None) -> float | None:
    """Return the first that is known."""
    return next((value for value in values if value is not None), None)


def _until(boundary: Estimate | None, within: str, smallest: int) -> str:
    """Say up to which size scaling is perfect."""
    perfect = f"Scaling is perfect within {within}"
    if boundary is None:
        return f"{perfect} up to a batch size that is not known"
    if boundary.value is not None:
        return f"{perfect} up to batch size {_value(boundary)}"
    if boundary.low is not None and boundary.low < smallest:  # where nothing was measured
        return f"{perfect} up to a batch size that is not known"
    if boundary.low is not None:
        return f"{perfect} up to batch size {numbers.bound(boundary.low)} at least"
    if boundary.high is None or boundary.high <= smallest:
        least = numbers.count(smallest)
        return f"{perfect} at most below batch size {least}, the smallest measured"
    return f"{perfect} up to batch size {numbers.bound(boundary.high)} at most"


def _since(boundary: Estimate | None, within: str, largest: int) -> str:
    """Say from which size on iterations are nearly the fewest."""
    fewest = f"terations are within {within} of the fewest"
    if boundary is None:
        return f"From which batch size on i{fewest} is not known"
    if boundary.value is not None:
        return f"I{fewest} from batch size {_value(boundary)} on"
    if boundary.high is not None:
        return f"I{fewest} from batch size {numbers.bound(boundary.high)} on at the latest"
    if boundary.low is not None and boundary.low < largest:
        return f"I{fewest} from batch size {numbers.bound(boundary.low)} on at the earliest"
    return f"I{fewest} only beyond batch size {numbers.count(largest)}, the largest measured"


def _value(quantity: Estimate | None) -> str:
    return numbers.estimate(quantity, numbers.whole)


def _overhead(target: TargetSummary) -> str:
    reference = target.reference_batch_size
    size = "the smallest" if reference is None else numbers.count(reference)
    return f"critical batch size, 20 % overhead from {size}"
