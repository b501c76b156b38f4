"""Fakes at the seams: a trainer and a stopwatch that know the truth, without torch.

The fake trainer obeys S(B) = S_min (1 + B_crit/B), times a penalty that is smallest at an optimal
learning rate, times noise of the seed. The truth is in the model's arguments (:class:`Truth`), so
that it is part of every run's identity like a real model's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsx import plan, registry
from bsx.conductor import Conductor
from bsx.errors import Stopped
from bsx.execute.inline import InlineExecutor
from bsx.schema import (
    Analysis,
    BatchSizes,
    Budget,
    CurvePoint,
    Facts,
    Group,
    Ingredient,
    LearningRates,
    Metric,
    Recipe,
    Report,
    Run,
    RunRecord,
    RunStatus,
    SpeedRecord,
    SpeedUnit,
    Split,
    SweepConfig,
    TargetSpec,
)
from bsx.store import Store

TARGET = 0.9
_DIVERGES_AT = 16.0  # times the optimal rate
_PENALTY = 0.06  # in log steps, per octave² away from the optimal rate
BEST_MOMENTUM = 0.9  # where one is given; the rate that counts is then the rate over 1 − momentum
BEST_DECAY = 1e-3  # where there is one
_RATE_AT_INFINITY = 0.5  # the optimal rate of the full batch; it saturates as the steps do


@dataclass(frozen=True)
class Truth:
    """What is true in the fake world."""

    critical: float = 64.0  # B_crit
    min_steps: float = 50.0  # S_min
    noise: float = 0.03  # in log steps: of the seed, shared by all sizes and rates, and of the run
    rate: float = _RATE_AT_INFINITY
    fails_at: int = 0  # the batch size whose unit raises
    memory_ends_at: int = 0  # the batch size at which memory runs out
    slow: float = 0.0  # seconds a group takes

    def steps(self, batch_size: int) -> float:
        """Return S(B) at the optimal rate, without noise."""
        return self.min_steps * (1 + self.critical / batch_size)

    def best_rate(self, batch_size: int) -> float:
        """Return the optimal rate: η/(1 + B_crit/B) (McCandlish et al. 2018)."""
        return self.rate / (1 + self.critical / batch_size)


# --- trainers -------------------------------------------------------------------------------


def train(group: Group, report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Yield the records of all runs at once, as lanes do."""
    truth = Truth(**group.recipe.model.args)
    size = group.recipe.batch_size
    if size == truth.fails_at:
        raise ValueError(f"no training at batch size {size}")
    if size == truth.memory_ends_at:
        raise MemoryError
    for part in (0.5, 1.0):
        time.sleep(truth.slow / 2)
        report(part, TARGET)
    yield tuple(_record(run, truth) for run in group.runs)


def train_one_by_one(group: Group, report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Yield each run's record by itself, as the plain loop does."""
    truth = Truth(**group.recipe.model.args)
    for number, run in enumerate(group.runs):
        report((number + 1) / len(group.runs), TARGET)
        yield (_record(run, truth),)


def _record(run: Run, truth: Truth) -> RunRecord:
    recipe = run.recipe
    momentum = recipe.optimizer.args.get("momentum", 0.0)
    rate = run.learning_rate / (1 - momentum)
    best = truth.best_rate(recipe.batch_size)
    grid = evaluation_grid(recipe.steps, recipe.evaluation_spacing)
    if rate >= _DIVERGES_AT * best:
        curve = tuple(_point(run, step, math.inf) for step in grid[:3])
        return RunRecord(run, RunStatus.DIVERGED, curve, stopped_at=grid[2] + 1)
    shared, own = random.Random(run.seed), random.Random(f"{run.run_id}")
    noise = truth.noise * (shared.gauss(0, 1) + own.gauss(0, 1))
    penalty = _PENALTY * math.log2(rate / best) ** 2
    if momentum:
        penalty += _PENALTY * math.log2((1 - momentum) / (1 - BEST_MOMENTUM)) ** 2
    decay = recipe.optimizer.args.get("weight_decay")
    if decay:
        penalty += abs(math.log10(decay / BEST_DECAY))
    reaches = truth.steps(recipe.batch_size) * math.exp(noise + penalty)
    curve = tuple(_point(run, step, reaches) for step in grid)
    last = {"loss": curve[-1].validation_loss, **curve[-1].metrics}
    final = {part: dict(last) for part in ("train", "validation", "test")}
    final["train"]["accuracy"] = min(1.0, last["accuracy"] + 0.01)
    return RunRecord(run, RunStatus.COMPLETED, curve, final, recipe.steps, curve[-1].train_seconds)


def _point(run: Run, step: int, reaches: float) -> CurvePoint:
    """Return a point of a curve that comes to the target at step ``reaches`` exactly."""
    error = 0.9 / (1 + 8 * step / reaches)
    seen = step * run.recipe.batch_size
    return CurvePoint(
        step=step,
        epoch=seen / TRAIN_SAMPLES,
        samples_seen=seen,
        train_seconds=step * 1e-7,
        train_loss=2 * error,
        validation_loss=2 * error,
        metrics={"accuracy": 1 - error},
    )


def evaluation_grid(total: int, spacing: float) -> tuple[int, ...]:
    """Return log-spaced steps, written down a second time: a test compares the two."""
    steps = [1]
    while steps[-1] < total:
        steps.append(min(total, max(steps[-1] + 1, int(steps[-1] * spacing))))
    return tuple(steps)


# --- measurements ---------------------------------------------------------------------------

STEP_SECONDS, SAMPLE_SECONDS = 2e-4, 1e-6


def measure_speed(unit: SpeedUnit, report: Report) -> Iterator[tuple[SpeedRecord]]:
    """Yield seconds per step = α + βB, with a little spread."""
    size = unit.recipe.batch_size
    noise = random.Random(size + unit.visit)
    mean = STEP_SECONDS + SAMPLE_SECONDS * size
    draws = tuple(mean * math.exp(noise.gauss(0, 0.01)) for _ in range(unit.draws))
    report(1.0, None)
    found = SpeedRecord(unit.unit_id, size, unit.loop, RunStatus.COMPLETED, draws, 10**8)
    yield (dataclasses.replace(found, timed=unit.timed),)


@contextlib.contextmanager
def fake_speed() -> Iterator[None]:
    """Let units that ask for a speed measurement find the fake one."""
    before = registry.INTERNAL["measure"]
    registry.INTERNAL["measure"] = {**before, "speed": "tests.fakes:measure_speed"}
    registry.targets.cache_clear()
    try:
        yield
    finally:
        registry.INTERNAL["measure"] = before
        registry.targets.cache_clear()


# --- a sweep in the fake world --------------------------------------------------------------

TRAIN_SAMPLES = 4096


def config(truth: Truth | None = None, **changes: Any) -> SweepConfig:
    """Return the configuration of a sweep in the fake world."""
    args = dataclasses.asdict(truth or Truth())
    made = SweepConfig(
        dataset=Ingredient("fake"),
        model=Ingredient("fake", args),
        optimizer=Ingredient("sgd"),
        batch_sizes=BatchSizes((4, 8, 16, 32, 64, 128, 256, 512, 1024)),
        learning_rates=LearningRates("grid", (0.015625, 0.03125, 0.0625, 0.125, 0.25, 0.5)),
        budget=Budget(steps=2000),
        seeds=5,
        split=Split(),
        tail="keep",
        speed_loop="device",
        targets=(TargetSpec("accuracy", TARGET),),
        tolerance=0.005,
        device="cpu",
        threads=1,
        executor="inline",
        within_seconds=None,
        name=None,
    )
    return dataclasses.replace(made, **changes)


def facts(**changes: Any) -> Facts:
    """Return the facts of the fake world."""
    made = Facts(
        dataset_name="fake",
        fingerprint="0" * 20,
        train_samples=TRAIN_SAMPLES,
        validation_samples=512,
        test_samples=512,
        input_shape=(8,),
        classes=4,
        task="classification",
        metrics=(Metric("accuracy", higher_is_better=True, bounded=True),),
        parameters=100,
        has_batchnorm=False,
        sample_floats=50,
        trainer="tests.fakes:train",
        device="cpu",
        threads=1,
    )
    return dataclasses.replace(made, **changes)


def recipe(**changes: Any) -> Recipe:
    """Return a recipe of the fake world."""
    of = plan.recipes(config(batch_sizes=BatchSizes((16,))), facts())[0]
    return dataclasses.replace(of, **changes)


class Watcher:
    """Notes what it is told, and stops the sweep after so many units."""

    def __init__(self, stops_after: int | None = None) -> None:
        self.units: list[str] = []
        self.lines: list[str] = []
        self._left = stops_after

    def started(self, units: int, predicted_seconds: float) -> None:
        """Take note of nothing."""

    def unit_started(self, unit: str, description: str) -> None:
        """Note the unit."""
        self.units.append(description)

    def unit_progress(self, unit: str, fraction: float, best: float | None) -> None:
        """Stop in the middle of a unit when it is time."""
        if self._left == 0:
            raise Stopped("a test")

    def unit_done(self, unit: str, seconds: float) -> None:
        """Count."""
        if self._left is not None:
            self._left -= 1

    def stored(self, runs: Sequence[RunRecord]) -> None:
        """Take note of nothing."""

    def announce(self, line: str) -> None:
        """Note the line."""
        self.lines.append(line)

    @property
    def groups(self) -> list[str]:
        """The groups that were started."""
        return [unit for unit in self.units if unit.startswith("batch size")]


SWEEP_ID = "0123456789ab"


def run_sweep(
    folder: Path,
    asked: SweepConfig,
    known: Facts | None = None,
    watcher: Watcher | None = None,
    *,
    fresh: bool = False,
) -> str:
    """Conduct the sweep into the store in ``folder``; return its status."""
    known = known or facts()
    with fake_speed(), Store(folder, create=True) as store, InlineExecutor() as executor:
        conductor = Conductor(
            SWEEP_ID,
            asked,
            known,
            plan.recipes(asked, known),
            {"machine": "fake"},
            store,
            executor,
            watcher or Watcher(),
            fresh=fresh,
        )
        conductor.prepare()
        return conductor.run()


def stored_runs(folder: Path) -> list[RunRecord]:
    """Return the runs in the store."""
    with Store(folder) as store:
        return store.runs(SWEEP_ID)


def analysed(
    folder: Path, known: Facts | None = None, targets: Sequence[TargetSpec] | None = None
) -> Analysis:
    """Return what the stored sweep says."""
    from bsx.analyze import analyze

    with Store(folder) as store:
        sweep = store.sweep(SWEEP_ID)
        of = plan.recipes(sweep.config, sweep.facts)
        runs, speeds = store.runs(SWEEP_ID), store.speeds(SWEEP_ID)
    return analyze(sweep.config, known or sweep.facts, of, runs, speeds, targets)
