"""Pairs of a batch size and its steps to a target → the trade-off between steps and samples.

As for curves the fastest rate is taken where several were tried, seeds are paired across sizes,
and what did not reach the target enters by likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bsx.schema import (
    Caution,
    Estimate,
    FittedSize,
    Pair,
    PairedSize,
    Pairs,
    Point,
    TargetSummary,
    ToTarget,
)
from bsx.stats.critical_batch import TradeOff
from bsx.stats.intervals import product_estimate, reciprocal
from bsx.stats.steps_to_target import Crossing
from bsx.stats.summaries import (
    TargetEvidence,
    evidence_of,
    give_back_optimism,
    to_target,
    tradeoff_of,
)
from bsx.stats.target_summary import fit_cautions, summarize_target

THE_TARGET = "the target"
_EFFICIENCY = "E_min / samples"
_NO_RATE = 1.0  # stands for the rate where none was told
_SCATTER_FROM = 4  # sizes: three points hardly scatter about a curve of two parameters

Evidence = Mapping[int, TargetEvidence]


def analyze_pairs(
    file: str,
    pairs: Sequence[Pair],
    reference_batch_size: int | None = None,
    train_samples: int | None = None,
) -> Pairs:
    """Fit the trade-off to every target.

    ``train_samples`` are told where epochs are wanted.
    """
    sizes = sorted({pair.batch_size for pair in pairs})
    names = list(dict.fromkeys(pair.target for pair in pairs))
    evidence = [_evidence([p for p in pairs if p.target == name]) for name in names]
    tradeoffs = [tradeoff_of(found, reference_batch_size) for found in evidence]
    rows = tuple(
        PairedSize(
            size,
            sum(pair.batch_size == size for pair in pairs),
            len({pair.seed for pair in pairs if pair.batch_size == size}),
            tuple(_to_target(found, size, pairs, train_samples) for found in evidence),
            tuple(_fitted(f.get(size), t, size) for f, t in zip(evidence, tradeoffs, strict=True)),
        )
        for size in sizes
    )
    targets = tuple(
        _summary(name, tradeoff, found, train_samples)
        for name, tradeoff, found in zip(names, tradeoffs, evidence, strict=True)
    )
    cautions = [
        caution
        for target, found in zip(targets, evidence, strict=True)
        for caution in _cautions(target, found)
    ]
    scatter = tuple(_scatter(f, t) for f, t in zip(evidence, tradeoffs, strict=True))
    return Pairs(file, train_samples, targets, scatter, rows, tuple(cautions))


def _evidence(pairs: Sequence[Pair]) -> dict[int, TargetEvidence]:
    """Return batch size → how it reaches the target, the optimism of the choices given back."""
    tables: dict[int, dict[Point, dict[int, Crossing]]] = {}
    for pair in pairs:
        rate = _NO_RATE if pair.learning_rate is None else pair.learning_rate
        # Published steps say nothing of how far apart the evaluations were.
        step = pair.steps if pair.reached else None
        crossing = Crossing(step, pair.steps, pair.steps)
        tables.setdefault(pair.batch_size, {}).setdefault(rate, {})[pair.seed] = crossing
    sizes = sorted(tables)
    found = give_back_optimism([evidence_of(tables[size]) for size in sizes])
    return dict(zip(sizes, found, strict=True))


def _to_target(
    evidence: Evidence, size: int, pairs: Sequence[Pair], train_samples: int | None
) -> ToTarget:
    if size not in evidence:
        return ToTarget(None, None, None, None, None, None, None, None)
    endless = math.ceil(max(pair.steps for pair in pairs)) + 1
    per_epoch = endless if train_samples is None else -(-train_samples // size)
    found = to_target(evidence[size], size, per_epoch, None)
    if train_samples is None:
        found = replace(found, epochs=None)
    if any(pair.learning_rate is not None for pair in pairs):
        return found
    return replace(found, learning_rate=None, learning_rate_at_edge=None, learning_rate_basin=None)


def _fitted(evidence: TargetEvidence | None, tradeoff: TradeOff, size: int) -> FittedSize:
    predicted = tradeoff.predict(size)
    steps = evidence.steps.value if evidence and evidence.steps else None
    value = predicted.value if predicted else None
    return FittedSize(
        predicted,
        None if steps is None or value is None else steps / value - 1,
        _efficiency(evidence, tradeoff, size),
    )


def _efficiency(evidence: TargetEvidence | None, tradeoff: TradeOff, size: int) -> Estimate | None:
    """Return the fewest samples as a share of those that the size takes, as measured.

    Of one measurement nobody knows the error: then the interval is that of the fewest samples.
    """
    least, steps = tradeoff.min_samples, evidence.steps if evidence else None
    if least is None or least.value is None or steps is None or not steps.value:
        return None
    taken = steps.scaled(size)
    if taken.low is None and taken.high is None:
        return replace(least.scaled(1 / steps.value / size), method=_EFFICIENCY)
    return product_estimate(least, reciprocal(taken), _EFFICIENCY)


def _scatter(evidence: Evidence, tradeoff: TradeOff) -> float | None:
    """Return the standard deviation about the curve of the sizes that always reached the target."""
    off = []
    for size, found in evidence.items():
        predicted, steps = tradeoff.predict(size), found.steps
        if predicted and predicted.value and steps and steps.value and found.reached_fraction == 1:
            off.append(math.log(steps.value / predicted.value))
    if len(off) < _SCATTER_FROM:
        return None
    return math.expm1(math.sqrt(sum(x * x for x in off) / (len(off) - 2)))


def _summary(
    name: str | None, tradeoff: TradeOff, evidence: Evidence, train_samples: int | None
) -> TargetSummary:
    metric = THE_TARGET if name is None else name
    return summarize_target(
        tradeoff,
        evidence,
        metric=metric,
        threshold=None,
        source="file",
        train_samples=train_samples,
    )


def _cautions(target: TargetSummary, evidence: Evidence) -> list[Caution]:
    where = {"metric": target.metric, "threshold": None}
    said: list[Caution] = []
    for size, found in evidence.items():
        share = found.reached_fraction
        if share is not None and share < 1:
            said.append(Caution("censored", {"reached_fraction": share, **where}, size))
    return [*said, *fit_cautions(target, where, evidence)]
