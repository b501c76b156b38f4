"""What is told of one target: the trade-off's headlines, the regimes, and what to run next."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bsx.schema import Caution, Estimate, TargetSummary
from bsx.stats.critical_batch import TradeOff
from bsx.stats.next_run import Evidence, next_run
from bsx.stats.regimes import regimes_of

_DRAWN = 49  # sizes at which the fitted curve is told: it looks smooth


def summarize_target(
    tradeoff: TradeOff,
    evidence: Evidence,
    *,
    metric: str,
    threshold: float | None,
    source: str,
    higher_is_better: bool = True,
    train_samples: int | None = None,
) -> TargetSummary:
    """Gather it.

    Args:
        tradeoff: the fit to the evidence.
        evidence: batch size → how it reaches the target, of the sizes that were run.
        metric: of the target.
        threshold: None where it was not told.
        source: who set it (user | auto | file).
        higher_is_better: of the metric.
        train_samples: no batch is larger; None where that is not known.
    """
    reached = [size for size, found in evidence.items() if found.log_steps]
    return TargetSummary(
        metric,
        threshold,
        source,
        tradeoff.critical_batch_size,
        tradeoff.critical_batch_size_20,
        tradeoff.min_steps,
        tradeoff.min_samples,
        tradeoff.reference_batch_size,
        tradeoff.verdict,
        higher_is_better=higher_is_better,
        fit_p_value=tradeoff.fit_p_value,
        departure=tradeoff.departure,
        regimes=regimes_of(tradeoff, min(reached), max(reached)) if reached else None,
        next_run=next_run(tradeoff, evidence, train_samples),
        curve=_curve(tradeoff, evidence),
    )


def _curve(tradeoff: TradeOff, sizes: Collection[int]) -> tuple[tuple[float, Estimate], ...]:
    """Return the steps by the fitted curve, at sizes evenly spaced in logarithm; () without one."""
    low, high = min(sizes, default=1), max(sizes, default=1)
    found = []
    for place in range(_DRAWN):
        size = low * math.exp(math.log(high / low) * place / (_DRAWN - 1))
        steps = tradeoff.predict(size)
        if steps is None:
            return ()
        found.append((size, steps))
    return tuple(found)


def fit_cautions(
    summary: TargetSummary,
    where: Mapping[str, Any],
    sizes: Collection[int],
    others: Sequence[TargetSummary] = (),
) -> list[Caution]:
    """Say what the fit of one target does not tell, and what to run next.

    Args:
        summary: the target with its fit.
        where: the target, as cautions name it.
        sizes: those of the sweep.
        others: all targets of the sweep; those that fit are named where this one does not.
    """
    smallest, largest = min(sizes), max(sizes)
    critical = summary.critical_batch_size
    values = {"departure": summary.departure, "next_run": dict(summary.next_run), **where}
    fitting = [
        {"metric": t.metric, "threshold": t.threshold, "higher_is_better": t.higher_is_better}
        for t in others
        if t is not summary and t.verdict == "fitted"
        if t.critical_batch_size and t.critical_batch_size.value
    ]
    if fitting:
        values["fits_at"] = fitting
    if critical is None or critical.value is None:
        return [Caution("no_critical_batch_size", {"reason": summary.verdict, **values})]
    said: list[Caution] = []
    if summary.verdict == "poor_fit":
        said.append(Caution("poor_fit", values))
    if critical.value > largest:
        beyond = {"value": critical.value, "largest": largest}
        said.append(Caution("critical_batch_size_beyond", {**beyond, **values}))
    elif summary.next_run and not said:
        ends = {"value": critical.value, "low": critical.low, "high": critical.high}
        said.append(Caution("critical_batch_size_vague", {**ends, **values}))
    reference = summary.reference_batch_size
    if reference is not None and not smallest <= reference <= largest:
        told = {"reference": reference, "smallest": smallest, "largest": largest, **where}
        said.append(Caution("reference_outside", told))
    return said
