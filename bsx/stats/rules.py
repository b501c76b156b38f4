"""Rules for the learning rate, audited: would they have done as well as tuning at each size?

A rule takes the rate tuned at one batch size to another: linear η·B/B₀ (Goyal et al. 2017), or
sqrt η·√(B/B₀) (Hoffer et al. 2017). What it would have needed there is read off the rates that
were tried, between two of them on the line through their log steps, seed by seed, and never beyond
them. Tuning is scored without optimism: each seed at the rate that the others choose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bsx.schema import AuditedRule, Estimate, RuleBase, rate_of
from bsx.stats.intervals import exponential
from bsx.stats.paired import paired_difference, rounding
from bsx.stats.ratios import without_error
from bsx.stats.selection import BASIN
from bsx.stats.steps_to_target import Crossing
from bsx.stats.summaries import TargetEvidence, mean_resolution

# rule → what it multiplies the rate by, of B/B₀
RULES: dict[str, Callable[[float], float]] = {"linear": float, "sqrt": math.sqrt}

_SAME = 0.01  # rates are one where they differ by less than this share
_METHOD = "paired t interval of logs, tuned rate by leave one seed out"

Audit = tuple[RuleBase | None, dict[int, dict[str, AuditedRule]]]


@dataclass(frozen=True)
class _Log:
    """The log of the steps to the target; ``bound``: of fewer than it took, or would have.

    ``of``: the crossing that it is read from, where it is not between two.
    """

    value: float
    bound: bool
    of: Crossing | None = None


def audit(evidence: Mapping[int, TargetEvidence], base: int | None = None) -> Audit:
    """Audit the rules at each batch size.

    Args:
        evidence: batch size → how it reaches the target.
        base: the size that the rules start from; the smallest that has reached the target if None.

    Returns:
        where the rules start, and batch size → rule → what it would have done; None and nothing
        where no size had several rates to choose from, or ``base`` did not reach the target.
    """
    tuned = {b: e for b, e in sorted(evidence.items()) if e.choice and len(e.tried) > 1}
    start = next(iter(tuned), None) if base is None else base
    if start is None or start not in tuned or len(tuned) < 2:
        return None, {}
    rate = _chosen(tuned[start])
    found = {
        size: {name: _audited(e, rate * factor(size / start)) for name, factor in RULES.items()}
        for size, e in tuned.items()
        if size != start
    }
    at_start = AuditedRule(rate, rate, None, "base")
    found[start] = dict.fromkeys(RULES, at_start)
    return RuleBase(start, rate), found


def _chosen(evidence: TargetEvidence) -> float:
    assert evidence.choice is not None
    return rate_of(evidence.choice.rate)


def _audited(evidence: TargetEvidence, rate: float) -> AuditedRule:
    at = {rate_of(point): row for point, row in evidence.tried.items()}
    tried = sorted(at)
    nearest = min(tried, key=lambda other: abs(math.log(other / rate)))
    if not tried[0] * (1 - _SAME) <= rate <= tried[-1] * (1 + _SAME):
        return AuditedRule(rate, nearest, None, "cannot_be_told", "outside")
    there, spacing = _log_steps(at, rate, tried, nearest)
    scored = evidence.left_out or evidence.crossings
    tuned = {seed: math.log(c.step) for seed, c in scored.items() if c.step is not None}
    shared = sorted(there.keys() & tuned.keys())
    late = any(there[seed].bound for seed in shared)
    others = [seed for seed in shared if there[seed].of is not scored[seed]]
    # The two are read off evaluations; a run against itself has no such error.
    error = rounding(spacing, mean_resolution(scored[seed] for seed in shared))
    found = paired_difference(
        {seed: there[seed].value for seed in shared},
        {seed: tuned[seed] for seed in shared},
        common=error * (len(others) / len(shared)) ** 2 if shared else 0.0,
    )
    ratio = _ratio(found if others or len(shared) < 2 else without_error(found), late)
    verdict, reason = _verdict(ratio, late)
    return AuditedRule(rate, nearest, ratio, verdict, reason)


def _log_steps(
    tried: Mapping[float, Mapping[int, Crossing]],
    rate: float,
    rates: Sequence[float],
    nearest: float,
) -> tuple[dict[int, _Log], float]:
    """Return seed → log steps at a rate between the smallest and the largest that was tried.

    Beside it the log spacing of the evaluations that they are read off.
    """
    if abs(math.log(rate / nearest)) <= _SAME:
        logs = {seed: _log(crossing) for seed, crossing in tried[nearest].items()}
        return logs, mean_resolution(tried[nearest].values())
    low = max(other for other in rates if other <= rate)
    high = min(other for other in rates if other > rate)
    share = math.log(rate / low) / math.log(high / low)
    found = {}
    for seed in tried[low].keys() & tried[high].keys():
        below, above = _log(tried[low][seed]), _log(tried[high][seed])
        value = (1 - share) * below.value + share * above.value
        found[seed] = _Log(value, below.bound or above.bound)
    spacings = mean_resolution(tried[low].values()), mean_resolution(tried[high].values())
    return found, math.hypot((1 - share) * spacings[0], share * spacings[1])


def _log(crossing: Crossing) -> _Log:
    """Of a run that did not arrive, how far it was looked at."""
    if crossing.step is None:
        return _Log(math.log(max(crossing.last, 1)), True, crossing)
    return _Log(math.log(crossing.step), False, crossing)


def _ratio(difference: Estimate | None, late: bool) -> Estimate | None:
    """Turn a difference of logs into a ratio; into a bound from below where some are bounds."""
    found = exponential(difference)
    if found is None:
        return None
    if late:
        return replace(found, value=None, high=None, method=_METHOD)
    return replace(found, method=_METHOD)


def _verdict(ratio: Estimate | None, late: bool) -> tuple[str, str | None]:
    """Say whether at most a fifth more steps are shown, or more than a fifth more."""
    if ratio is None:
        return "cannot_be_told", "no_seeds"
    if ratio.low is None:
        return "cannot_be_told", "few_seeds"
    if ratio.high is not None and ratio.high <= BASIN:
        return "holds", None
    if ratio.low > BASIN:
        return "does_not_hold", "not_reached" if late else None
    return "cannot_be_told", "not_reached" if late else "few_seeds"
