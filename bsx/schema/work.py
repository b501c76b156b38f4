"""What is to be done: recipes and runs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
from bsx.schema.canonical import (
    LATER,
    SCHEMA_VERSION,
    canonical_json,
    digest_of,
)
from bsx.schema.search import Point, Search, Trial, tuned_of


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
    # at most, along a run; None: as many as cost little
    evaluation_samples: int | None = field(default=None, metadata=LATER)

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
        rate, number = canonical_json(self.learning_rate), canonical_json(self.seed)
        recipe = self.recipe.canonical  # written once for all its runs
        run = f'{{"learning_rate":{rate},"recipe":{recipe},"seed":{number}}}'
        return digest_of(f'{{"run":{run},"schema_version":{SCHEMA_VERSION}}}')

    def known_as(self, run_id: str) -> Run:
        """Have the identity that was put down for it, which need not be worked out again."""
        self.__dict__["run_id"] = run_id
        return self


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
