"""Which batch sizes fit in memory and how fast each runs, without training to convergence.

First the largest size that fits: sizes double until one does not, then the gap is halved until it
is closed, each attempt in a process of its own. Then speed: the sizes of the doubling and the
largest are timed as a sweep times them, in several rounds, so that what the machine does meanwhile
meets all sizes alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bsx import plan
from bsx.arithmetic import steps_per_epoch
from bsx.execute.base import Executor, UnitError
from bsx.schema import (
    CostModel,
    Facts,
    MemoryRecord,
    Probe,
    ProbedSize,
    RunStatus,
    SpeedRecord,
    SweepConfig,
    Unit,
    Watcher,
)
from bsx.stats.step_model import step_model
from bsx.stats.summaries import speed_summary

T = TypeVar("T")

ROUNDS = 3
_LONG = 6.0  # seconds: a size whose timing took longer is timed once; its draws are long as it is
_NOTHING = CostModel(0.0, 0.0)


@dataclass
class Prober:
    """One probe on its way.

    Raises:
        ConfigError: for a ``most`` that leaves nothing to try.
    """

    config: SweepConfig
    facts: Facts
    machine: Mapping[str, Any]
    executor: Executor
    watcher: Watcher
    limit_bytes: int | None
    limit_source: str
    most: int | None = None
    _tried: dict[int, MemoryRecord] = field(default_factory=dict)
    _rounds: dict[int, list[SpeedRecord]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._smallest, self._largest = plan.probe_range(self.facts, self.most)

    def run(self) -> Probe:
        """Find the largest size that fits, time those on the way there, and say what it means."""
        self._search()
        self._time()
        return self._found()

    # --- memory -------------------------------------------------------------------------------

    def _search(self) -> None:
        start = self._smallest
        while True:
            fits = {s: _fits(r) for s, r in self._tried.items() if s >= start}
            size = plan.next_size(fits, start, self._largest)
            if size is None:
                return
            record = self._tried[size] = self._attempt(size)
            if size == 1 and record.status is RunStatus.FAILED and self._largest > 1:
                start = 2  # models that squeeze their outputs cannot take one sample alone

    def _attempt(self, size: int) -> MemoryRecord:
        recipe = plan.probe_recipe(self.config, self.facts, size)
        unit = plan.memory_unit(recipe, self.facts, self.limit_bytes)
        try:
            return self._only_record(unit, f"memory at batch size {size:,}", MemoryRecord)
        except UnitError as error:
            # a process that the system ended was ended for want of memory: that is an outcome
            ended = error.out_of_memory or error.worth_retrying
            status = RunStatus.OUT_OF_MEMORY if ended else RunStatus.FAILED
            return MemoryRecord(size, status, error=error.reason)

    # --- speed --------------------------------------------------------------------------------

    def _time(self) -> None:
        fitting = [size for size, record in self._tried.items() if _fits(record)]
        doubled = plan.doubling(self._smallest, self._largest)
        sizes = sorted(s for s in fitting if s in doubled or s == max(fitting))
        for number in range(ROUNDS):
            for size in sizes if number % 2 == 0 else reversed(sizes):
                if number == 0 or self._is_quick(size):
                    self._measure(size)

    def _is_quick(self, size: int) -> bool:
        return sum(self._rounds[size][0].step_seconds) < _LONG if self._rounds.get(size) else False

    def _measure(self, size: int) -> None:
        recipe = plan.probe_recipe(self.config, self.facts, size)
        (unit,) = plan.speed_units(self.config, self.facts, [recipe], self.machine, _NOTHING)
        try:
            record = self._only_record(unit, f"speed at batch size {size:,}", SpeedRecord)
        except UnitError as error:
            self.watcher.announce(f"speed at batch size {size:,}: {error.reason}")
            return
        self._rounds.setdefault(size, []).append(record)

    def _only_record(self, unit: Unit, description: str, kind: type[T]) -> T:
        """Run a unit that gives one record.

        Raises:
            UnitError: where it failed.
        """
        self.watcher.started(1, unit.predicted_seconds)
        self.watcher.unit_started(unit.unit_id, description)
        found: list[T] = []
        try:
            for records in self.executor.run(unit, lambda *_: None):
                found += [record for record in records if isinstance(record, kind)]
        finally:
            self.watcher.unit_done(unit.unit_id, 0.0)
        return found[0]

    # --- what it means ------------------------------------------------------------------------

    def _found(self) -> Probe:
        rounds = {
            size: [record.step_seconds for record in records]
            for size, records in self._rounds.items()
        }
        model = step_model(rounds)
        sizes = [self._size(record) for _, record in sorted(self._tried.items())]
        return Probe(
            self.config,
            self.facts,
            self.machine,
            _with_shares(sizes),
            self.limit_bytes,
            self.limit_source,
            self._stopped_by(),
            model.knee,
            model.alpha,
            model.beta,
        )

    def _size(self, record: MemoryRecord) -> ProbedSize:
        size = record.batch_size
        timed = self._rounds.get(size, [])
        known = ProbedSize(size, _STATUS[record.status], record.peak_memory_bytes)
        if not timed:
            return replace(known, error=record.error)
        merged = replace(
            timed[-1],
            step_seconds=tuple(draw for one in timed for draw in one.step_seconds),
            peak_memory_bytes=max(one.peak_memory_bytes or 0 for one in timed) or None,
        )
        tail = plan.probe_recipe(self.config, self.facts, size).tail
        per_epoch = steps_per_epoch(self.facts.train_samples, size, tail)
        speed = speed_summary([merged], size, merged.loop, per_epoch)
        return replace(known, step_seconds=merged.step_seconds, speed=speed)

    def _stopped_by(self) -> str:
        failing = [s for s, r in self._tried.items() if not _fits(r) and s >= self._first_fitting()]
        if failing:
            failed = self._tried[min(failing)].status is RunStatus.FAILED
            return "failed" if failed else "memory"
        return "samples" if self._largest == self.facts.train_samples else "max"

    def _first_fitting(self) -> int:
        return min((size for size, record in self._tried.items() if _fits(record)), default=0)


_STATUS = {
    RunStatus.COMPLETED: "ok",
    RunStatus.OUT_OF_MEMORY: "out_of_memory",
    RunStatus.FAILED: "failed",
}


def _fits(record: MemoryRecord) -> bool:
    return record.status is RunStatus.COMPLETED


def _with_shares(sizes: Sequence[ProbedSize]) -> tuple[ProbedSize, ...]:
    """Say of each size how its throughput compares with the best."""
    rates = {
        s.batch_size: s.speed.samples_per_second.value
        for s in sizes
        if s.speed is not None and s.speed.samples_per_second.value is not None
    }
    best = max((rate for rate in rates.values() if rate is not None), default=None)
    if best is None:
        return tuple(sizes)
    return tuple(
        replace(s, share_of_best=rate / best) if (rate := rates.get(s.batch_size)) else s
        for s in sizes
    )
