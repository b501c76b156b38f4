"""Branches: from several points of one run, the trunk, others go on at other batch sizes.

The samples of trunk and branches are one stream of epochs, each in the order of its seed, from
which batches of any size are cut: a branch sees what the trunk would have seen next, and that at
the base batch size *is* the trunk going on, bit for bit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby, islice

import torch
from torch import Tensor, nn

from bsx.arithmetic import branch_evaluations
from bsx.data import Samples
from bsx.optim import build_optimizer
from bsx.schema import (
    BranchUnit,
    CurvePoint,
    Report,
    Run,
    RunRecord,
    RunStatus,
)
from bsx.train.evaluate import evaluate
from bsx.train.loop import backward, trained, treat_gradients
from bsx.train.session import Clock, Session, curve_point, run_record

_SIGN = 100  # steps, between two signs of life

Told = Callable[[int, float | None], None]  # samples that were seen further, and a metric


def train(unit: BranchUnit, report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Train the trunk up to each point, and from there the branches that are wanted.

    Yields the record of each branch as it is complete. Where the trunk's loss is no longer finite,
    so is that of every branch that would have gone on from there.
    """
    torch.set_num_threads(unit.threads)
    session = Session(unit)
    told = _progress(session, unit, report)
    trunk = _Course.begun(session, unit.whole)
    torch.manual_seed(unit.seed)  # what is drawn on the way: dropout, noise
    waiting = list(unit.runs)
    for step, runs in groupby(unit.runs, key=_point):
        finite = trunk.advance(step - trunk.steps, told)
        start = trunk.point(0.0, trunk.losses[-1:]) if finite else None
        if start is None:
            yield tuple(run_record(session, run, (), None, 0, 0.0) for run in waiting)
            return
        for run in runs:
            yield (_branch(trunk, run, replace(start, step=0), told),)
            waiting.remove(run)


def _point(run: Run) -> int:
    trunk = run.recipe.trunk
    assert trunk is not None
    return trunk.steps


def _progress(session: Session, unit: BranchUnit, report: Report) -> Told:
    """Return what turns samples seen into the share that is done, and keeps the best metric."""
    whole = unit.trunk.steps * unit.trunk.batch_size
    whole += sum(run.recipe.steps * run.recipe.batch_size for run in unit.runs)
    done, best = 0, None

    def told(samples: int, value: float | None) -> None:
        nonlocal done, best
        done += samples
        best = best if value is None else session.better(value, best)
        report(done / whole, best)

    return told


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
        self._epochs = session.order([run.seed], "keep", len(session.train))  # a step is an epoch
        self._augment = session.augmentation([run.seed])
        self._coming = self._batches(run.recipe.steps)

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

    def advance(self, steps: int, told: Told) -> bool:
        """Take so many steps, with a sign of life now and then; say if every loss was finite."""
        losses: list[Tensor] = []
        for inputs, targets in islice(self._coming, steps):
            if len(losses) % _SIGN == 0:
                told(min(_SIGN, steps - len(losses)) * self.batch_size, None)
            self.optimizer.zero_grad()
            losses.append(backward(self.session, self.model, inputs, targets))
            treat_gradients(self.model, self.session.recipe.training)
            self.optimizer.step()
        self.seen += steps * self.batch_size
        self.steps += steps
        if losses:  # a point may be asked for that it stands at
            self.losses = [float(value) for value in torch.stack(losses).cpu()]
        return all(map(math.isfinite, self.losses))

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


def _branch(trunk: _Course, run: Run, start: CurvePoint, told: Told) -> RunRecord:
    """Train one branch; memory that runs out ends it alone."""
    session = trunk.session
    devices = [session.device] if session.device.type == "cuda" else []
    try:
        # what is drawn on the way begins as it does in the trunk, which does not notice
        with torch.random.fork_rng(devices=devices):
            return _trained(trunk, run, start, told)
    except torch.OutOfMemoryError as error:
        told(run.recipe.steps * run.recipe.batch_size, None)
        return RunRecord(
            run, RunStatus.OUT_OF_MEMORY, environment=session.environment, error=str(error)
        )


def _trained(trunk: _Course, run: Run, start: CurvePoint, told: Told) -> RunRecord:
    """Train one branch. Its curve begins with the point that it goes on from."""
    session, size, steps = trunk.session, run.recipe.batch_size, run.recipe.steps
    course = trunk.branched(run)
    clock = Clock(session.device)
    seconds, curve = 0.0, [start]
    for step in branch_evaluations(steps * size, size):
        before = course.steps
        clock.start()
        finite = course.advance(step - before, told)
        seconds = clock.stop()
        point = course.point(seconds, course.losses) if finite else None
        if point is None:
            told((steps - step) * size, None)
            stopped = before + _finite(course.losses)
            return run_record(session, run, curve, None, stopped, seconds)
        curve.append(point)
        told(0, point.metrics[session.quality[0]])
    # a branch ends in the middle of training: its curve says all
    return run_record(session, run, curve, {}, steps, seconds)


def _finite(losses: list[float]) -> int:
    return next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
