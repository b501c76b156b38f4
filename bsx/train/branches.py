"""Branches: from several points of one run, the trunk, others go on at other batch sizes.

The samples of trunk and branches are one stream of epochs, each in the order of its seed, from
which batches of any size are cut: a branch sees what the trunk would have seen next, and that at
the base batch size *is* the trunk going on, bit for bit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import Any

import torch
from torch import Tensor, nn

from bsx.arithmetic import branch_evaluations
from bsx.data import Samples
from bsx.optim import build_optimizer
from bsx.schema import (
    BranchUnit,
    CurvePoint,
    Record,
    Report,
    Run,
    RunRecord,
    RunStatus,
)
from bsx.train.checkpoint import Checkpoints
from bsx.train.evaluate import evaluate
from bsx.train.keeper import Keeper, curve_from, curve_state, generators, set_generators
from bsx.train.loop import backward, trained, treat_gradients
from bsx.train.session import Clock, Session, curve_point, run_record
from bsx.train.threads import take_threads

Told = Callable[[int, float | None], None]  # samples that were seen further, and a metric


def train(unit: BranchUnit, report: Report) -> Iterator[tuple[Record, ...]]:
    """Train the trunk up to each point, and from there the branches that are wanted.

    Yields the record of each branch as it is complete. Where the trunk's loss is no longer finite,
    so is that of every branch that would have gone on from there.
    """
    take_threads(unit.threads)
    work = _Work(unit, Session(unit), report)
    trunk, session = work.trunk, work.session
    waiting = list(unit.runs)
    if work.notices:
        yield work.notices
    for step, runs in groupby(unit.runs, key=_point):
        finite = trunk.advance(step, work.told)
        start = trunk.point(0.0, trunk.losses[-1:]) if finite else None
        if start is None:
            yield tuple(run_record(session, run, (), None, 0, 0.0) for run in waiting)
            break
        for run in runs:
            yield (work.branch(run, replace(start, step=0)),)
            waiting.remove(run)
    work.done()


def _point(run: Run) -> int:
    trunk = run.recipe.trunk
    assert trunk is not None
    return trunk.steps


class _Work:
    """A unit on its way: the trunk, the branch that is being trained, and what is kept of them."""

    def __init__(self, unit: BranchUnit, session: Session, report: Report) -> None:
        self.session = session
        self.trunk = _Course.begun(session, unit.whole)
        torch.manual_seed(unit.seed)  # what is drawn on the way: dropout, noise
        self._fresh = generators()
        self._clock = Clock(session.device)
        self._seen = 0  # samples
        self._best: float | None = None  # metric of a branch
        self._run: Run | None = None  # whose branch is trained
        self._course: _Course | None = None
        self._curve: list[CurvePoint] = []
        whole = unit.trunk.steps * unit.trunk.batch_size
        whole += sum(run.recipe.steps * run.recipe.batch_size for run in unit.runs)
        folder = unit.checkpoints
        kept = None if folder is None else Checkpoints(folder, unit.unit_id)
        self._keeper = Keeper(kept, whole, report, self._clock)
        self._before = self._taken_up(unit.runs)
        self.notices = self._keeper.notices
        self.done = self._keeper.done

    def told(self, samples: int, value: float | None) -> None:
        """Be told of samples that were seen, or of a metric; pass it on, and keep the state."""
        self._seen += samples
        if value is None:
            self._keeper.after_step(self._seen, self._state)
        else:
            self._best = self.session.better(value, self._best)
            self._keeper.tell(self._seen, self._best, self._state)

    def branch(self, run: Run, start: CurvePoint) -> RunRecord:
        """Train one branch; memory that runs out ends it alone."""
        session = self.session
        devices = [session.device] if session.device.type == "cuda" else []
        seen = self._seen
        try:
            # what is drawn on the way begins as it does in the trunk, which does not notice
            self._fresh = generators()
            with torch.random.fork_rng(devices=devices):
                return self._trained(run, start)
        except torch.OutOfMemoryError as error:
            self.told(seen + run.recipe.steps * run.recipe.batch_size - self._seen, None)
            return RunRecord(
                run, RunStatus.OUT_OF_MEMORY, environment=session.environment, error=str(error)
            )
        finally:
            self._run = self._course = None

    def _trained(self, run: Run, start: CurvePoint) -> RunRecord:
        """Train one branch. Its curve begins with the point that it goes on from."""
        session, size, steps = self.session, run.recipe.batch_size, run.recipe.steps
        course, clock = self.trunk.branched(run), self._clock
        self._run, self._course, self._curve = run, course, [start]
        clock.stop()
        clock.resume(0.0)
        before, self._before = self._before, None
        if before is not None and before["run"] == run.run_id:
            course.restore(before["course"])
            set_generators(before["generators"])
            clock.resume(before["seconds"])
            self._seen += course.steps * size
            self._curve = curve_from(before["curve"])
        for step in branch_evaluations(steps * size, size)[len(self._curve) - 1 :]:
            evaluated = self._curve[-1].step
            clock.start()
            finite = course.advance(step, self.told)
            seconds = clock.stop()
            point = course.point(seconds, course.losses) if finite else None
            if point is None:
                self.told((steps - step) * size, None)
                stopped = evaluated + _finite(course.losses)
                return run_record(session, run, self._curve, None, stopped, seconds)
            self._curve.append(point)
            self.told(0, point.metrics[session.quality[0]])
        # a branch ends in the middle of training: its curve says all
        return run_record(session, run, self._curve, {}, steps, clock.stop())

    def _state(self) -> dict[str, Any]:
        course = self._course
        return {
            "trunk": self.trunk.state(),
            "trunk_generators": generators() if course is None else self._fresh,
            "run": "" if self._run is None else self._run.run_id,
            "course": {} if course is None else course.state(),
            "curve": curve_state([] if course is None else self._curve),
            "best": self._best,
        }

    def _taken_up(self, runs: Sequence[Run]) -> Mapping[str, Any] | None:
        """Set the trunk to where it was left, and return what was left of a branch.

        Where a branch is wanted by now from a point that lies behind, all begins at the start.
        """
        before = self._keeper.taken_up(self.session.device)
        if before is None:
            return None
        if before["trunk"]["steps"] > _point(runs[0]):
            set_generators(self._fresh)
            return None
        self.trunk.restore(before["trunk"])
        set_generators(before["trunk_generators"])
        self._seen, self._best = self.trunk.steps * self.trunk.batch_size, before["best"]
        return before if before["run"] else None


class _Course:
    """A model on its way through the samples, for so many steps.

    Attributes:
        seen: the samples that it has seen, from the trunk's first on.
        steps: those taken since it began, or branched off.
        losses: of the batches of its last advance.
    """

    def __init__(
        self,
        session: Session,
        run: Run,
        model: nn.Module,
        seen: int = 0,
    ) -> None:
        made = run.recipe.optimizer
        self.session = session
        self.model = model
        self.optimizer = build_optimizer(made.name, made.args, trained(model), lr=run.learning_rate)
        self.batch_size = run.recipe.batch_size
        self.seen = seen
        self.steps = 0
        self.losses: list[float] = []
        self._pending: list[Tensor] = []  # losses of the advance that is under way
        self._length = run.recipe.steps
        self._epochs = session.order([run.seed], "keep", len(session.train))  # a step is an epoch
        self._augment = session.augmentation([run.seed])
        self._coming = self._batches(self._length)

    @classmethod
    def begun(cls, session: Session, run: Run) -> _Course:
        """Return the trunk before its first step."""
        model = session.model(run.seed)
        model.train()
        return cls(session, run, model)

    def branched(self, run: Run) -> _Course:
        """Return a copy that goes on from here as ``run`` says, with the same history.

        What the optimizer has gathered is kept as it is. The momentum of torch's SGD is a mean of
        gradients and not of steps, so that it needs no correction where the rate changes (Goyal et
        al. 2017, section 2.2).
        """
        self.optimizer.zero_grad()
        branch = _Course(self.session, run, copy.deepcopy(self.model), self.seen)
        for old, new in zip(trained(self.model), trained(branch.model), strict=True):
            if old in self.optimizer.state:
                branch.optimizer.state[new] = copy.deepcopy(self.optimizer.state[old])
        told = {"params", "lr", *run.recipe.optimizer.args}  # all else it keeps of its own
        for was, group in zip(
            self.optimizer.param_groups, branch.optimizer.param_groups, strict=True
        ):
            kept = {key: value for key, value in was.items() if key not in told}
            group.update(copy.deepcopy(kept))
        return branch

    def advance(self, to: int, told: Told) -> bool:
        """Take steps up to step ``to``; say if every loss on the way was finite."""
        for inputs, targets in islice(self._coming, to - self.steps):
            self.optimizer.zero_grad()
            self._pending.append(backward(self.session, self.model, inputs, targets))
            treat_gradients(self.model, self.session.recipe.training)
            self.optimizer.step()
            self.seen += self.batch_size
            self.steps += 1
            told(self.batch_size, None)
        if self._pending:  # a point may be asked for that it stands at
            self.losses = [float(value) for value in torch.stack(self._pending).cpu()]
            self._pending = []
        return all(map(math.isfinite, self.losses))

    def state(self) -> dict[str, Any]:
        """Return all that the steps to come depend on, and what came of those before."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
            "seen": self.seen,
            "losses": self.losses,
            "pending": torch.stack(self._pending) if self._pending else torch.empty(0),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on, from the start that this is, from a state of the same course."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps, self.seen, self.losses = state["steps"], state["seen"], state["losses"]
        self._pending = list(state["pending"].unbind())
        self._coming = self._batches(self._length - self.steps)

    def point(self, seconds: float, losses: list[float]) -> CurvePoint | None:
        """Evaluate; None where a number is not finite."""
        self.model.eval()
        metrics = evaluate(self.model, self.session.curve_part, self.session.task)
        self.model.train()
        values = {name: float(value) for name, value in metrics.items()}
        mean = sum(losses) / len(losses)
        return curve_point(self.session, self.steps, self.seen, seconds, mean, values)

    def _batches(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the next batches, varied: a sample alike whatever the size of its batch."""
        size, part = self.batch_size, self.session.train
        start = self.seen
        wanted = (self._rows(start + number * size) for number in range(count))
        ready = map(part.take, wanted) if isinstance(part, Samples) else part.batches(wanted)
        chunk = self.session.recipe.batch_size
        for number, (inputs, targets) in enumerate(ready):
            if self.session.recipe.sampling.augment:
                first = (start + number * size) // chunk
                varied = (
                    self._augment.one(piece, first + place)
                    for place, piece in enumerate(torch.split(inputs, chunk))
                )
                inputs = torch.cat(list(varied))
            yield inputs, targets

    def _rows(self, start: int) -> Tensor:
        """The numbers of the samples of the batch that begins at ``start`` in the stream."""
        samples, parts = len(self.session.train), []
        end = start + self.batch_size
        while start < end:
            epoch, first = divmod(start, samples)
            parts.append(self._epochs.rows(epoch)[0, first : first + end - start])
            start += len(parts[-1])
        return torch.cat(parts)


def _finite(losses: list[float]) -> int:
    return next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
