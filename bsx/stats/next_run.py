"""What to run next, where the critical batch size cannot be determined, or only vaguely.

Codes with values, worded by the renderer:

``larger_up_to``, ``smaller_down_to``: batch sizes to add, as far as there; ``sizes_up_to``,
``sizes_from``: leave out those above, or below; ``more_sizes``: so many more that reach the target;
``min_steps``: train so long at least; ``seeds``: so many; ``look_at``: the size that is furthest
off the curve; ``easier_target``, ``harder_target``: true.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bsx.stats.critical_batch import MIN_SIZES, TradeOff
from bsx.stats.summaries import TargetEvidence

WIDE = 10.0  # an interval whose ends are so many times each other is vague
_WANTED = 4.0  # what is narrow enough
_MOST_SEEDS = 100
_SOME_SEEDS = 5  # by which one sees at all how far runs scatter
_FLAT = 0.9  # of the steps of the smallest size: no fewer
_BEYOND = 4  # times B_crit's bound: a plateau shows from there on

Evidence = Mapping[int, TargetEvidence]


def next_run(
    tradeoff: TradeOff, evidence: Evidence, train_samples: int | None = None
) -> dict[str, Any]:
    """Return what would tell more; empty where nothing is missing.

    Args:
        tradeoff: the fit to the evidence.
        evidence: batch size → how it reaches the target, of the sizes that were run.
        train_samples: no batch is larger; None where that is not known.
    """
    verdict = tradeoff.verdict
    if not evidence or verdict == "growing_batches":
        return {}
    if verdict == "too_few_sizes":
        return _too_few(evidence)
    if verdict == "no_plateau":
        return _larger(tradeoff, evidence, train_samples)
    if verdict == "no_scaling":
        return _smaller(evidence)
    if verdict == "too_scattered":
        return {"seeds": max(_SOME_SEEDS, 2 * tradeoff.seeds)}
    if verdict == "poor_fit":
        return _about(tradeoff, evidence, train_samples)
    return _narrower(tradeoff, evidence, train_samples)


def _too_few(evidence: Evidence) -> dict[str, Any]:
    if len(evidence) < MIN_SIZES:
        return {"more_sizes": MIN_SIZES - sum(bool(e.log_steps) for e in evidence.values())}
    lasts = [c.last for e in evidence.values() for c in e.crossings.values()]
    return {"min_steps": 2 * math.ceil(max(lasts, default=1)), "easier_target": True}


def _larger(tradeoff: TradeOff, evidence: Evidence, train_samples: int | None) -> dict[str, Any]:
    largest = max(evidence)
    critical = tradeoff.critical_batch_size
    bound = critical.low if critical is not None and critical.low is not None else 0.0
    wanted = _power_of_two(_BEYOND * max(bound, largest))
    most = wanted if train_samples is None else min(wanted, train_samples)
    # A critical batch size grows during training: an easier target has a smaller one.
    return {"larger_up_to": most} if most > largest else {"easier_target": True}


def _smaller(evidence: Evidence) -> dict[str, Any]:
    smallest = min(evidence)
    if smallest == 1:
        return {"harder_target": True}
    return {"smaller_down_to": max(1, _power_of_two(smallest) // 8), "harder_target": True}


def _about(tradeoff: TradeOff, evidence: Evidence, train_samples: int | None) -> dict[str, Any]:
    """Return what to do about points that lie on no hyperbola."""
    steps = {b: e.steps.value for b, e in evidence.items() if e.steps and e.steps.value}
    off = {b: abs(math.log(s / p)) for b, s in steps.items() if (p := _predicted(tradeoff, b))}
    if tradeoff.departure in ("rises", "never_falls") and steps:
        fewest = min(steps, key=lambda b: steps[b])
        below = sum(size <= fewest for size in steps)
        return {"sizes_up_to": fewest} if below >= MIN_SIZES else _smaller(evidence)
    if tradeoff.departure == "flat_start":
        flat = [b for b, taken in steps.items() if taken >= _FLAT * steps[min(steps)]]
        return {"sizes_from": max(flat)}
    if tradeoff.departure == "slow_fall":
        return _larger(tradeoff, evidence, train_samples) | _smaller(evidence)
    if tradeoff.beyond:
        return {"look_at": tradeoff.beyond[0]}
    return {"look_at": max(off, key=lambda b: off[b])} if off else {}


def _narrower(tradeoff: TradeOff, evidence: Evidence, train_samples: int | None) -> dict[str, Any]:
    """Return what would narrow the interval of a critical batch size, where it is vague."""
    critical = tradeoff.critical_batch_size
    if critical is None:
        return {}
    if critical.high is None:
        return _larger(tradeoff, evidence, train_samples)
    if critical.low is None:
        return _smaller(evidence)
    ratio = critical.high / critical.low
    if ratio <= WIDE:
        return {}
    # The interval narrows with the root of the seeds.
    needed = math.ceil(critical.n * (math.log(ratio) / math.log(_WANTED)) ** 2)
    return {"seeds": min(needed, _MOST_SEEDS)}


def _predicted(tradeoff: TradeOff, batch_size: int) -> float | None:
    estimate = tradeoff.predict(batch_size)
    return estimate.value if estimate else None


def _power_of_two(number: float) -> int:
    """Return the smallest power of two that is not below ``number``."""
    return 1 << max(0, math.ceil(math.log2(number)))
