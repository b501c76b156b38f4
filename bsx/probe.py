"""Which batch sizes fit in memory and how fast each runs, without training to convergence.

First the largest size that fits: sizes double until one does not, then the gap is halved until it
is closed, each attempt in a process of its own. Then speed: the sizes of the doubling and the
largest are timed as a sweep times them, in several rounds, so that what the machine does meanwhile
meets all sizes alike. Several probes, the arms of ``--vary``, take these rounds together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bsx import plan
from bsx.arithmetic import steps_per_epoch
from bsx.execute.base import Executor, UnitError
from bsx.schema import (
    ComparedProbeSize,
    CostModel,
    Facts,
    MemoryRecord,
    Probe,
    ProbeComparison,
    ProbedSize,
    RunStatus,
    SpeedRecord,
    SweepConfig,
    Unit,
    Watcher,
)
from bsx.stats.speed_ratio import largest_ratio, peak_ratio, throughput_ratio
from bsx.stats.speeds import speed_summary
from bsx.stats.step_model import step_model

T = TypeVar("T")

ROUNDS = 3
ROUNDS_OF_ARMS = 5  # halve the intervals of their ratios: t/√n is 1.2 then, and 2.5 with three
_LONG = 6.0  # seconds: a size whose timing took longer is timed once; its draws are long as it is
_NOTHING = CostModel(0.0, 0.0)


def probed(probers: Sequence[Prober]) -> list[Probe]:
    """Find what fits of each, then time all of them side by side.

    Arms stand next to each other at each size, and every other round goes backwards: a machine that
    gets slower or faster meanwhile does so for all of them.
    """
    for prober in probers:
        prober.search()
    sizes = sorted({size for prober in probers for size in prober.to_time()})
    for number in range(ROUNDS if len(probers) == 1 else ROUNDS_OF_ARMS):
        way = 1 if number % 2 == 0 else -1
        for size in sizes[::way]:
            for prober in probers[::way]:
                prober.time(size, number)
    return [prober.found() for prober in probers]


@dataclass
class Prober:
    """One probe on its way; ``label`` sets it apart from others that take place beside it.

    Raises:
        ConfigError: for what cannot be trained, and a ``most`` that leaves nothing to try.
    """

    config: SweepConfig
    facts: Facts
    machine: Mapping[str, Any]
    executor: Executor
    watcher: Watcher
    limit_bytes: int | None
    limit_source: str
    most: int | None = None
    label: str = ""
    _tried: dict[int, MemoryRecord] = field(default_factory=dict)
    _rounds: dict[int, dict[int, SpeedRecord]] = field(default_factory=dict)  # size → round

    def __post_init__(self) -> None:
        self._smallest, self._largest = plan.probe_range(self.facts, self.most)
        plan.probe_recipe(self.config, self.facts, self._smallest)  # refused now, if at all

    def run(self) -> Probe:
        """Find the largest size that fits, time those on the way there, and say what it means."""
        return probed([self])[0]

    # --- memory -------------------------------------------------------------------------------

    def search(self) -> None:
        """Find the largest size that fits."""
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
            # where the system does not tell why it killed a process, memory is by far the likeliest
            ended = error.out_of_memory or error.killed
            status = RunStatus.OUT_OF_MEMORY if ended else RunStatus.FAILED
            return MemoryRecord(size, status, error=error.reason)

    # --- speed --------------------------------------------------------------------------------

    def to_time(self) -> set[int]:
        """Return the sizes that are timed: those of the doubling that fit, and the largest."""
        fitting = [size for size, record in self._tried.items() if _fits(record)]
        doubled = plan.doubling(self._smallest, self._largest)
        return {size for size in fitting if size in doubled or size == max(fitting)}

    def time(self, size: int, number: int) -> None:
        """Time one size in one round, if it is one to time and did not take long before."""
        if size in self.to_time() and (number == 0 or self._is_quick(size)):
            self._measure(size, number)

    def _is_quick(self, size: int) -> bool:
        before = self._rounds.get(size, {}).get(0)
        return before is not None and sum(before.step_seconds) < _LONG

    def _measure(self, size: int, number: int) -> None:
        recipe = plan.probe_recipe(self.config, self.facts, size)
        unit = plan.speed_unit(self.config, self.facts, recipe, self.machine, _NOTHING)
        try:
            record = self._only_record(unit, f"speed at batch size {size:,}", SpeedRecord)
        except UnitError as error:
            self.watcher.announce(self._named(f"speed at batch size {size:,}: {error.reason}"))
            return
        self._rounds.setdefault(size, {})[number] = record

    def _named(self, text: str) -> str:
        return f"{self.label}: {text}" if self.label else text

    def _only_record(self, unit: Unit, description: str, kind: type[T]) -> T:
        """Run a unit that gives one record.

        Raises:
            UnitError: where it failed.
        """
        self.watcher.started(1, unit.predicted_seconds)
        self.watcher.unit_started(unit.unit_id, self._named(description))
        found: list[T] = []
        try:
            for records in self.executor.run(unit, lambda *_: None):
                found += [record for record in records if isinstance(record, kind)]
        finally:
            self.watcher.unit_done(unit.unit_id, 0.0)
        return found[0]

    # --- what it means ------------------------------------------------------------------------

    def found(self) -> Probe:
        """Say what was found."""
        rounds = {
            size: [record.step_seconds for record in records.values()]
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
        by_round = self._rounds.get(size, {})
        timed = list(by_round.values())
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
        rounds = (by_round.get(number) for number in range(max(by_round) + 1))
        draws = tuple(record.step_seconds if record else () for record in rounds)
        return replace(known, rounds=draws, speed=speed)

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


def compared(arms: Sequence[tuple[str, Probe]]) -> list[ProbeComparison]:
    """Compare every further arm with the first, at the sizes that were timed in both.

    Args:
        arms: (what sets it apart, probe) pairs.
    """
    return [_compared(arms[0], arm) for arm in arms[1:]]


def _compared(first: tuple[str, Probe], second: tuple[str, Probe]) -> ProbeComparison:
    (label, one), (other_label, other) = first, second
    beside = {size.batch_size: size for size in other.timed}
    pairs = [(size, beside[size.batch_size]) for size in one.timed if size.batch_size in beside]
    return ProbeComparison(
        label,
        other_label,
        (one.largest, other.largest),
        largest_ratio(one.largest, one.stopped_by, other.largest, other.stopped_by),
        tuple(
            ComparedProbeSize(
                a.batch_size,
                (a.speed.samples_per_second, b.speed.samples_per_second),
                throughput_ratio(a.rounds, b.rounds),
                (a.peak_memory_bytes, b.peak_memory_bytes),
                peak_ratio(a.peak_memory_bytes, b.peak_memory_bytes),
            )
            for a, b in pairs
            if a.speed is not None and b.speed is not None
        ),
    )
