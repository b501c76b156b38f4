"""The runs of a group one after another, rung by rung; those clearly behind are not trained on.

Between rungs a run is held where it paused. Each goes the way that it would go alone, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bsx.errors import Stopped
from bsx.schema import CurvePoint, Group, Record, Report, Run, RunRecord
from bsx.train.halving import dominated, rungs
from bsx.train.keeper import Keeper, State, generators, set_generators
from bsx.train.session import Clock, Session, run_record

# A run under way: at each rung it gives its curve so far and its state, at the end its record.
Course = Generator[tuple[Sequence[CurvePoint], State], None, RunRecord]
Begin = Callable[[Run, Report, Sequence[int]], tuple[Keeper, Clock, Course]]


def rung_by_rung(
    session: Session, group: Group, report: Report, begin: Begin
) -> Iterator[tuple[Record, ...]]:
    """Train the runs of the group and yield all records at once: what is dropped hangs on all.

    ``begin`` makes a run ready, with what it reports to and the rungs at which it pauses.
    """
    stops = rungs(session.evaluate_at, session.steps)
    fractions = [0.0] * len(group.members)

    def report_of(number: int) -> Report:
        def report_run(fraction: float, best: float | None) -> None:
            fractions[number] = fraction
            report(sum(fractions) / len(fractions), best)

        return report_run

    held = [_Held(run, *begin(run, report_of(n), stops)) for n, run in enumerate(group.runs)]
    try:
        for rung in (*stops, session.steps):
            for one in held:
                one.advance(rung)
            curves = {n: one.up_to(rung) for n, one in enumerate(held) if one.is_at(rung)}
            if rung in stops:
                for number in dominated(
                    group.members, curves, rung, session.steps, session.quality[:2]
                ):
                    held[number].drop(session, rung)
                    fractions[number] = 1.0
    except Stopped:
        for one in held:
            one.keep()
        raise
    notices = [notice for one in held for notice in one.keeper.notices]
    yield (*notices, *(one.record for one in held if one.record is not None))
    for one in held:
        one.keeper.done()


@dataclass
class _Held:
    """A run that waits at a rung, or has ended."""

    run: Run
    keeper: Keeper
    clock: Clock
    course: Course
    curve: Sequence[CurvePoint] = ()
    record: RunRecord | None = None
    _state: State | None = None  # tells, whenever it is asked, how far the run is
    _generators: Mapping[str, Any] = field(default_factory=dict)  # of random numbers, where it is
    _waits: bool = False

    def advance(self, rung: int) -> None:
        """Go on to the rung, unless it was further already when it was taken up."""
        if self.record is not None or (self.curve and self.curve[-1].step >= rung):
            return
        if self._generators:
            set_generators(self._generators)
        self._waits = False
        try:
            self.curve, self._state = next(self.course)
        except StopIteration as ended:
            self.record = ended.value
            self.curve = ended.value.curve
        self._generators, self._waits = generators(), True

    def up_to(self, rung: int) -> list[CurvePoint]:
        """Return its curve as far as the rung."""
        return [point for point in self.curve if point.step <= rung]

    def is_at(self, rung: int) -> bool:
        """Whether it came to the rung: neither dropped nor diverged before."""
        curve = self.up_to(rung)
        return bool(curve) and curve[-1].step == rung

    def drop(self, session: Session, rung: int) -> None:
        """End the run here."""
        self.course.close()
        seconds = self.clock.stop()
        curve = self.up_to(rung)
        self.record = run_record(session, self.run, curve, None, rung, seconds, behind=True)

    def keep(self) -> None:
        """Keep the state of a run that waits or has ended: nothing is trained again."""
        if self._state is not None and self._waits:
            set_generators(self._generators)
            self.keeper.keep(self._state)
