"""What every trainer needs: the data on the device, the task, a clock, records."""

from __future__ import annotations

import contextlib
import math
import platform
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import nn

from bsx import __version__, registry
from bsx.arithmetic import (
    FINAL_TRAIN_SAMPLES,
    curve_samples,
    evaluation_steps,
    schedule_factor,
)
from bsx.data import Part, Samples, Stream, open_dataset
from bsx.errors import ConfigError, DataError
from bsx.models import build_model
from bsx.schema import (
    BranchUnit,
    CurvePoint,
    DiagnosticUnit,
    Group,
    MemoryUnit,
    Recipe,
    Run,
    RunRecord,
    RunStatus,
    SpeedUnit,
)
from bsx.tasks import Task, build_task
from bsx.train.augment import Augmentation
from bsx.train.batches import SampleOrder


class Session:
    """The setting in which the runs of a unit train."""

    def __init__(
        self,
        unit: Group | BranchUnit | SpeedUnit | MemoryUnit | DiagnosticUnit,
        *,
        channels_last: bool = False,
    ) -> None:
        recipe = _in_passes(unit)
        self._channels_last = channels_last
        self.recipe: Recipe = recipe
        self.device = torch.device(unit.device)
        self.environment = environment(unit)
        splits = open_dataset(
            recipe.dataset.name,
            recipe.dataset.args,
            validation=recipe.split.validation,
            test=recipe.split.test,
            seed=recipe.split.seed,
            subset=recipe.sampling.subset,
            stream=unit.streamed,
            fingerprint=recipe.fingerprint,
            # for what is timed, each process has its data from the same place
            check_again=isinstance(unit, Group | BranchUnit) and unit.checkpoints is not None,
        )
        _check_unchanged(recipe, splits.fingerprint)
        self.dtype: torch.dtype = getattr(torch, recipe.precision)
        self.input_shape = splits.input_shape
        self.output_size = splits.output_size
        self.kind = splits.kind
        self._labels = splits.train.targets if splits.task == "classification" else None
        self.train = splits.train.to(self.device, self.dtype)
        self.validation = splits.validation.to(self.device, self.dtype)
        self.test = splits.test.to(self.device, self.dtype)
        self.task: Task = build_task(recipe.task, recipe.objective, splits.output_size)
        self.quality = self.task.metrics[0]
        self._judged = getattr(unit, "judged", True)
        self._before = recipe.batches_before(len(self.train))
        self.steps = recipe.length(len(self.train))
        self.evaluate_at = self._evaluations()

    @cached_property
    def curve_part(self) -> Part:
        """The validation samples that the curves are measured on."""
        each = self.task.predictions(tuple(self.validation.targets.shape[1:]))
        part = self.validation.at_most(self.recipe.evaluation_samples or curve_samples(each))
        return part.in_memory() if isinstance(part, Stream) else part  # they are seen most often

    @property
    def final_parts(self) -> dict[str, Part]:
        """The samples that the final metrics are measured on."""
        if not self._judged:
            return {}
        return {
            "train": self.train.at_most(FINAL_TRAIN_SAMPLES),
            "validation": self.validation,
            "test": self.test,
        }

    def model(self, seed: int) -> nn.Module:
        """Return the model of ``seed``, on the device."""
        model = build_model(
            self.recipe.model.name,
            self.recipe.model.args,
            input_shape=self.input_shape,
            output_size=self.output_size,
            seed=seed,
            initialization=self.recipe.initialization,
            kind=self.kind,
        )
        model.to(device=self.device)
        if self.dtype != torch.float32:  # else a model keeps what it chose for itself
            model.to(dtype=self.dtype)
        if self._channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model

    def order(
        self, seeds: Sequence[int], tail: str | None = None, batch_size: int | None = None
    ) -> SampleOrder:
        """Return which samples make up each batch of the runs of ``seeds``."""
        return SampleOrder(
            len(self.train),
            batch_size or self.recipe.batch_size,
            tail or self.recipe.tail,
            seeds,
            self.device if isinstance(self.train, Samples) else "cpu",
            sampling=self.recipe.sampling,
            labels=self._labels,
            before=self._before,
        )

    def augmentation(self, seeds: Sequence[int]) -> Augmentation:
        """Return what varies the batches of the runs of ``seeds``."""
        return Augmentation(self.recipe.sampling.augment, self.input_shape, seeds, self.device)

    def factor(self, step: int) -> float:
        """Return the schedule's factor on the learning rate at ``step`` (from 0).

        A step that takes several batches has as many times their rate: what is left to decay where
        a batch may not grow further, or the epoch ends.
        """
        training = self.recipe.training
        first, after = self._before[step], self._before[step + 1]
        each = schedule_factor(training.schedule, training.warmup, first, self.recipe.steps)
        return min(1.0, each * (after - first))

    def precision(self) -> contextlib.AbstractContextManager[object]:
        """Return the context of a forward pass: autocast where it was asked for."""
        if self.recipe.training.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def better(self, value: float, best: float | None) -> float:
        """Return the better of two values of the metric that quality is judged by."""
        if best is None:
            return value
        return max(value, best) if self.quality[1] else min(value, best)

    def _evaluations(self) -> tuple[int, ...]:
        """The steps to evaluate after: those with which a run that keeps its size is as far."""
        grid = evaluation_steps(self.recipe.steps, self.recipe.evaluation_spacing)
        return tuple(dict.fromkeys(bisect_left(self._before, batches) for batches in grid))


def _in_passes(
    unit: Group | BranchUnit | SpeedUnit | MemoryUnit | DiagnosticUnit,
) -> Recipe:
    """The recipe of a unit with the passes that memory was found to hold."""
    size = getattr(unit, "micro_batch_size", None)
    if size is None:
        return unit.recipe
    training = replace(unit.recipe.training, micro_batch_size=size)
    return replace(unit.recipe, training=training)


def _check_unchanged(recipe: Recipe, fingerprint: str) -> None:
    """Refuse what is no longer what the run's identity says.

    Raises:
        DataError: for other data.
        ConfigError: for a file of the user's that was changed.
    """
    if recipe.fingerprint not in ("", fingerprint):  # "": nobody has looked before
        raise DataError(
            f"--dataset {recipe.dataset.name}: its samples are others than when the sweep began; "
            "where it draws them, seed it; where they were changed, give the same command again"
        )
    registry.check_source("dataset", recipe.dataset.name, recipe.dataset.source)
    registry.check_source("model", recipe.model.name, recipe.model.source)
    registry.check_source("optimizer", recipe.optimizer.name, recipe.optimizer.source)
    start = recipe.initialization
    if start.file is not None and registry.file_hash(start.file, "--init-from") != start.source:
        raise ConfigError(
            f"--init-from {start.file}: the file was changed while it is in use; "
            "the same command begins with the new one"
        )


class Clock:
    """Training time, with evaluation kept out of it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._total = 0.0
        self._since: float | None = None

    def resume(self, seconds: float) -> None:
        """Begin with the seconds that were counted before."""
        self._total = seconds

    @property
    def running(self) -> bool:
        """Whether it counts."""
        return self._since is not None

    def start(self) -> None:
        """Go on counting."""
        self._since = time.perf_counter()

    def stop(self) -> float:
        """Wait for the device, stop counting, and return the seconds so far."""
        synchronize(self._device)
        if self._since is not None:
            self._total += time.perf_counter() - self._since
            self._since = None
        return self._total


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def environment(
    unit: Group | BranchUnit | SpeedUnit | MemoryUnit | DiagnosticUnit,
) -> dict[str, object]:
    """Say on what a unit runs: versions, device, threads."""
    passes = getattr(unit, "micro_batch_size", None)
    return {
        **({} if passes is None else {"micro_batch_size": passes}),
        "bsx": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": unit.device.partition(":")[0],
        "threads": unit.threads,
        "streamed": unit.streamed,
        "trainer": getattr(unit, "trainer", unit.worker),
        **_beside(unit),
        **({"devices": devices} if (devices := getattr(unit, "devices", 1)) > 1 else {}),
    }


def _beside(unit: object) -> dict[str, int]:
    """How many lanes the group has: the last bit of a lane may depend on them."""
    if isinstance(unit, Group) and unit.trainer == "lanes":
        return {"lanes": len(unit.members)}
    return {}


def curve_point(
    session: Session,
    step: int,
    samples_seen: int,
    seconds: float,
    train_loss: float,
    values: Mapping[str, float],
) -> CurvePoint | None:
    """Return the point of an evaluation, or None where a number in it is not finite."""
    if not all(map(math.isfinite, (train_loss, *values.values()))):
        return None
    metrics = {name: value for name, value in values.items() if name != "loss"}
    return CurvePoint(
        step=step,
        epoch=samples_seen / len(session.train),
        samples_seen=samples_seen,
        train_seconds=seconds,
        train_loss=train_loss,
        validation_loss=values["loss"],
        metrics=metrics,
    )


def run_record(
    session: Session,
    run: Run,
    curve: Sequence[CurvePoint],
    final: Mapping[str, Mapping[str, float]] | None,
    stopped_at: int,
    seconds: float,
    *,
    behind: bool = False,
) -> RunRecord:
    """Return the record of a run: completed with its final metrics, or diverged without.

    ``behind``: it was not trained to its end, as its rate was dominated.
    """
    finite = final is not None and all(
        math.isfinite(value) for part in final.values() for value in part.values()
    )
    ended = RunStatus.COMPLETED if finite else RunStatus.DIVERGED
    return RunRecord(
        run=run,
        status=RunStatus.DOMINATED if behind else ended,
        curve=tuple(curve),
        final=final if final is not None and finite else {},
        stopped_at=stopped_at,
        train_seconds=seconds,
        environment=session.environment,
    )
