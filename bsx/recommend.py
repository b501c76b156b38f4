"""Summaries → the batch size to take, with the reason.

Quality first, by non-inferiority within the tolerance; then the cheapest to the target among
those admitted. Where the seeds are too few to show it of any size but the best, the sizes measured
within the tolerance are taken instead, and that is said: to insist on the best would make chance
choose. Only sizes that were really run are recommended. What is cheap depends on the objective;
the arithmetic of uncertainty is in ``bsx.stats``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bsx.schema import Caution, Estimate, Metric, Recommendation
from bsx.stats.costs import Ranked, rank
from bsx.stats.critical_batch import TradeOff
from bsx.stats.paired import Comparison, best_of, non_inferior


@dataclass(frozen=True)
class Candidate:
    """What is known of one batch size that was run.

    ``steps`` is None or without a value where the first target was not reached; where the batch
    grows it counts how many steps of ``batch_size`` take as long. ``log_steps`` are the seeds' own,
    ``quality`` their validation metric at the end; ``step_seconds`` is empty where the speed was
    not measured.
    """

    batch_size: int
    learning_rate: float | None
    steps: Estimate | None
    log_steps: Mapping[int, float]
    step_seconds: tuple[float, ...]
    quality: Mapping[int, float]

    @property
    def reached(self) -> bool:
        """Whether the target was reached often enough to say in how many steps."""
        return self.steps is not None and self.steps.value is not None


Answer = tuple[Recommendation | None, tuple[Caution, ...]]

# objective → the draws of the price of one step; empty where it is not known
OBJECTIVES: dict[str, Callable[[Candidate], tuple[float, ...]]] = {
    "time": lambda candidate: candidate.step_seconds,
    "steps": lambda candidate: (1.0,),
    "samples": lambda candidate: (float(candidate.batch_size),),
}


def recommend(
    candidates: Sequence[Candidate],
    tradeoff: TradeOff,
    metric: Metric,
    tolerance: float,
    objective: str = "time",
) -> Answer:
    """Choose a batch size for ``objective``, or None with a caution that says why not.

    ``tolerance`` is read as :meth:`bsx.schema.Metric.margin` says.

    Raises:
        ValueError: for an unknown objective.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"objective {objective}: known are {', '.join(OBJECTIVES)}")
    scores = {c.batch_size: c.quality for c in candidates if c.quality}
    best = best_of(scores, higher_is_better=metric.higher_is_better)
    if best is None:
        return None, (Caution("no_recommendation", {"reason": "no_quality"}),)
    mean = sum(scores[best].values()) / len(scores[best])
    allowed = metric.margin(tolerance, mean)
    compared = non_inferior(scores, higher_is_better=metric.higher_is_better, tolerance=allowed)
    cautions = _unsettled(compared, best, allowed)
    shown = not cautions
    admitted = [
        c
        for c in candidates
        if c.batch_size in compared and _good_enough(compared[c.batch_size], shown, allowed)
    ]
    reason = _obstacle(admitted, OBJECTIVES[objective])
    if reason is not None:
        return None, (*cautions, Caution("no_recommendation", {"reason": reason}))
    price = OBJECTIVES[objective]
    able = {c.batch_size: c for c in candidates if c.reached and price(c)}
    eligible = {c.batch_size for c in admitted}
    ranked = rank(
        {size: price(c) for size, c in able.items()},
        {size: c.steps for size, c in able.items() if c.steps is not None},
        {c.batch_size: c.log_steps for c in candidates if c.log_steps},
        tradeoff,
        eligible,
    )
    chosen = able[ranked[0].batch_size]
    return (
        Recommendation(
            chosen.batch_size,
            chosen.learning_rate,
            objective,
            tuple(sorted(r.batch_size for r in ranked[1:] if _indistinct(r, eligible))),
            _reason(ranked[0], best, admitted, allowed, metric, shown, len(candidates)),
            {r.batch_size: r.ratio for r in sorted(ranked, key=lambda r: r.batch_size)},
        ),
        cautions,
    )


def _good_enough(comparison: Comparison, shown: bool, allowed: float) -> bool:
    """Say whether a size's quality lets it in: shown to be within the tolerance, or measured so."""
    if shown or comparison.admitted:
        return comparison.admitted
    shortfall = comparison.shortfall.value
    return shortfall is not None and shortfall <= allowed


def _unsettled(
    compared: Mapping[int, Comparison], best: int, allowed: float
) -> tuple[Caution, ...]:
    """Say that none but the best could be shown to be good enough, and what would settle it."""
    others = [c for size, c in compared.items() if size != best]
    if not others or any(c.admitted for c in others):
        return ()
    needed = [c.seeds_needed for c in others if c.seeds_needed is not None]
    if not needed and all(
        c.shortfall.low is not None and c.shortfall.low > allowed for c in others
    ):
        return ()  # it is settled: the others are worse
    values = {
        "tolerance": allowed,
        "seeds": compared[best].shortfall.n,
        "seeds_needed": min(needed, default=None),
    }
    return (Caution("quality_not_settled", values),)


def _obstacle(
    admitted: Sequence[Candidate], price: Callable[[Candidate], tuple[float, ...]]
) -> str | None:
    """Return why nothing can be recommended; None where something can."""
    if not any(c.reached for c in admitted):
        return "target_not_reached"
    if not any(price(c) for c in admitted):
        return "no_speed"
    if not any(c.reached and price(c) for c in admitted):
        return "target_not_reached"
    return None


def _indistinct(ranked: Ranked, eligible: set[int]) -> bool:
    """Say whether a cost cannot be told from the winner's; without an interval nothing can."""
    if ranked.batch_size not in eligible:
        return False
    return ranked.ratio.low is None or ranked.ratio.low <= 1.0


def _reason(
    winner: Ranked,
    best: int,
    admitted: Sequence[Candidate],
    allowed: float,
    metric: Metric,
    shown: bool,
    sizes: int,
) -> Caution:
    values = {
        "metric": metric.name,
        "tolerance": allowed,
        "best": best,
        "admitted": tuple(sorted(c.batch_size for c in admitted)),
        "cost": winner.cost.value,
    }
    code = "fastest_admitted" if shown else "fastest_unsettled"
    if sizes == 1:
        code = "only_size"
    elif len(admitted) == 1:
        code = "only_best_admitted" if shown else "best_unsettled"
    return Caution(code, values, winner.batch_size)
