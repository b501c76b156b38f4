"""What is to be done: runs, and the units that workers take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from bsx.schema.asked import (
    Ingredient,
    Initialization,
    Objective,
    Program,
    Sampling,
    Split,
    Training,
)
from bsx.schema.canonical import SCHEMA_VERSION, digest, plain
from bsx.schema.known import Metric


@dataclass(frozen=True)
class Recipe:
    """Everything about a training run but its learning rate and its seed."""

    dataset: Ingredient
    fingerprint: str
    split: Split
    model: Ingredient
    optimizer: Ingredient
    task: str
    batch_size: int
    steps: int
    tail: str  # keep | drop | merge
    evaluation_spacing: float = 1.05
    sampling: Sampling = Sampling()
    objective: Objective = Objective()
    initialization: Initialization = Initialization()
    training: Training = Training()
    precision: str = "float32"  # of weights and data; autocast is the training's
    program: Program | None = None


@dataclass(frozen=True)
class Run:
    """One training run, fully resolved."""

    recipe: Recipe
    learning_rate: float
    seed: int

    @cached_property
    def run_id(self) -> str:
        """The run's identity: a hash of all that decides its result."""
        return digest({"schema_version": SCHEMA_VERSION, "run": plain(self)})


@dataclass(frozen=True)
class Group:
    """The runs of one round and batch size; they train together as lanes.

    Members, trainer and thread count are fixed before the first step and never change.
    """

    recipe: Recipe
    members: tuple[tuple[float, int], ...]  # (learning rate, seed)
    trainer: str
    device: str
    threads: int
    round: int
    predicted_seconds: float = field(default=0.0, compare=False)
    judged_by: Metric | None = None  # for a program of the user's, of which no task is known
    timeout_seconds: float | None = None  # for one run of it

    @property
    def kind(self) -> str:
        """The registry's kind of worker that takes this unit."""
        return "trainer"

    @property
    def worker(self) -> str:
        """The registry's name of the function that does the work."""
        return self.trainer

    @cached_property
    def unit_id(self) -> str:
        """The unit's identity; the prediction and the round are no part of it."""
        document = plain(self)
        del document["predicted_seconds"], document["round"]
        return digest(document)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs of the group, in lane order."""
        return tuple(Run(self.recipe, rate, seed) for rate, seed in self.members)


@dataclass(frozen=True)
class SpeedUnit:
    """One batch size timed alone: one model, nothing else running."""

    recipe: Recipe
    learning_rate: float
    loop: str  # device | dataloader
    device: str
    threads: int
    machine: str  # hash of machine and versions: speed does not travel
    worker: str = "speed"
    predicted_seconds: float = field(default=0.0, compare=False)

    @property
    def kind(self) -> str:
        """The registry's kind of worker that takes this unit."""
        return "measure"

    @cached_property
    def unit_id(self) -> str:
        """The unit's identity: what is timed, how, and on which machine."""
        recipe = self.recipe
        return digest(
            {
                "what": [recipe.dataset, recipe.fingerprint, recipe.split, recipe.model],
                "how": [recipe.optimizer, recipe.task, recipe.batch_size, recipe.tail, self.loop],
                "where": [self.device, self.threads, self.machine],
            }
        )


@dataclass(frozen=True)
class CalibrationUnit:
    """A few steps of a small and a large group, to predict how long the sweep will take."""

    recipe: Recipe
    members: tuple[tuple[float, int], ...]
    batch_sizes: tuple[int, ...]
    trainer: str
    device: str
    threads: int
    worker: str = "calibration"
    predicted_seconds: float = 1.0

    @property
    def kind(self) -> str:
        """The registry's kind of worker that takes this unit."""
        return "measure"

    @cached_property
    def unit_id(self) -> str:
        """The unit's identity."""
        return digest(self)


Unit = Group | SpeedUnit | CalibrationUnit

# Called by a worker with the fraction done and the best validation metric so far; it may raise
# Stopped, which ends the unit.
Report = Callable[[float, float | None], None]
