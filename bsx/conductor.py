"""Round by round: pending → execute → store → notify. Only here is the store written."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from bsx import engines, plan
from bsx.diagnostics import Diagnostics
from bsx.errors import Stopped
from bsx.execute.base import Executor, Requeued, UnitError
from bsx.outcomes import Outcomes, description, is_settled
from bsx.retries import Limits
from bsx.schema import (
    BranchUnit,
    CostModel,
    DiagnosticUnit,
    EndStates,
    Facts,
    Group,
    Recipe,
    Record,
    Report,
    RunRecord,
    SpeedUnit,
    SweepConfig,
    Unit,
    Watcher,
    side_by_side,
)
from bsx.states import FOLDER, States
from bsx.store import Store

_LATE = 1.05  # a unit is begun only where this much of its predicted time is left

Trained = Group | BranchUnit | DiagnosticUnit


class _Attempt(NamedTuple):
    unit: Unit
    number: int
    stored: int  # its number in the store
    began: float


class OutOfTime(Stopped):
    """The time given with ``--within`` is over."""


@dataclass
class Conductor:
    """One sweep on its way."""

    sweep_id: str
    config: SweepConfig
    facts: Facts
    recipes: tuple[Recipe, ...]
    machine: Mapping[str, Any]
    store: Store
    executor: Executor
    watcher: Watcher
    fresh: bool = False

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._cost = CostModel(1e-3, 1e-6)
        asked = (self.config, self.facts, self.recipes)
        self._diagnostics = Diagnostics(self.sweep_id, *asked, self.store, self.fresh)
        self._outcomes = Outcomes(
            self.sweep_id, self.store, self.watcher, self._diagnostics, self.fresh
        )
        self._begun = False
        self._skipped = False  # a unit, for want of time
        self._pace = 1.0  # measured over predicted seconds, of the units so far
        self._checkpoints = self.store.folder / "checkpoints" / self.sweep_id
        self._limits = Limits(self.config.accumulate, 2 if self.facts.has_batchnorm else 1)
        self._said_beyond = False
        self._going_on = 0  # runs of the coming round that begin where shorter ones ended
        kept, most = str(self.store.folder / FOLDER), self.config.states_bytes
        self._states = None if most is None else EndStates(kept, most, anew=self.fresh)

    def prepare(self) -> tuple[tuple[Group | BranchUnit, ...], float]:
        """Take up what is stored, and foretell the rest.

        Returns:
            the units of the coming round with their predicted times, and the predicted seconds of
            the speed measurements and the branches that are known to follow.

        Raises:
            Stopped: see :meth:`run`.
        """
        self.store.begin_sweep(self.sweep_id, self.config, self.facts, self.machine)
        try:
            return self._prepared()
        except BaseException:
            self.store.end_sweep(self.sweep_id, "stopped")
            raise

    def _prepared(self) -> tuple[tuple[Group | BranchUnit, ...], float]:
        self._outcomes.take_up(self.config, self.facts, self.recipes)
        self._limits.learn(self._outcomes.settled.values())
        if self._coming() is not None:
            self._cost = engines.measured(
                self.config, self.facts, self.recipes, self.machine, self.executor, self.fresh
            )
        coming = self._coming()
        speeds = sum(unit.predicted_seconds for unit in self._missing_speeds())
        if coming is None:
            return (), speeds
        if self._going_on:
            go = "1 run goes" if self._going_on == 1 else f"{self._going_on:,} runs go"
            self.watcher.announce(f"{go} on from where shorter ones ended.")
        return coming.groups, speeds + side_by_side(coming.later, self.facts.workers)

    def run(self) -> str:
        """Run what is missing of the sweep, after :meth:`prepare`.

        Returns:
            its status: complete, out_of_time or failed.

        Raises:
            Stopped: as the watcher or a signal raised it; everything measured is stored.
        """
        status = "stopped"
        try:
            status = self._rounds()
        finally:
            self.store.end_sweep(self.sweep_id, status)
        if status == "complete":
            shutil.rmtree(self._checkpoints, ignore_errors=True)
            self._tell_of_states()
        return status

    def _tell_of_states(self) -> None:
        """Say what is kept for longer runs, where something was trained and there is any."""
        of_ours = self._states is not None and self._begun and self.config.command is None
        if of_ours and self._states and (taken := States(self._states).bytes()):
            taken, most = (max(1, round(n / 1e6)) for n in (taken, self._states.most_bytes))
            where = f"{self._states.folder} ({taken:,} of {most:,} MB)"
            on = "with more --epochs or --steps they go on from there."
            self.watcher.announce(f"Where these runs end is kept in {where}: {on}")

    def _rounds(self) -> str:
        speeds = self._missing_speeds()
        now: Sequence[SpeedUnit] = [unit for unit in speeds if not unit.is_again]
        again: Sequence[Unit] = [unit for unit in speeds if unit.is_again]
        if speeds:
            alone = sum(unit.predicted_seconds for unit in speeds)
            self.watcher.started(len(speeds), alone)
        while True:
            self._outcomes.take_up(
                self.config, self.facts, self.recipes
            )  # of this round, too, some may be stored
            coming = self._coming()
            groups = coming.groups if coming else self._to_be_observed()
            units: Sequence[Unit] = plan.in_order(self.config, self.facts, groups, now)
            if not units:  # what is timed again is timed last of all, as far from before as can be
                units, again = again, ()
            if not units:
                return "failed" if self._outcomes.any_failed else "complete"
            if groups:
                self.watcher.started(len(groups), side_by_side(groups, self.facts.workers))
            if not self._work_off(units):
                return "failed"
            if self._skipped:
                return "out_of_time"
            now = ()

    def _work_off(self, units: Sequence[Unit]) -> bool:
        """Run units side by side, as many as there are slots; False where that is hopeless."""
        waiting = deque(units)
        running: dict[str, _Attempt] = {}
        try:
            while waiting or running:
                while waiting and self._fits(waiting[0], running):
                    if self._is_hopeless():
                        line = "Every run of the program has failed; nothing more is tried"
                        self.watcher.announce(line)
                        return False
                    unit = self._next(waiting)
                    if unit is not None and self._has_time_for(unit):
                        self._start(unit, running)
                if running:
                    waiting.extendleft(reversed(self._hear(running)))
        except OutOfTime:
            left = (*waiting, *(attempt.unit for attempt in running.values()))
            self._skipped = self._skipped or not all(map(_is_again, left))
        finally:
            for unit, records in self.executor.stop():
                self._keep(unit, records)
            for attempt in running.values():
                self.store.end_attempt(attempt.stored, "stopped")
        return True

    def _next(self, waiting: deque[Unit]) -> Unit | None:
        """Take the next unit, as much of it as may fit into memory; None where nothing can."""
        unit, *others = self._limits.fitting(waiting.popleft())
        if others:
            self.watcher.started(len(others), 0.0)
            waiting.extendleft(reversed(others))
        if not self._limits.is_beyond(unit):
            return unit
        size = f"batch size {self._limits.full_at:,}"
        if not self._said_beyond:
            self._said_beyond = True
            self.watcher.announce(f"Larger batch sizes are not tried: {size} ran out of memory")
        reason = f"not tried: {size} had run out of memory"
        self._outcomes.fail(unit, UnitError(reason, out_of_memory=True))
        self.watcher.unit_done(unit.unit_id, 0.0)
        return None

    def _fits(self, unit: Unit, running: Mapping[str, _Attempt]) -> bool:
        """Whether ``unit`` may begin now: what is timed has the machine to itself."""
        if isinstance(unit, SpeedUnit) or any(
            isinstance(a.unit, SpeedUnit) for a in running.values()
        ):
            return not running
        return len(running) < self.facts.workers

    def _coming(self) -> plan.Round | None:
        known = self._outcomes.known
        coming = plan.next_round(self.config, self.facts, self.recipes, known, self._cost)
        if coming is None or self._states is None:
            return coming
        groups, self._going_on = States(self._states).shortened(coming.groups)
        return replace(coming, groups=tuple(groups))

    def _missing_speeds(self) -> tuple[SpeedUnit, ...]:
        units = plan.speed_units(self.config, self.facts, self.recipes, self.machine, self._cost)
        stored = [] if self.fresh else self.store.speeds_by_id(u.unit_id for u in units)
        done = {record.unit_id for record in stored if is_settled(record, self.config)}
        self.store.adopt(self.sweep_id, [], done)
        return tuple(unit for unit in units if unit.unit_id not in done)

    def _to_be_observed(self) -> tuple[DiagnosticUnit, ...]:
        units = self._diagnostics.missing(self._outcomes.settled, self._cost)
        if units:
            again = "1 run is" if len(units) == 1 else f"{len(units)} runs are"
            self.watcher.announce(f"{again} trained once more, to measure on the way.")
        return units

    def _has_time_for(self, unit: Unit) -> bool:
        # The first unit is begun in any case: nobody is helped by a forecast alone.
        if self._begun and self._left() < unit.predicted_seconds * self._pace * _LATE:
            self._skipped = self._skipped or not _is_again(unit)
            return False
        self._begun = True
        return True

    def _start(self, unit: Unit, running: dict[str, _Attempt], number: int = 1) -> None:
        if number == 1:
            self.watcher.unit_started(unit.unit_id, description(unit))
        stored = self.store.begin_attempt(unit.unit_id, unit.kind)
        running[unit.unit_id] = _Attempt(unit, number, stored, time.monotonic())
        if isinstance(unit, Group):
            unit = replace(unit, states=self._states)
        if isinstance(unit, Trained):
            unit = replace(unit, checkpoints=str(self._checkpoints))
        self.executor.start(unit, self._report(unit))

    def _hear(self, running: dict[str, _Attempt]) -> tuple[Unit, ...]:
        """Take in what the next unit tells that has something to tell; return what is to follow."""
        unit, told = self.executor.wait()
        attempt = running[unit.unit_id]
        if isinstance(told, Requeued):
            self.store.end_attempt(attempt.stored, "requeued", told.reason)
            self.watcher.announce(f"{description(unit)}: {told.reason}; it goes on by itself")
            stored = self.store.begin_attempt(unit.unit_id, unit.kind)
            running[unit.unit_id] = attempt._replace(stored=stored)
            return ()
        if told is not None and not isinstance(told, UnitError):
            self._keep(unit, told)
            return ()
        del running[unit.unit_id]
        seconds = time.monotonic() - attempt.began
        if told is None:
            self.store.end_attempt(attempt.stored, "done")
        elif tries := self._failed(attempt, told):
            if tries[0].unit_id == unit.unit_id:
                self._start(tries[0], running, attempt.number + 1)
                return ()
            self.watcher.started(len(tries), 0.0)
            self.watcher.unit_done(unit.unit_id, seconds)
            return tries
        self.watcher.unit_done(unit.unit_id, seconds)
        if isinstance(unit, Group | BranchUnit) and unit.predicted_seconds > 0:
            self._pace += 0.3 * (seconds / unit.predicted_seconds - self._pace)
        return ()

    def _keep(self, unit: Unit, records: Sequence[Record]) -> None:
        self._outcomes.keep(unit, records)
        self._limits.learn(record for record in records if isinstance(record, RunRecord))

    def _failed(self, attempt: _Attempt, error: UnitError) -> tuple[Unit, ...]:
        """Put down that an attempt failed; return what is tried instead."""
        outcome = "out_of_memory" if error.out_of_memory else "failed"
        self.store.end_attempt(attempt.stored, outcome, error.detail or error.reason)
        unit = self._left_of(attempt.unit)
        tries = self._limits.after(unit, error, attempt.number)
        again = f"; trying again{self._limits.how(unit, tries)}" if tries else ""
        self.watcher.announce(f"{description(unit)}: {error.reason}{again}")
        if not tries:
            self._outcomes.fail(unit, error)
            full = error.out_of_memory and isinstance(unit, Group | SpeedUnit)
            if full and not _is_again(unit):  # then it did fit before
                self._limits.is_full_at(unit.recipe.batch_size)
        return tries

    def _left_of(self, unit: Unit) -> Unit:
        """The unit without what it told of before it failed: that is stored."""
        if isinstance(unit, BranchUnit | Group):
            return unit.without(self._outcomes.settled)
        return unit

    def _is_hopeless(self) -> bool:
        """Whether the user's program has failed throughout, at more than one batch size."""
        sizes = {record.run.recipe.batch_size for record in self._outcomes.given_up.values()}
        return self.config.command is not None and not self._outcomes.settled and len(sizes) > 1

    def _report(self, unit: Unit) -> Report:
        def report(fraction: float, best: float | None) -> None:
            self.watcher.unit_progress(unit.unit_id, fraction, best)
            if self._left() <= 0:
                raise OutOfTime("the time given with --within is over")

        return report

    def _left(self) -> float:
        """The seconds left of the time for the whole sweep."""
        within = self.config.within_seconds
        return float("inf") if within is None else within - (time.monotonic() - self._began)


def _is_again(unit: Unit) -> bool:
    """Say whether the unit times again what was timed: without it a sweep has all its results."""
    return isinstance(unit, SpeedUnit) and unit.is_again
