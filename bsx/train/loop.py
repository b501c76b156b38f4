"""The plain loop: one run after another, as one would write it by hand. Read this one first."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bsx.optim import build_optimizer
from bsx.schema import CurvePoint, Group, Record, Report, Run, RunRecord, Training, digest
from bsx.states import States, can_grow, key_of_run
from bsx.train.batches import passes
from bsx.train.checkpoint import Checkpoints
from bsx.train.evaluate import evaluate
from bsx.train.feed import Feed
from bsx.train.gradients import is_plain, treat
from bsx.train.keeper import Ends, Keeper, curve_from, curve_state
from bsx.train.observers import Observer, unobserved
from bsx.train.rungs import Course, rung_by_rung
from bsx.train.session import Clock, Session, curve_point, run_record
from bsx.train.threads import take_threads

# At a step: leaves the gradient of a batch's mean loss in the model, and returns the loss.
Gradient = Callable[[int, nn.Module, Tensor, Tensor], Tensor]


def train(group: Group, report: Report) -> Iterator[tuple[Record, ...]]:
    """Train every run of the group and yield each record as it is complete."""
    return _one_by_one(group, report)


def train_channels_last(group: Group, report: Report) -> Iterator[tuple[Record, ...]]:
    """Do the same with channels last in memory, as convolutions often like it better."""
    return _one_by_one(group, report, channels_last=True)


def _one_by_one(
    group: Group, report: Report, *, channels_last: bool = False
) -> Iterator[tuple[Record, ...]]:
    take_threads(group.threads)
    session = Session(group, channels_last=channels_last)
    states = None
    if group.states is not None and can_grow(group.recipe):
        states = States(group.states)

    def begin(run: Run, report: Report, rungs: Sequence[int] = ()) -> tuple[Keeper, Clock, Course]:
        clock = Clock(session.device)
        ends = None
        if states is not None:
            ends = Ends(states, key_of_run(group, run), session.environment)
        keeper = Keeper(checkpoints_of(group, run), session.steps, report, clock, ends)
        return keeper, clock, course(session, run, keeper, clock, rungs=rungs)

    if group.halving:
        yield from rung_by_rung(session, group, report, begin)
        return
    for run, report_run in reporting(session, group, report):
        keeper, _, way = begin(run, report_run)
        record = _record_of(way)
        yield (*keeper.notices, record)
        keeper.done()


def reporting(session: Session, group: Group, report: Report) -> Iterator[tuple[Run, Report]]:
    """Yield each run with what tells how far the group is, and the best metric of all so far."""
    best: float | None = None
    for number, run in enumerate(group.runs):

        def report_run(fraction: float, value: float | None, number: int = number) -> None:
            nonlocal best
            best = best if value is None else session.better(value, best)
            report((number + fraction) / len(group.members), best)

        yield run, report_run


def checkpoints_of(group: Group, run: Run) -> Checkpoints | None:
    """Those of the run alone: the group it is in when it is taken up again may have fewer."""
    if group.checkpoints is None:
        return None
    device, _, _ = group.device.partition(":")
    how = [group.trainer, device, group.threads, group.micro_batch_size]  # as the bits do
    several = [group.devices] if group.devices > 1 else []
    return Checkpoints(group.checkpoints, digest([run.run_id, *how, *several]))


def train_run(
    session: Session,
    run: Run,
    keeper: Keeper,
    clock: Clock,
    observe: Observer = unobserved,
    gradient: Gradient | None = None,  # None: of this device alone
) -> RunRecord:
    """Train one run from where it was left to its last step, or until its loss is not finite."""
    return _record_of(course(session, run, keeper, clock, observe, gradient))


def _record_of(way: Course) -> RunRecord:
    """Go all the way of a run without rungs."""
    while True:
        try:
            next(way)
        except StopIteration as ended:
            record: RunRecord = ended.value
            return record


def course(
    session: Session,
    run: Run,
    keeper: Keeper,
    clock: Clock,
    observe: Observer = unobserved,
    gradient: Gradient | None = None,
    rungs: Sequence[int] = (),
) -> Course:
    """Train one run as :func:`train_run` says, and pause after the evaluations at ``rungs``."""
    recipe, task = session.recipe, session.task
    gradient = gradient or partial(_alone, session)
    model = session.model(run.seed)
    asked = run.recipe.optimizer  # of which a run may have numbers of its own
    optimizer = build_optimizer(asked.name, asked.args, trained(model), lr=run.learning_rate)
    torch.manual_seed(run.seed)  # what is drawn on the way: dropout, noise
    curve: list[CurvePoint] = []
    losses: list[Tensor] = []  # of the steps since the last evaluation
    done = step = 0
    before = keeper.taken_up(session.device)
    if before is not None:
        step, done = before["step"], before["done"]
        model.load_state_dict(before["model"])
        optimizer.load_state_dict(before["optimizer"])
        curve, losses = curve_from(before["curve"]), list(before["losses"].unbind())
    feed = Feed(session, [run.seed], range(step, session.steps))

    def state() -> dict[str, Any]:
        return {
            "step": step,
            "done": done,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "curve": curve_state(curve),
            "losses": torch.stack(losses) if losses else torch.empty(0),
        }

    model.train()
    if before is None:
        observe(model, 0, 0)
    for next_evaluation in session.evaluate_at[bisect_right(session.evaluate_at, done) :]:
        if done in rungs:
            del feed  # what it fetches ahead waits for no one
            yield curve, state
            feed = Feed(session, [run.seed], range(step, session.steps))
        clock.start()
        while step < next_evaluation:
            scale_rate(optimizer, run.learning_rate, session.factor(step))
            optimizer.zero_grad()
            inputs, targets = feed.batch(step)
            losses.append(gradient(step, model, inputs[0], targets[0]))
            treat_gradients(model, recipe.training)
            optimizer.step()
            step += 1
            keeper.after_step(step, state)
        seconds = clock.stop()
        values = [float(v) for v in torch.stack(losses).cpu()]
        finite = next((i for i, v in enumerate(values) if not math.isfinite(v)), len(values))
        if step == session.steps or finite < len(values):
            keeper.ended(step, state)
        if finite < len(values):
            return run_record(session, run, curve, None, done + finite, seconds)
        done, losses = step, []
        model.eval()
        metrics = evaluate(model, session.curve_part, task)
        model.train()
        point = curve_point(
            session,
            done,
            feed.order.samples_seen(done),
            seconds,
            sum(values) / len(values),
            {name: float(value) for name, value in metrics.items()},
        )
        if point is None:
            return run_record(session, run, curve, None, done, seconds)
        curve.append(point)
        observe(model, done, point.samples_seen)
        keeper.tell(done, point.metrics[session.quality[0]], state)
    return run_record(session, run, curve, _where_it_ends(session, model), done, clock.stop())


def _where_it_ends(session: Session, model: nn.Module) -> dict[str, dict[str, float]]:
    """Return part → metric → value of a model that is done with training."""
    model.eval()
    return {
        part: {name: float(v) for name, v in evaluate(model, samples, session.task).items()}
        for part, samples in session.final_parts.items()
    }


def _alone(session: Session, _step: int, model: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
    return backward(session, model, x, targets)


def backward(session: Session, model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Add the gradient of one batch's mean loss, in as many passes as asked for; return the loss.

    Micro-batches count by their share of the samples, so that a smaller last one weighs less.
    """
    size = session.recipe.training.micro_batch_size
    if size is None or size >= len(inputs):
        with session.precision():
            loss = session.task.loss(model(inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
    total = torch.zeros((), device=inputs.device, dtype=session.dtype)
    for part in passes(len(inputs), size):
        with session.precision():
            loss = session.task.loss(model(inputs[part]), targets[part])
        share = loss * (len(inputs[part]) / len(inputs))
        share.backward()  # type: ignore[no-untyped-call]
        total += share.detach()
    return total


def trained(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that are not frozen."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def scale_rate(optimizer: torch.optim.Optimizer, rate: float, factor: float) -> None:
    """Set the rate that the schedule gives for this step."""
    for group in optimizer.param_groups:
        group["lr"] = rate * factor


def treat_gradients(model: nn.Module, training: Training) -> None:
    """Add penalties and bound the norm, where that was asked for."""
    if is_plain(training):
        return
    parameters = [p for p in model.parameters() if p.grad is not None]
    gradients = [p.grad for p in parameters if p.grad is not None]
    for parameter, gradient in zip(
        parameters, treat(parameters, gradients, training, lanes=False), strict=True
    ):
        parameter.grad = gradient
