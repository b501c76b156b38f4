"""The plain loop: one run after another, as one would write it by hand. Read this one first."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from bsx.optim import build_optimizer
from bsx.schema import CurvePoint, Group, Report, Run, RunRecord, Training
from bsx.train.batches import passes
from bsx.train.evaluate import evaluate
from bsx.train.feed import Feed
from bsx.train.gradients import is_plain, treat
from bsx.train.observers import Observer, unobserved
from bsx.train.session import Clock, Session, curve_point, run_record


def train(group: Group, report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Train every run of the group and yield each record as it is complete."""
    return _one_by_one(Session(group), group, report)


def train_channels_last(group: Group, report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Do the same with channels last in memory, as convolutions often like it better."""
    return _one_by_one(Session(group, channels_last=True), group, report)


def _one_by_one(session: Session, group: Group, report: Report) -> Iterator[tuple[RunRecord, ...]]:
    torch.set_num_threads(group.threads)
    best: float | None = None

    for number, run in enumerate(group.runs):

        def report_run(fraction: float, value: float | None, number: int = number) -> None:
            nonlocal best
            best = best if value is None else session.better(value, best)
            report((number + fraction) / len(group.members), best)

        yield (train_run(session, run, report_run),)


def train_run(
    session: Session, run: Run, report: Report, observe: Observer = unobserved
) -> RunRecord:
    """Train one run from its first step to its last, or until its loss is no longer finite."""
    recipe, task = session.recipe, session.task
    feed = Feed(session, [run.seed], range(session.steps))
    model = session.model(run.seed)
    optimizer = build_optimizer(
        recipe.optimizer.name, recipe.optimizer.args, trained(model), lr=run.learning_rate
    )
    torch.manual_seed(run.seed)  # what is drawn on the way: dropout, noise
    clock = Clock(session.device)
    curve: list[CurvePoint] = []
    done = 0
    model.train()
    observe(model, done, 0)
    for next_evaluation in session.evaluate_at:
        losses = []
        clock.start()
        for step in range(done, next_evaluation):
            scale_rate(optimizer, run.learning_rate, session.factor(step))
            optimizer.zero_grad()
            inputs, targets = feed.batch(step)
            losses.append(backward(session, model, inputs[0], targets[0]))
            treat_gradients(model, recipe.training)
            optimizer.step()
        seconds = clock.stop()
        values = [float(v) for v in torch.stack(losses).cpu()]
        finite = next((i for i, v in enumerate(values) if not math.isfinite(v)), len(values))
        if finite < len(values):
            return run_record(session, run, curve, None, done + finite, seconds)
        done = next_evaluation
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
        report(done / session.steps, point.metrics[session.quality[0]])
    model.eval()
    final = {
        part: {name: float(v) for name, v in evaluate(model, samples, task).items()}
        for part, samples in session.final_parts.items()
    }
    return run_record(session, run, curve, final, done, clock.stop())


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
