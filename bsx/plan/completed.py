"""The rates after a completed round, worked out once: a plan is looked through after each round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from bsx.schema import Facts, RunRecord, SweepConfig
from bsx.tuning import Rates, next_rates

_ROUNDS_REMEMBERED = 12


@dataclass(frozen=True, eq=False)
class _Completed:
    """A completed round; the same one only where it is the very same objects.

    ``rates`` follow from ``done``, the records of all the runs that they ask for.
    """

    config: SweepConfig
    facts: Facts
    rates: Rates
    done: Sequence[RunRecord]
    widen: bool

    def __hash__(self) -> int:
        return hash((id(self.config), id(self.facts), len(self.done), self.widen))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Completed)
            and self.config is other.config
            and self.facts is other.facts
            and self.widen == other.widen
            and len(self.done) == len(other.done)
            and all(a is b for a, b in zip(self.done, other.done, strict=True))
        )


def rates_after(
    config: SweepConfig, facts: Facts, rates: Rates, done: Sequence[RunRecord], *, widen: bool
) -> Rates:
    """Return what :func:`bsx.tuning.next_rates` does."""
    return _after(_Completed(config, facts, rates, done, widen))


@lru_cache(maxsize=_ROUNDS_REMEMBERED)
def _after(of: _Completed) -> Rates:
    return next_rates(of.config, of.facts, of.rates, of.done, widen=of.widen)
