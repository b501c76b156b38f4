"""Probes whose truth is known: an executor that measures nothing, and models that need memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from bsx.execute.base import Executor, Told, UnitError
from bsx.probe import Prober
from bsx.render.progress import QuietProgress
from bsx.schema import (
    Facts,
    MemoryRecord,
    MemoryUnit,
    Probe,
    Record,
    Report,
    RunStatus,
    SpeedRecord,
    SpeedUnit,
    SweepConfig,
    Unit,
)
from tests.stats import oracles

SAMPLE = 12 * 2**20  # bytes that Large keeps for a sample from forward to backward

MODELS = f"""
import os
import signal

import torch
from torch import nn


class Kept(torch.autograd.Function):
    @staticmethod
    def forward(ctx, outputs):
        ctx.save_for_backward(torch.ones(len(outputs), {SAMPLE // 4}))
        return outputs.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient + 0 * ctx.saved_tensors[0][:, :1]


class Plain(nn.Module):
    def __init__(self, input_shape, output_size):
        super().__init__()
        self.last = nn.Linear(64, output_size)

    def forward(self, inputs):
        return self.last(inputs.flatten(1))


class Large(Plain):
    def forward(self, inputs):
        outputs = super().forward(inputs)
        return Kept.apply(outputs) if torch.is_grad_enabled() else outputs


class Killed(Plain):
    def forward(self, inputs):
        if torch.is_grad_enabled() and len(inputs) > 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(inputs)


class Fails(Plain):
    def forward(self, inputs):
        if torch.is_grad_enabled() and len(inputs) not in (2, 3):
            raise ValueError(f"no {{len(inputs)}} samples")
        return super().forward(inputs)
"""


class Oracle(Executor):
    """Knows which sizes fit, by their peak in bytes, and how long their steps take."""

    def __init__(
        self,
        peak: Callable[[int], int] = lambda size: 1000 + 100 * size,
        seconds: Callable[[int], float] = lambda size: 1e-3 + 1e-5 * size,
        errors: dict[int, UnitError] | None = None,
    ) -> None:
        self.peak, self.seconds, self.errors = peak, seconds, errors or {}
        self.timed: list[int] = []

    def run(self, unit: Unit, report: Report) -> Iterator[Sequence[Record]]:
        """Yield the one record of a unit."""
        assert isinstance(unit, MemoryUnit | SpeedUnit)
        size = unit.recipe.batch_size
        if size in self.errors:
            raise self.errors[size]
        if isinstance(unit, MemoryUnit):
            used = self.peak(size)
            above = unit.limit_bytes is not None and used > unit.limit_bytes
            status = RunStatus.OUT_OF_MEMORY if above else RunStatus.COMPLETED
            yield (MemoryRecord(size, status, used),)
        else:
            self.timed.append(size)
            draws = (self.seconds(size),) * 9
            yield (SpeedRecord(unit.unit_id, size, unit.loop, RunStatus.COMPLETED, draws, 77),)

    def start(self, unit: Unit, report: Report) -> None:
        """Never called."""

    def wait(self) -> tuple[Unit, Told]:
        """Never called."""
        raise NotImplementedError

    def stop(self) -> Sequence[tuple[Unit, Sequence[Record]]]:
        """Do nothing."""
        return []


def probed(
    oracle: Oracle | None = None,
    *,
    limit: int | None = None,
    most: int | None = None,
    config: SweepConfig | None = None,
    facts: Facts | None = None,
) -> Probe:
    """Probe what the oracle knows; 400 samples unless told."""
    return Prober(
        config or oracles.config(),
        facts or dataclasses.replace(oracles.facts(), train_samples=400),
        {"processor": "Abacus"},
        oracle or Oracle(),
        QuietProgress(),
        limit,
        "machine" if limit is None else "user",
        most,
    ).run()
