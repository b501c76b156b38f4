"""What a recommendation chooses from: the sizes that were run, their quality, and their costs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from bsx.schema import Caution, Estimate, Metric, Recommendation, rate_of, tuned_of
from bsx.stats.candidates import Candidate
from bsx.stats.costs import Ranked, rank
from bsx.stats.critical_batch import TradeOff
from bsx.stats.paired import Comparison

# Peaks that are so close no measurement here tells apart: those of a process on the CPU hold the
# libraries, and vary by what the system happened to give.
SAME_MEMORY = 0.05
HOUR = 3600.0

Price = Callable[[Candidate], Estimate | None]


def seconds(candidate: Candidate) -> Estimate | None:
    """Return the seconds of one step."""
    return candidate.step_seconds


# what is counted to the target → the price of one step; None where it is not known
PRICES: dict[str, Price] = {
    "time": seconds,
    "cost": seconds,  # so much an hour: the same sizes are cheap
    "steps": lambda candidate: Estimate(1.0),
    "samples": lambda candidate: Estimate(float(candidate.batch_size)),
}


@dataclass(frozen=True)
class Case:
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
    grain: float = 0.0  # the step that the metric moves in; 0: not known

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
            {size: found for size, c in able.items() if (found := price(c)) is not None},
            {size: c.steps for size, c in able.items() if c.steps is not None},
            {c.batch_size: c.log_steps for c in self.candidates if c.log_steps},
            self.tradeoff,
            eligible,
            {c.batch_size: c.resolution for c in self.candidates},
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
        ranked = self.ranked(seconds, [chosen])
        return ranked[0].cost.scaled(self.price_per_hour / HOUR) if ranked else None
