"""Whether a batch size fits in memory: real steps of training and of evaluation, measured."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bsx.measure.memory import PeakMemory, confine
from bsx.measure.speed import stepper
from bsx.schema import MemoryRecord, MemoryUnit, Report, RunStatus
from bsx.train.evaluate import EVALUATION_BATCH, evaluate
from bsx.train.session import Session, synchronize
from bsx.train.threads import take_threads

_STEPS = 2  # the state that the optimizer makes in the first is there all through the second

# How libraries below torch word a lack of memory, which arrives as a plain RuntimeError.
_WORDS = ("alloc", "memory")


def measure(unit: MemoryUnit, report: Report) -> Iterator[tuple[MemoryRecord]]:
    """Take full training steps and an evaluation step, and say what they needed at most.

    What fails for want of memory raises MemoryError, what needed more than the limit is a record
    with ``OUT_OF_MEMORY``.
    """
    take_threads(unit.threads)
    device = torch.device(unit.device)
    confine(device, unit.limit_bytes)
    try:
        used = _peak(unit, report)
    except RuntimeError as error:
        if any(word in str(error) for word in _WORDS):
            raise MemoryError(str(error)) from error
        raise
    limit = unit.limit_bytes
    above = limit is not None and used is not None and used > limit
    status = RunStatus.OUT_OF_MEMORY if above else RunStatus.COMPLETED
    yield (MemoryRecord(unit.recipe.batch_size, status, used),)


def _peak(unit: MemoryUnit, report: Report) -> int | None:
    session = Session(unit)
    peak = PeakMemory(session.device)
    model = session.model(seed=0).train()
    step = stepper(session, model, unit.learning_rate, "device")
    for number in range(_STEPS):
        step()
        report((number + 1) / (_STEPS + 1), None)
    model.eval()
    evaluate(model, session.validation.at_most(EVALUATION_BATCH), session.task)
    synchronize(session.device)
    return peak.read()
