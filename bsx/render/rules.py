"""Whether a rule for the learning rate would have done as well as tuning, in words and tables."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.render import numbers, phrases
from bsx.render.grid import Column, Grid, drop
from bsx.schema import Analysis, AuditedRule, BatchSizeSummary, RuleBase

_NAMES = {"linear": "linear", "sqrt": "square-root"}
_VERDICTS = {
    "base": "starts here",
    "holds": "holds",
    "does_not_hold": "does not hold",
    "cannot_be_told": "not settled",
}
_WHY = {"outside": "not tried", "not_reached": "not reached"}
_READING = (
    "A rule holds where its rate is shown to need at most 20 % more iterations than the tuned one: "
    "the whole interval lies below × 1.2. It does not hold where the whole interval lies above "
    "× 1.2. Where × 1.2 lies inside the interval it is not settled; more seeds would narrow it. "
    "What the rule's rate needs is read between the two nearest that were tried, never beyond them."
)


def grids(analysis: Analysis) -> list[Grid]:
    """Return one table a rule; none where there was nothing to audit."""
    base, rows = analysis.rule_base, _audited(analysis)
    if base is None or not rows:
        return []
    return [_grid(analysis, base, rows, name) for name in rows[0].rules]


def sentences(analysis: Analysis, reading: bool = True) -> list[str]:
    """Say at which batch sizes each rule holds, and with ``reading`` what that means."""
    base, rows = analysis.rule_base, _audited(analysis)
    if base is None or not rows:
        return []
    found = [_sentence(base, rows, name) for name in rows[0].rules]
    return [*found, _READING] if reading else found


def hint(sizes: Sequence[BatchSizeSummary]) -> tuple[str, ...]:
    """Say where every rate is told, below a table of those that were chosen among several."""
    several = any(len(size.learning_rates) > 1 for size in sizes)
    return ("every learning rate that was tried: bsx show --rates",) if several else ()


def _audited(analysis: Analysis) -> list[BatchSizeSummary]:
    return [size for size in analysis.batch_sizes if size.rules]


def _grid(analysis: Analysis, base: RuleBase, rows: Sequence[BatchSizeSummary], name: str) -> Grid:
    found = [size.rules[name] for size in rows]
    tuned = [size.to_target[0].learning_rate for size in rows]
    nearest = [rule.nearest_learning_rate for rule in found]
    goal = phrases.goal(vars(analysis.targets[0]))
    columns = (
        Column("batch_size", "batch\nsize", tuple(numbers.count(s.batch_size) for s in rows)),
        Column("tuned", "tuned\nrate", _rates(tuned)),
        Column("rule", "the rule's\nrate", _rates([rule.learning_rate for rule in found])),
        Column("nearest", "nearest\ntried", _rates(nearest)),
        Column("ratio", "iterations,\nratio to tuned", _ratios(found)),
        Column("verdict", "", tuple(map(_verdict, found)), right=False),
    )
    return Grid(
        f"The {_NAMES.get(name, name)} rule from batch size {numbers.count(base.batch_size)} "
        f"against tuning, to {goal}",
        columns,
        drop("nearest", "tuned"),
    )


def _rates(rates: Sequence[float | None]) -> tuple[str, ...]:
    return numbers.aligned_at_point([numbers.learning_rate(rate) for rate in rates])


def _ratios(found: Sequence[AuditedRule]) -> tuple[str, ...]:
    times = numbers.fixed(2)
    texts = []
    for rule in found:
        ratio = rule.steps_ratio
        known = ratio is not None and (ratio.value is not None or ratio.low is not None)
        texts.append(f"× {numbers.estimate(ratio, times)}" if known else numbers.UNKNOWN)
    return tuple(texts)


def _verdict(rule: AuditedRule) -> str:
    text = _VERDICTS.get(rule.verdict, phrases.spelled(rule.verdict))
    why = _WHY.get(rule.reason or "")
    return f"{text}: {why}" if why else text


def _sentence(base: RuleBase, rows: Sequence[BatchSizeSummary], name: str) -> str:
    by_verdict: dict[str, list[int]] = {}
    for size in rows:
        by_verdict.setdefault(size.rules[name].verdict, []).append(size.batch_size)
    ways = {"holds": "holds", "does_not_hold": "does not hold", "cannot_be_told": "is not settled"}
    told = [
        f"{words} at {phrases.batch_sizes(by_verdict[verdict])}"
        for verdict, words in ways.items()
        if verdict in by_verdict
    ]
    return (
        f"The {_NAMES.get(name, name)} rule from batch size {numbers.count(base.batch_size)}, "
        f"learning rate {numbers.learning_rate(base.learning_rate)}, {phrases.listed(told)}."
    )
