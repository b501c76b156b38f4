"""Summaries → the batch size to take, with the reason.

Quality first: the sizes that end within the tolerance of the best; then what is asked for: the
least to the target of time, steps, samples or cost, or the least memory. Where the seeds are too
few to show that a size ends so, it is taken by what is to be expected of it, and that is said: to
insist on what is shown would make chance choose. Whoever asks for quality itself gets
the best, or where no difference from it can be shown the one that takes the least time. Only sizes
that were really run are recommended; the arithmetic of uncertainty is in ``bsx.stats``.
"""

from __future__ import annotations

from collections.abc import Sequence

from bsx.schema import AIMS, Caution, Estimate, Metric, Recommendation
from bsx.stats.candidates import Candidate
from bsx.stats.case import HOUR, PRICES, SAME_MEMORY, Case, seconds
from bsx.stats.costs import Ranked
from bsx.stats.critical_batch import TradeOff
from bsx.stats.departure import FORM
from bsx.stats.paired import best_of, non_inferior

# Times what is allowed that one sample makes, from which on the number of samples is to blame, too
_COARSE = 2.0

Answer = tuple[Recommendation | None, tuple[Caution, ...]]


def recommend(
    candidates: Sequence[Candidate],
    tradeoff: TradeOff | None,
    metric: Metric,
    tolerance: float,
    objective: str = "time",
    price_per_hour: float | None = None,
    grain: float = 0.0,
) -> Answer:
    """Choose a batch size for ``objective``, or None with a caution that says why not.

    Args:
        candidates: the sizes that were run.
        tradeoff: of the first target; None where there is none.
        metric: the one that quality is judged by.
        tolerance: how much worse a size may end, as :meth:`bsx.schema.Metric.margin` reads it.
        objective: of AIMS.
        price_per_hour: of training; needed for the objective ``cost``.
        grain: the step that the metric moves in, 1/n for a share of n samples; 0: not known.

    Raises:
        ValueError: for an unknown objective, or a cost without its price.
    """
    if objective not in AIMS:
        raise ValueError(f"objective {objective}: known are {', '.join(AIMS)}")
    if objective == "cost" and price_per_hour is None:
        raise ValueError("objective cost: it needs a price per hour")
    if tradeoff is None and objective in PRICES:
        return None, (_nothing("no_target", objective),)
    scores = {c.batch_size: c.quality for c in candidates if c.quality}
    best = best_of(scores, higher_is_better=metric.higher_is_better)
    if best is None:
        return None, (_nothing("no_quality", objective),)
    mean = sum(scores[best].values()) / len(scores[best])
    allowed = metric.margin(tolerance, mean)
    compared = non_inferior(
        scores, higher_is_better=metric.higher_is_better, tolerance=allowed, grain=grain
    )
    case = Case(
        tuple(candidates),
        tradeoff,
        metric,
        objective,
        price_per_hour,
        best,
        allowed,
        None if metric.is_share else metric.margin(tolerance, 1.0),
        compared,
        grain,
    )
    if objective == "quality":
        return _best_in_quality(case), ()
    found = _least_memory(case) if objective == "memory" else _least_to_target(case)
    if isinstance(found, str):
        return None, (_nothing(found, objective),)
    unsure = (_unsettled(case, found), _left_out(case, found))
    if found.batch_size == case.best:  # then what it costs to insist on it says more
        unsure = unsure[::-1]
    return found, (*(unsure[0] or unsure[1]), *_not_timed(case))


def _least_to_target(case: Case) -> Recommendation | str:
    """Take the admitted size that needs least to the target, or say what is missing."""
    admitted, price = case.admitted, PRICES[case.objective]
    missing = case.obstacle(price, admitted)
    if missing is not None:
        return missing
    ranked = case.ranked(price, admitted)
    eligible = {c.batch_size for c in admitted}
    level = _level(case, [r for r in ranked if r.batch_size in eligible])
    # Of as many iterations the fewest samples, and the other way round
    first = max(level) if case.objective == "samples" else min(level)
    chosen = next(c for c in admitted if c.batch_size == first)
    if first != ranked[0].batch_size:  # what the others cost is told against the one chosen
        ranked = case.ranked(price, [chosen])
    cost = ranked[0].cost.value
    if case.objective == "cost" and cost is not None and case.price_per_hour is not None:
        cost *= case.price_per_hour / HOUR
    return case.answer(
        chosen,
        [r.batch_size for r in ranked[1:] if _indistinct(r, eligible)],
        _code("fastest", case, chosen),
        {
            "admitted": tuple(sorted(eligible)),
            "shown": case.shown,
            "cost": cost,
            "level": tuple(sorted(level)),
        },
        {r.batch_size: r.ratio for r in ranked},
    )


def _level(case: Case, ranked: Sequence[Ranked]) -> list[int]:
    """Return the sizes that need the least: by the curve, as far as that can tell.

    It falls with the batch size whatever was measured, if by nothing that matters, so that the
    largest size would have the fewest iterations and the smallest the fewest samples. Times do not
    follow it alone.
    """
    least = ranked[0].batch_size
    if case.objective not in ("steps", "samples") or not (case.tradeoff and case.tradeoff.usable):
        return [least]
    return [r.batch_size for r in ranked if r.ratio.value and r.ratio.value <= 1 + FORM]


def _least_memory(case: Case) -> Recommendation | str:
    """Take the admitted size of the lowest peak; of peaks that are alike, the fastest size.

    Without times the smallest of them, which holds the least at once.
    """
    admitted = case.admitted
    peaks = {c.batch_size: c.peak_memory_bytes for c in case.candidates if c.peak_memory_bytes}
    known = [c for c in admitted if c.batch_size in peaks]
    if not known:
        return "no_memory"
    least = min(peaks[c.batch_size] for c in known)
    tied = [c for c in known if peaks[c.batch_size] <= least * (1 + SAME_MEMORY)]
    ranked = case.ranked(seconds, tied) if len(tied) > 1 else []
    first = ranked[0].batch_size if ranked else min(c.batch_size for c in tied)
    chosen = next(c for c in tied if c.batch_size == first)
    values = {
        "admitted": tuple(sorted(c.batch_size for c in admitted)),
        "shown": case.shown,
        "measured": len(known),
        "alike": tuple(sorted(c.batch_size for c in tied)),
        "peak": peaks[first],
        "within": SAME_MEMORY,
        "seconds": ranked[0].cost.value if ranked else None,
    }
    return case.answer(
        chosen,
        [c.batch_size for c in tied],
        _code("memory", case, chosen),
        values,
        {size: Estimate(peak / peaks[first], n=1) for size, peak in peaks.items()},
    )


def _best_in_quality(case: Case) -> Recommendation:
    """Take the size that ends best; of those not shown to end worse, the fastest."""
    alike = case.alike
    ranked = case.ranked(seconds, alike) if len(alike) > 1 else []
    first = ranked[0].batch_size if ranked else case.best
    chosen = next(c for c in alike if c.batch_size == first)
    comparison = case.compared[first]
    values = {
        "alike": tuple(sorted(c.batch_size for c in alike)),
        "seconds": ranked[0].cost.value if ranked else None,
        "missing": None if ranked else case.obstacle(seconds, alike),
        "seeds": comparison.shortfall.n,
        "seeds_needed": comparison.seeds_to_differ,
        "spread_known": comparison.shortfall.low is not None,
    }
    code = "quality_tied" if len(alike) > 1 else "best_quality"
    return case.answer(chosen, [c.batch_size for c in alike], code, values, {})


def _code(kind: str, case: Case, chosen: Candidate) -> str:
    """Return the code of the reason: which sizes there were to choose from, and how surely."""
    if len(case.admitted) == 1:
        return "only_best_admitted"
    return f"{kind}_admitted" if case.compared[chosen.batch_size].shown else f"{kind}_unsettled"


def _nothing(reason: str, objective: str) -> Caution:
    asked = {} if objective == "time" else {"objective": objective}
    return Caution("no_recommendation", {"reason": reason, **asked})


def _unsettled(case: Case, recommendation: Recommendation) -> tuple[Caution, ...]:
    """Say that the quality of the chosen size is not shown, and how many seeds would show it.

    Of the best nothing is to be shown; but where no other is left, others may be as good.
    """
    chosen = recommendation.batch_size
    mine = case.compared[chosen]
    others = [found for size, found in case.compared.items() if size != case.best]
    if chosen == case.best:
        if len(case.admitted) > 1 or all(case.is_worse(found) for found in others):
            return ()
    elif mine.shown:
        return ()
    values = {
        "tolerance": case.allowed,
        "seeds": mine.shortfall.n,
        "seeds_needed": mine.seeds_needed,
        "best": case.best,
        "is_best": chosen == case.best,
        **({"samples": round(1 / case.grain)} if case.grain > _COARSE * case.allowed else {}),
    }
    return (Caution("quality_not_settled", values, chosen),)


def _left_out(case: Case, recommendation: Recommendation) -> tuple[Caution, ...]:
    """Say which sizes need less and are left out for a quality that is not shown to be worse."""
    admitted = {c.batch_size for c in case.admitted}
    cheaper = {
        size: ratio
        for size, ratio in recommendation.relative_cost.items()
        if size not in admitted
        and size in case.compared
        and not case.is_worse(case.compared[size])
        and ratio.value is not None
        and ratio.value < 1
    }
    if not cheaper:
        return ()
    values = {
        "sizes": tuple(cheaper),
        "ratios": tuple(cheaper.values()),
        "objective": case.objective,
        "tolerance": case.allowed,
        "seeds": min(case.compared[size].shortfall.n for size in cheaper),
    }
    return (Caution("cheaper_left_out", values),)


def _not_timed(case: Case) -> tuple[Caution, ...]:
    """Say which sizes might take the least time, but have none to be compared by."""
    if case.objective not in ("time", "cost"):
        return ()
    without = [c.batch_size for c in case.admitted if c.reached and not c.step_seconds]
    return (Caution("not_timed", {"sizes": tuple(without)}),) if without else ()


def _indistinct(ranked: Ranked, eligible: set[int]) -> bool:
    """Say whether a cost cannot be told from the winner's; without an interval nothing can."""
    if ranked.batch_size not in eligible:
        return False
    return ranked.ratio.low is None or ranked.ratio.low <= 1.0
