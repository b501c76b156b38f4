"""What is to be done: runs, and the units that workers take."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
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
from bsx.schema.canonical import (
    LATER,
    SCHEMA_VERSION,
    canonical_json,
    digest,
    digest_of,
    plain,
)
from bsx.schema.known import Metric
from bsx.schema.search import Point, Search, Trial, rate_of, tuned_of


@dataclass(frozen=True)
class Trunk:
    """The run that a branch goes on from, after ``steps``; all else is as in the branch."""

    optimizer: Ingredient
    batch_size: int
    steps: int
    learning_rate: float


@dataclass(frozen=True)
class Recipe:
    """Everything about a training run but its learning rate and its seed.

    ``steps`` is its length in batches of ``batch_size``: where batches grow, a run takes several of
    them in one step, and fewer steps (:meth:`length`). A branch goes on from its ``trunk``: its
    steps are those after that, and its batches are cut from one stream of epochs, without tails.
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
    trunk: Trunk | None = field(default=None, metadata=LATER)

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
        """The run's identity: a hash of all that decides its result."""
        return _run_id(self.recipe.canonical, self.learning_rate, self.seed)


@lru_cache(maxsize=2**15, typed=True)  # 1 and 1.0 are equal, and not written alike
def _run_id(recipe: str, learning_rate: float, seed: int) -> str:
    """``digest({"run": run, "schema_version": SCHEMA_VERSION})``, of a recipe written once.

    A plan is looked through again after each round: ten thousand runs are hashed only once.
    """
    rate, number = canonical_json(learning_rate), canonical_json(seed)
    run = f'{{"learning_rate":{rate},"recipe":{recipe},"seed":{number}}}'
    return digest_of(f'{{"run":{run},"schema_version":{SCHEMA_VERSION}}}')


def recipe_at(recipe: Recipe, point: Point) -> Recipe:
    """Return the recipe of the runs at ``point``: what is tuned beside the rate is part of it."""
    tuned = tuned_of(point)
    if not tuned:
        return recipe
    optimizer = replace(recipe.optimizer, args={**recipe.optimizer.args, **tuned})
    return replace(recipe, optimizer=optimizer)


def point_of(run: Run, search: Search | None) -> Point:
    """Return the point that a run of a sweep is of: a trial where more than the rate is tuned."""
    if search is None:
        return run.learning_rate
    args = run.recipe.optimizer.args
    return Trial(run.learning_rate, tuple((a.name, args[a.name]) for a in search.beside))


@dataclass(frozen=True)
class Group:
    """The runs of one round and batch size; they train together as lanes.

    Members, trainer and thread count are fixed before the first step and never change.
    """

    recipe: Recipe
    members: tuple[tuple[Point, int], ...]  # (learning rate or trial, seed)
    trainer: str
    device: str
    threads: int
    round: int
    predicted_seconds: float = field(default=0.0, compare=False)
    judged_by: Metric | None = None  # for a program of the user's, of which no task is known
    timeout_seconds: float | None = None  # for one run of it
    streamed: bool = False  # whether the inputs are fetched as they are needed
    checkpoints: str | None = None  # the folder that they are kept in

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
        """The unit's identity; the prediction, the round and where things lie are no part of it."""
        document = plain(self)
        for aside in ("predicted_seconds", "round", "streamed", "checkpoints"):
            del document[aside]
        return digest(document)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs of the group, in lane order."""
        of = {point: recipe_at(self.recipe, point) for point, _ in self.members}
        return tuple(Run(of[point], rate_of(point), seed) for point, seed in self.members)


@dataclass(frozen=True)
class BranchUnit:
    """The branches off one trunk that are to be trained, and the trunk as far as they need it.

    ``runs`` are of one seed and one trunk, in the order of their points and batch sizes.
    """

    runs: tuple[Run, ...]
    device: str
    threads: int
    predicted_seconds: float = field(default=0.0, compare=False)
    streamed: bool = False  # whether the inputs are fetched as they are needed
    worker: str = "branches"

    @property
    def kind(self) -> str:
        """The registry's kind of worker that takes this unit."""
        return "trainer"

    @property
    def seed(self) -> int:
        """The seed of the trunk and of all its branches."""
        return self.runs[0].seed

    @property
    def trunk(self) -> Trunk:
        """The trunk up to the last branch."""
        trunk = self.runs[-1].recipe.trunk
        assert trunk is not None
        return trunk

    @property
    def recipe(self) -> Recipe:
        """The recipe of the trunk, up to the last branch."""
        trunk = self.trunk
        return replace(
            self.runs[-1].recipe,
            optimizer=trunk.optimizer,
            batch_size=trunk.batch_size,
            steps=trunk.steps,
            trunk=None,
        )

    @property
    def whole(self) -> Run:
        """The trunk as a run, up to the last branch."""
        return Run(self.recipe, self.trunk.learning_rate, self.seed)

    @cached_property
    def unit_id(self) -> str:
        """The unit's identity: the trunk, however many of its branches are missing."""
        start = replace(self.recipe, steps=0)
        return digest([start, self.trunk.learning_rate, self.seed, self.device, self.threads])

    def without(self, run_ids: Collection[str]) -> BranchUnit:
        """Return what is left of the unit without these runs, of which it has others, too."""
        return replace(self, runs=tuple(run for run in self.runs if run.run_id not in run_ids))


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
    members: tuple[tuple[Point, int], ...]
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


Unit = Group | BranchUnit | SpeedUnit | CalibrationUnit | MemoryUnit | DiagnosticUnit


def side_by_side(groups: Sequence[Group | BranchUnit | DiagnosticUnit], workers: int) -> float:
    """Return about how many seconds units take, of which so many run at once."""
    seconds = [group.predicted_seconds for group in groups]
    return max(sum(seconds) / workers, max(seconds, default=0.0))


# Called by a worker with the fraction done and the best validation metric so far; it may raise
# Stopped, which ends the unit.
Report = Callable[[float, float | None], None]
