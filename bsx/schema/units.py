"""The units that workers take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from bsx.schema.asked import Training
from bsx.schema.canonical import LATER, digest, plain
from bsx.schema.known import Metric
from bsx.schema.search import Point, rate_of
from bsx.schema.work import Recipe, Run, Trunk, recipe_at


@dataclass(frozen=True)
class EndStates:
    """Where end states of runs are kept, and how many bytes they may take; ``anew`` takes none."""

    folder: str
    most_bytes: int
    anew: bool = False


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
    states: EndStates | None = None  # where longer runs begin, and shorter ones are kept
    micro_batch_size: int | None = None  # of a pass, where memory holds no more; None: the recipe's
    devices: int = field(default=1, metadata=LATER)  # that one run trains on at once
    halving: bool = field(default=False, metadata=LATER)  # whether what is behind is dropped
    judged: bool = field(default=True, metadata=LATER)  # at its end; not where steps are timed

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
        for aside in ("predicted_seconds", "round", "streamed", "checkpoints", "states"):
            del document[aside]
        if self.micro_batch_size is None:  # as it was before there was any
            del document["micro_batch_size"]
        return digest(document)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs of the group, in lane order."""
        of = {point: recipe_at(self.recipe, point) for point, _ in self.members}
        return tuple(Run(of[point], rate_of(point), seed) for point, seed in self.members)

    def without(self, run_ids: Collection[str]) -> Group:
        """Return what is left of the group without these runs."""
        left = zip(self.members, self.runs, strict=True)
        return replace(self, members=tuple(one for one, run in left if run.run_id not in run_ids))


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
    checkpoints: str | None = field(default=None, compare=False)  # the folder of them
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
    """One batch size timed alone: one model, nothing else running.

    A machine is not as quick at every minute, so that each size is timed in several visits, far
    apart. They are units of their own; what they time is the same.
    """

    recipe: Recipe
    learning_rate: float
    loop: str  # device | dataloader | stream
    device: str
    threads: int
    machine: str  # hash of machine and versions: speed does not travel
    worker: str = "speed"
    predicted_seconds: float = field(default=0.0, compare=False)
    micro_batch_size: int | None = None  # as of a group
    devices: int = 1
    visit: int = 0
    draws: int = field(default=5, compare=False)

    @property
    def is_again(self) -> bool:
        """Whether the same was timed before."""
        return self.visit > 0

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
        """The unit's identity: what is timed, how, and on which machine; and which time."""
        return f"{self.timed}-{self.visit}" if self.visit else self.timed

    @cached_property
    def timed(self) -> str:
        """The identity of what all visits time."""
        recipe = self.recipe
        how = [recipe.optimizer, recipe.task, recipe.batch_size, recipe.tail, self.loop]
        return digest(
            {
                "what": [recipe.dataset, recipe.fingerprint, recipe.split, recipe.model],
                "how": [*how, *self._of_a_step],
                "where": [self.device, self.threads, self.machine, *self._devices],
            }
        )

    @property
    def _of_a_step(self) -> tuple[dict[str, Any], ...]:
        """What else a step costs time by; nothing where all of it is as usual."""
        recipe = self.recipe
        training = replace(
            recipe.training, schedule="constant", warmup=0.0, decay="rate", grow_to=None
        )
        others = {
            "training": training,
            "precision": recipe.precision,
            "loss": recipe.objective.loss,
            "augment": recipe.sampling.augment,
            "freeze": recipe.initialization.freeze,
        }
        usual = {
            "training": Training(), "precision": "float32", "loss": None,
            "augment": (), "freeze": (),
        }  # fmt: skip
        found = {name: value for name, value in others.items() if value != usual[name]}
        return (found,) if found else ()

    @property
    def _devices(self) -> tuple[int, ...]:
        return () if self.devices == 1 else (self.devices,)


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
    evaluated: int  # samples, in all evaluations of a whole run; the recipe's are of a step here
    trainer: str
    device: str
    threads: int
    worker: str = "calibration"
    predicted_seconds: float = 1.0
    streamed: bool = False
    devices: int = field(default=1, metadata=LATER)


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
    checkpoints: str | None = field(default=None, compare=False)  # the folder of them
    micro_batch_size: int | None = None  # of the passes that the run was trained in

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
        passes = () if self.micro_batch_size is None else (self.micro_batch_size,)
        return digest([self.run.run_id, self.measures, self.batch_sizes, where, *passes])


Unit = Group | BranchUnit | SpeedUnit | CalibrationUnit | MemoryUnit | DiagnosticUnit


def side_by_side(groups: Sequence[Group | BranchUnit | DiagnosticUnit], workers: int) -> float:
    """Return about how many seconds units take, of which so many run at once."""
    seconds = [group.predicted_seconds for group in groups]
    return max(sum(seconds) / workers, max(seconds, default=0.0))


# Called by a worker with the fraction done and the best validation metric so far; it may raise
# Stopped, which ends the unit.
Report = Callable[[float, float | None], None]
