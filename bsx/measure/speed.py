"""How long a step takes, alone: the loop that the user will run, warmed up, threads pinned."""

from __future__ import annotations

import itertools
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bsx.data import Samples
from bsx.measure import energy
from bsx.measure.memory import PeakMemory
from bsx.optim import build_optimizer
from bsx.schema import Record, Report, RunStatus, SpeedRecord, SpeedUnit
from bsx.train.devices import shared_gradient
from bsx.train.feed import Feed
from bsx.train.loop import Gradient, backward, trained, treat_gradients
from bsx.train.ranks import Rank, together
from bsx.train.session import Session, environment, synchronize
from bsx.train.threads import take_threads

DRAW_SECONDS = 0.025  # long against the clock's resolution and a scheduler's time slice
WARM_UP_SECONDS = 0.06
WARM_UP_STEPS = 3

Agree = Callable[[float], float]  # several devices take as many steps as the first of them says


def measure(unit: SpeedUnit, report: Report) -> Iterator[tuple[SpeedRecord]]:
    """Time full train steps of one model at one batch size, nothing else running."""
    take_threads(unit.threads)
    session = Session(unit)
    yield (_measured(session, unit, report, partial(stepper, session), _as_it_is),)


def measure_devices(unit: SpeedUnit, report: Report) -> Iterator[Sequence[Record]]:
    """Time the steps that several devices take together."""
    yield from together(_measure_rank, unit, report)


def _measure_rank(unit: SpeedUnit, rank: Rank, report: Report) -> Iterator[tuple[SpeedRecord]]:
    session = Session(unit)
    gradient = shared_gradient(session, rank, seed=0)
    made = partial(stepper, session, gradient=gradient)
    told = report if rank.number == 0 else (lambda _fraction, _best: None)
    yield (_measured(session, unit, told, made, rank.agree),)


def _measured(
    session: Session,
    unit: SpeedUnit,
    report: Report,
    made: Callable[[nn.Module, float, str], Callable[[], None]],
    agree: Agree,
) -> SpeedRecord:
    """Time the steps of the loop that ``made`` makes."""
    peak = PeakMemory(session.device)
    model = session.model(seed=0).train()
    step = made(model, unit.learning_rate, unit.loop)
    per_step = _warmed_up(step, session.device, agree)
    steps = max(1, round(DRAW_SECONDS / agree(per_step)))
    draws = []
    for number in range(unit.draws):
        draws.append(_timed(step, steps, session.device) / steps)
        report((number + 1) / unit.draws, None)
    once = unit.devices == 1 and unit.visit == 0  # energy takes seconds, and is steadier
    count = energy.counter(session.device) if once else None
    joules: tuple[float, ...] = ()
    if count is not None:
        settle = partial(synchronize, session.device)
        joules = energy.joules_per_step(count, step, per_step, settle)
    return SpeedRecord(
        unit_id=unit.unit_id,
        timed=unit.timed,
        batch_size=unit.recipe.batch_size,
        loop=unit.loop,
        status=RunStatus.COMPLETED,
        step_seconds=tuple(draws),
        peak_memory_bytes=peak.read(),
        step_joules=joules,
        environment={**environment(unit), "host": platform.node(), "cores": os.cpu_count()},
    )


def stepper(
    session: Session,
    model: nn.Module,
    learning_rate: float,
    loop: str,
    gradient: Gradient | None = None,
) -> Callable[[], None]:
    """Return a function that takes one training step of ``model`` on the next full batch."""
    asked = session.recipe.optimizer
    optimizer = build_optimizer(asked.name, asked.args, trained(model), lr=learning_rate)
    batches = (_loaded if loop == "dataloader" else _fed)(session)
    numbers = itertools.count()

    def step() -> None:
        inputs, targets = next(batches)
        optimizer.zero_grad()
        if gradient is None:
            backward(session, model, inputs, targets)
        else:
            gradient(next(numbers), model, inputs, targets)
        treat_gradients(model, session.recipe.training)
        optimizer.step()

    return step


def _fed(session: Session) -> Iterator[tuple[Tensor, Tensor]]:
    """Full batches as training takes them, epoch after epoch: indexed on the device, or fetched."""
    feed = Feed(session, [0], itertools.count(), tail="drop")
    for step in itertools.count():
        inputs, targets = feed.batch(step)
        yield inputs[0], targets[0]


def _loaded(session: Session) -> Iterator[tuple[Tensor, Tensor]]:
    """Full batches from a DataLoader, as most training scripts write it."""
    train = session.train
    assert isinstance(train, Samples)  # what is streamed is timed as it is trained on
    dataset = TensorDataset(train.inputs.cpu(), train.targets.cpu())
    loader = DataLoader(dataset, batch_size=session.recipe.batch_size, shuffle=True, drop_last=True)
    while True:
        for inputs, targets in loader:
            yield inputs.to(session.device), targets.to(session.device)


def _as_it_is(value: float) -> float:
    return value


def _warmed_up(step: Callable[[], None], device: torch.device, agree: Agree) -> float:
    """Take steps until caches and allocator have settled; return the seconds of the last ones."""
    deadline = time.perf_counter() + WARM_UP_SECONDS
    taken = 0
    while True:
        seconds = _timed(step, 1, device)
        taken += 1
        if taken >= WARM_UP_STEPS and agree(time.perf_counter() >= deadline):
            return seconds


def _timed(step: Callable[[], None], steps: int, device: torch.device) -> float:
    synchronize(device)
    start = time.perf_counter()
    for _ in range(steps):
        step()
    synchronize(device)
    return time.perf_counter() - start
