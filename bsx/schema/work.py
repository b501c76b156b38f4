"""What is to be done: runs, and the units that workers take."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from bsx.arithmetic import EVERY_BATCH, LARGEST_SHARE, growing_batches, steps_per_epoch
from bsx.schema.asked import (
    Ingredient,
    Initialization,
    Objective,
    Program,
    Sampling,
    Split,
    Training,
)
from bsx.schema.canonical import SCHEMA_VERSION, canonical_json, digest, digest_of, plain
from bsx.schema.known import Metric


@dataclass(frozen=True)
class Recipe:
    """Everything about a training run but its learning rate and its seed.

    ``steps`` is its length in batches of ``batch_size``: where batches grow, a run takes several of
    them in one step, and fewer steps (:meth:`length`).
    """

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

    @cached_property
    def canonical(self) -> str:
        """The recipe as canonical JSON."""
        return canonical_json(self)

    def batches_before(self, samples: int) -> Sequence[int]:
        """Return how many batches of ``batch_size`` lie before each step, of so many samples."""
        training = self.training
        if training.decay == "rate":
            return EVERY_BATCH
        return growing_batches(
            training.schedule,
            training.warmup,
            self.steps,
            steps_per_epoch(samples, self.batch_size, self.tail),
            (training.grow_to or samples // LARGEST_SHARE) // self.batch_size,
        )

    def length(self, samples: int) -> int:
        """Return the steps that a run takes."""
        return bisect_left(self.batches_before(samples), self.steps)

    def largest_batch(self, samples: int) -> int:
        """Return the largest batch of a run, a tail that is merged aside."""
        before = self.batches_before(samples)
        if before is EVERY_BATCH:
            return self.batch_size
        return self.batch_size * max(after - first for first, after in pairwise(before))


@dataclass(frozen=True)
class Run:
    """One training run, fully resolved."""

    recipe: Recipe
    learning_rate: float
    seed: int

    @cached_property
    def run_id(self) -> str:
        """The run's identity: a hash of all that decides its result.

        It is ``digest({"run": self, "schema_version": SCHEMA_VERSION})``, of which the recipe, the
        same in hundreds of runs, is written once.
        """
        rate, seed = canonical_json(self.learning_rate), canonical_json(self.seed)
        run = f'{{"learning_rate":{rate},"recipe":{self.recipe.canonical},"seed":{seed}}}'
        return digest_of(f'{{"run":{run},"schema_version":{SCHEMA_VERSION}}}')


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
    streamed: bool = False  # whether the inputs are fetched as they are needed

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
        """The unit's identity; the prediction, the round and where data lie are no part of it."""
        document = plain(self)
        del document["predicted_seconds"], document["round"], document["streamed"]
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
    loop: str  # device | dataloader | stream
    device: str
    threads: int
    machine: str  # hash of machine and versions: speed does not travel
    worker: str = "speed"
    predicted_seconds: float = field(default=0.0, compare=False)

    @property
    def streamed(self) -> bool:
        """Whether the inputs are fetched as they are needed."""
        return self.loop == "stream"

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


class _Measured:
    """A unit that measures, and is what its fields are."""

    @property
    def kind(self) -> str:
        """The registry's kind of worker that takes this unit."""
        return "measure"

    @cached_property
    def unit_id(self) -> str:
        """The unit's identity."""
        return digest(self)


@dataclass(frozen=True)
class CalibrationUnit(_Measured):
    """A few steps of a small and a large group, to predict how long the sweep will take."""

    recipe: Recipe
    members: tuple[tuple[float, int], ...]
    batch_sizes: tuple[int, ...]
    trainer: str
    device: str
    threads: int
    worker: str = "calibration"
    predicted_seconds: float = 1.0
    streamed: bool = False


@dataclass(frozen=True)
class MemoryUnit(_Measured):
    """Full steps of one model at one batch size, to see whether they stay within ``limit_bytes``.

    None leaves the device's own limit.
    """

    recipe: Recipe
    learning_rate: float
    limit_bytes: int | None
    device: str
    threads: int
    streamed: bool = False
    worker: str = "memory"
    predicted_seconds: float = 1.0


@dataclass(frozen=True)
class DiagnosticUnit:
    """One run trained again by the plain loop, and ``measures`` taken on its way.

    ``batch_sizes``: of which gradients are compared, where they are.
    """

    recipe: Recipe
    learning_rate: float
    seed: int
    measures: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    device: str
    threads: int
    streamed: bool = False
    worker: str = "diagnostics"
    predicted_seconds: float = field(default=0.0, compare=False)

    @property
    def kind(self) -> str:
        """The registry's kind of worker that takes this unit."""
        return "measure"

    @property
    def run(self) -> Run:
        """The run that is trained again."""
        return Run(self.recipe, self.learning_rate, self.seed)

    @cached_property
    def unit_id(self) -> str:
        """The unit's identity: the run, what is measured of it, and on which device."""
        where = [self.device, self.threads]
        return digest([self.run.run_id, self.measures, self.batch_sizes, where])


Unit = Group | SpeedUnit | CalibrationUnit | MemoryUnit | DiagnosticUnit


def side_by_side(groups: Sequence[Group | DiagnosticUnit], workers: int) -> float:
    """Return about how many seconds groups take, of which so many run at once."""
    seconds = [group.predicted_seconds for group in groups]
    return max(sum(seconds) / workers, max(seconds, default=0.0))


# Called by a worker with the fraction done and the best validation metric so far; it may raise
# Stopped, which ends the unit.
Report = Callable[[float, float | None], None]
