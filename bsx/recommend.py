"""Summaries → the batch size to take, with the reason.

Quality first: the sizes that end within the tolerance of the best; then what is asked for: the
least to the target of time, steps, samples or cost, or the least memory. Where the seeds are too
few to show that a size ends so, it is taken by what is to be expected of it, and that is said: to
insist on what is shown would make chance choose. Whoever asks for quality itself gets
the best, or where no difference from it can be shown the one that takes the least time. Only sizes
that were really run are recommended; the arithmetic of uncertainty is in ``bsx.stats``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bsx.schema import AIMS, Caution, Estimate, Metric, Recommendation, rate_of, tuned_of
from bsx.stats.candidates import Candidate
from bsx.stats.costs import Ranked, rank
from bsx.stats.critical_batch import TradeOff
from bsx.stats.paired import Comparison, best_of, non_inferior

# Peaks that are so close no measurement here tells apart: those of a process on the CPU hold the
# libraries, and vary by what the system happened to give.
SAME_MEMORY = 0.05
_HOUR = 3600.0

Answer = tuple[Recommendation | None, tuple[Caution, ...]]
Price = Callable[[Candidate], tuple[float, ...]]


def _seconds(candidate: Candidate) -> tuple[float, ...]:
    return candidate.step_seconds


# what is counted to the target → the draws of the price of one step; empty where it is not known
PRICES: dict[str, Price] = {
    "time": _seconds,
    "cost": _seconds,  # so much an hour: the same sizes are cheap
    "steps": lambda candidate: (1.0,),
    "samples": lambda candidate: (float(candidate.batch_size),),
}


@dataclass(frozen=True)
class _Case:
    """What there is to choose from: the sizes, and how they compare in quality with the best."""

    candidates: tuple[Candidate, ...]
    tradeoff: TradeOff | None  # None: there is no target
    metric: Metric
    objective: str
    price_per_hour: float | None
    best: int
    allowed: float  # by which a size may end worse
    share: float | None  # of the best, that this is; None: of a metric from 0 to 1
    compared: Mapping[int, Comparison]

    @property
    def admitted(self) -> list[Candidate]:
        """The sizes whose quality is shown to be good enough, or is to be expected so."""
        return [c for c in self.candidates if self._good_enough(c.batch_size)]

    @property
    def alike(self) -> list[Candidate]:
        """The best size, and those within the tolerance that are not shown to be worse."""
        return [
            c
            for c in self.candidates
            if c.batch_size in self.compared
            and not self.compared[c.batch_size].differs
            and self.compared[c.batch_size].expected <= self.allowed
        ]

    @property
    def shown(self) -> tuple[int, ...]:
        """The sizes whose quality is shown to be good enough."""
        return tuple(sorted(size for size, found in self.compared.items() if found.shown))

    def is_worse(self, comparison: Comparison) -> bool:
        """Say whether a size is shown to end worse than is allowed."""
        low = comparison.shortfall.low
        return low is not None and low > self.allowed

    def passed_over(self, relative: Mapping[int, Estimate]) -> tuple[int, ...]:
        """The sizes shown to need less but to end worse than is allowed, the least first.

        A peak of memory has no interval: it is less where it is not alike.
        """
        by_memory = self.objective == "memory"
        less = {
            size: ratio.value
            for size, ratio in relative.items()
            if ratio.value is not None and size in self.compared
            if self.is_worse(self.compared[size])
            if (ratio.value * (1 + SAME_MEMORY) if by_memory else ratio.high or 1.0) < 1
        }
        return tuple(sorted(less, key=lambda size: less[size]))

    def ranked(self, price: Price, among: Collection[Candidate]) -> list[Ranked]:
        """Rank by what the target takes, the least of ``among`` first; empty without any known."""
        able = {c.batch_size: c for c in self.candidates if c.reached and price(c)}
        eligible = {c.batch_size for c in among}
        if self.tradeoff is None or able.keys().isdisjoint(eligible):
            return []
        return rank(
            {size: price(c) for size, c in able.items()},
            {size: c.steps for size, c in able.items() if c.steps is not None},
            {c.batch_size: c.log_steps for c in self.candidates if c.log_steps},
            self.tradeoff,
            eligible,
        )

    def obstacle(self, price: Price, among: Collection[Candidate]) -> str | None:
        """Return why nothing can be ranked; None where something can."""
        if self.tradeoff is None:
            return "no_target"
        if any(c.reached for c in among) and not any(price(c) for c in among):
            return "no_speed"
        if not any(c.reached and price(c) for c in among):
            return "target_not_reached"
        return None

    def said_values(self, relative: Mapping[int, Estimate]) -> dict[str, object]:
        """Return what the reasons say of quality, and of where times are from."""
        return {
            "passed_over": self.passed_over(relative),
            "metric": self.metric.name,
            "tolerance": self.allowed,
            "share": self.share,
            "best": self.best,
            "by_curve": self.tradeoff is not None and self.tradeoff.usable,
        }

    def answer(
        self,
        chosen: Candidate,
        indifferent: Collection[int],
        code: str,
        values: Mapping[str, object],
        relative: Mapping[int, Estimate],
    ) -> Recommendation:
        """Return the recommendation of one size."""
        by_quality = self.objective == "quality"
        rate = chosen.final_rate if by_quality else chosen.learning_rate
        code = "only_size" if len(self.candidates) == 1 else code
        return Recommendation(
            chosen.batch_size,
            None if rate is None else rate_of(rate),
            self.objective,
            tuple(sorted(set(indifferent) - {chosen.batch_size})),
            Caution(code, {**self.said_values(relative), **values}, chosen.batch_size),
            dict(sorted(relative.items())),
            self.price_per_hour,
            self._money(chosen),
            tuned_of(rate),
        )

    def _good_enough(self, batch_size: int) -> bool:
        found = self.compared.get(batch_size)
        if found is None or self.is_worse(found):  # whatever it is shrunk to
            return False
        return found.shown or found.expected <= self.allowed

    def _money(self, chosen: Candidate) -> Estimate | None:
        """Price the time to the target; None where it is not known, or steps do not say it."""
        counts_time = not chosen.grows or self.objective not in ("steps", "samples")
        if self.price_per_hour is None or not counts_time:
            return None
        ranked = self.ranked(_seconds, [chosen])
        return ranked[0].cost.scaled(self.price_per_hour / _HOUR) if ranked else None


def recommend(
    candidates: Sequence[Candidate],
    tradeoff: TradeOff | None,
    metric: Metric,
    tolerance: float,
    objective: str = "time",
    price_per_hour: float | None = None,
) -> Answer:
    """Choose a batch size for ``objective``, or None with a caution that says why not.

    Args:
        candidates: the sizes that were run.
        tradeoff: of the first target; None where there is none.
        metric: the one that quality is judged by.
        tolerance: how much worse a size may end, as :meth:`bsx.schema.Metric.margin` reads it.
        objective: of AIMS.
        price_per_hour: of training; needed for the objective ``cost``.

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
    compared = non_inferior(scores, higher_is_better=metric.higher_is_better, tolerance=allowed)
    case = _Case(
        tuple(candidates),
        tradeoff,
        metric,
        objective,
        price_per_hour,
        best,
        allowed,
        None if metric.bounded else metric.margin(tolerance, 1.0),
        compared,
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


def _least_to_target(case: _Case) -> Recommendation | str:
    """Take the admitted size that needs least to the target, or say what is missing."""
    admitted, price = case.admitted, PRICES[case.objective]
    missing = case.obstacle(price, admitted)
    if missing is not None:
        return missing
    ranked = case.ranked(price, admitted)
    chosen = next(c for c in admitted if c.batch_size == ranked[0].batch_size)
    eligible = {c.batch_size for c in admitted}
    cost = ranked[0].cost.value
    if case.objective == "cost" and cost is not None and case.price_per_hour is not None:
        cost *= case.price_per_hour / _HOUR
    return case.answer(
        chosen,
        [r.batch_size for r in ranked[1:] if _indistinct(r, eligible)],
        _code("fastest", case, chosen),
        {"admitted": tuple(sorted(eligible)), "shown": case.shown, "cost": cost},
        {r.batch_size: r.ratio for r in ranked},
    )


def _least_memory(case: _Case) -> Recommendation | str:
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
    ranked = case.ranked(_seconds, tied) if len(tied) > 1 else []
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


def _best_in_quality(case: _Case) -> Recommendation:
    """Take the size that ends best; of those not shown to end worse, the fastest."""
    alike = case.alike
    ranked = case.ranked(_seconds, alike) if len(alike) > 1 else []
    first = ranked[0].batch_size if ranked else case.best
    chosen = next(c for c in alike if c.batch_size == first)
    comparison = case.compared[first]
    values = {
        "alike": tuple(sorted(c.batch_size for c in alike)),
        "seconds": ranked[0].cost.value if ranked else None,
        "missing": None if ranked else case.obstacle(_seconds, alike),
        "seeds": comparison.shortfall.n,
        "seeds_needed": comparison.seeds_to_differ,
        "spread_known": comparison.shortfall.low is not None,
    }
    code = "quality_tied" if len(alike) > 1 else "best_quality"
    return case.answer(chosen, [c.batch_size for c in alike], code, values, {})


def _code(kind: str, case: _Case, chosen: Candidate) -> str:
    """Return the code of the reason: which sizes there were to choose from, and how surely."""
    if len(case.admitted) == 1:
        return "only_best_admitted"
    return f"{kind}_admitted" if case.compared[chosen.batch_size].shown else f"{kind}_unsettled"


def _nothing(reason: str, objective: str) -> Caution:
    asked = {} if objective == "time" else {"objective": objective}
    return Caution("no_recommendation", {"reason": reason, **asked})


def _unsettled(case: _Case, recommendation: Recommendation) -> tuple[Caution, ...]:
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
    }
    return (Caution("quality_not_settled", values, chosen),)


def _left_out(case: _Case, recommendation: Recommendation) -> tuple[Caution, ...]:
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


def _not_timed(case: _Case) -> tuple[Caution, ...]:
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
