"""Everything that travels: frozen dataclasses without torch, writable as JSON.

What was asked (:class:`SweepConfig`), what planning must know (:class:`Facts`), what is to be
done (:class:`Run`, :class:`Group`, :class:`SpeedUnit`), what came of it (:class:`RunRecord`,
:class:`SpeedRecord`) and what it means (:class:`Analysis`).  Nothing here computes a result.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

SCHEMA_VERSION = 1


def canonical_json(value: Any) -> str:
    """Write ``value`` as the one JSON text that equal values share.

    Raises:
        ValueError: for NaN and infinities, which JSON does not know.
    """
    return json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )


def plain(value: Any) -> Any:
    """Turn dataclasses, mappings, sequences and enums into what ``json`` writes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, StrEnum):
        return value.value
    return value


def digest(value: Any, length: int = 20) -> str:
    """Hash the canonical JSON of ``value`` (SHA-256, ``length`` hexadecimal digits)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


# --- what is said of a quantity -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured quantity with its interval; ``value`` is None where it was censored.

    ``low`` and ``high`` bound the interval of confidence ``level`` from ``n`` independent draws;
    either is None where that side is not known. ``censored_at`` is the last point looked at
    without seeing the event (the last step evaluated, for steps-to-target).
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int = 0
    method: str = ""
    censored_at: float | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "censored_at"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"Estimate.{name} must be finite or None, not {number}")

    def scaled(self, factor: float) -> Estimate:
        """Return the estimate of ``factor`` × the quantity; ``factor`` is known exactly."""

        def times(number: float | None) -> float | None:
            return None if number is None else number * factor

        return dataclasses.replace(
            self,
            value=times(self.value),
            low=times(self.low),
            high=times(self.high),
            censored_at=times(self.censored_at),
        )


@dataclass(frozen=True, slots=True)
class Caution:
    """Something the reader must know to read a result rightly; the wording is the renderer's."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int | None = None


# --- what was asked -------------------------------------------------------------------------


@dataclass(frozen=True)
class Ingredient:
    """A dataset, model or optimizer as named by the user, with the arguments given to it.

    ``source`` is the hash of the file that defines it, when the user named one.
    """

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None


@dataclass(frozen=True)
class Split:
    """How a dataset without official splits is divided; the same for every run of a sweep."""

    validation: float = 0.1
    test: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class BatchSizes:
    """The batch sizes asked for: explicit ones, or None for powers of two up to the data."""

    sizes: tuple[int, ...] | None = None
    full_batch: bool = False


@dataclass(frozen=True)
class LearningRates:
    """How learning rates are found.

    ``mode`` is ``tuned`` (a grid that widens itself), ``grid`` (these values) or ``fixed`` (one
    value). ``rule`` says how a rate follows the batch size: ``tuned`` at each size, or ``none``,
    ``linear`` or ``sqrt`` relative to the rate at ``base_batch_size``.
    """

    mode: str = "tuned"
    values: tuple[float, ...] = ()
    rule: str = "tuned"
    base_batch_size: int | None = None


@dataclass(frozen=True)
class Budget:
    """How long a run trains: the first limit reached ends it; ``min_steps`` is a floor under all."""

    epochs: float | None = None
    steps: int | None = None
    samples_seen: int | None = None
    min_steps: int | None = None


@dataclass(frozen=True)
class TargetSpec:
    """A target the user named, e.g. ``accuracy=0.97``; which way is better is the task's to say."""

    metric: str
    threshold: float


@dataclass(frozen=True)
class SweepConfig:
    """What was asked, fully validated.

    The first block decides what is trained (and so the identity of the sweep), the second how the
    results are read, the third where and how it is run.
    """

    dataset: Ingredient
    model: Ingredient
    optimizer: Ingredient
    batch_sizes: BatchSizes
    learning_rates: LearningRates
    budget: Budget
    seeds: int
    split: Split
    tail: str  # keep | drop
    speed_loop: str  # device | dataloader

    targets: tuple[TargetSpec, ...]
    tolerance: float

    device: str  # as asked: auto, cpu, cuda, mps
    threads: int
    executor: str
    within_seconds: float | None
    name: str | None
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def question(self) -> dict[str, Any]:
        """Return the part that decides which runs the sweep consists of."""
        document: dict[str, Any] = plain(self)
        for key in ("tolerance", "executor", "within_seconds", "name", "origins"):
            del document[key]
        return document


@dataclass(frozen=True)
class Metric:
    """A number that the task reports of a set of samples."""

    name: str
    higher_is_better: bool
    bounded: bool = False  # lies in [0, 1]

    def reaches(self, value: float, threshold: float) -> bool:
        """Say whether ``value`` is at ``threshold`` or better."""
        return value >= threshold if self.higher_is_better else value <= threshold


@dataclass(frozen=True)
class Facts:
    """What planning must know of the data, the model and the machine, looked at once."""

    dataset_name: str
    fingerprint: str
    train_samples: int
    validation_samples: int
    test_samples: int
    input_shape: tuple[int, ...]
    classes: int | None
    task: str
    metrics: tuple[Metric, ...]  # the first is the one that quality is judged by
    parameters: int
    has_batchnorm: bool
    sample_floats: int  # numbers kept for one sample through forward and backward
    trainer: str  # the registry's name of the trainer that suits the model
    device: str
    threads: int

    @property
    def metric(self) -> Metric:
        """The metric that quality is judged by."""
        return self.metrics[0]

    def metric_named(self, name: str) -> Metric | None:
        """Return the metric called ``name`` (``loss`` is one of every task's), or None."""
        known = (*self.metrics, Metric("loss", higher_is_better=False))
        return next((m for m in known if m.name == name), None)


@dataclass(frozen=True)
class CostModel:
    """Predicted wall time: seconds = steps × (per step + per sample × batch × lanes)."""

    step_seconds: float
    sample_seconds: float
    unit_seconds: float = 0.5  # starting a unit: process, data, first allocation

    def group_seconds(self, steps: int, batch_size: int, lanes: int) -> float:
        """Predict how long a group takes, in seconds."""
        per_step = self.step_seconds + self.sample_seconds * batch_size * lanes
        return self.unit_seconds + steps * per_step


# --- what is to be done ---------------------------------------------------------------------


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
    order: str = "shuffled"
    precision: str = "float32"


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


# --- what came of it ------------------------------------------------------------------------


class RunStatus(StrEnum):
    """How a run ended; every one of them is a result."""

    COMPLETED = "completed"
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


# A run with one of these is never trained again.
SETTLED = frozenset({RunStatus.COMPLETED, RunStatus.DIVERGED, RunStatus.OUT_OF_MEMORY})


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One evaluation during training; evaluation time is kept out of ``train_seconds``.

    ``train_loss`` is the mean over the batches since the point before.
    """

    step: int
    epoch: float
    samples_seen: int
    train_seconds: float
    train_loss: float
    validation_loss: float
    metrics: Mapping[str, float]  # on validation


@dataclass(frozen=True)
class RunRecord:
    """A run and what came of it. ``stopped_at`` is the last step taken with a finite loss."""

    run: Run
    status: RunStatus
    curve: tuple[CurvePoint, ...] = ()
    final: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # split → metric → value
    stopped_at: int = 0
    train_seconds: float = 0.0
    environment: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def run_id(self) -> str:
        """The identity of the run."""
        return self.run.run_id


@dataclass(frozen=True)
class SpeedRecord:
    """How fast one batch size runs alone: seconds per step of each draw, and the peak memory."""

    unit_id: str
    batch_size: int
    loop: str
    status: RunStatus
    step_seconds: tuple[float, ...] = ()  # one a draw: the mean over the draw's steps
    peak_memory_bytes: int | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


Record = RunRecord | SpeedRecord | CostModel


# --- what it means --------------------------------------------------------------------------


@dataclass(frozen=True)
class ToTarget:
    """How one batch size reaches one target, at the rate that is fastest to it."""

    learning_rate: float | None
    learning_rate_at_edge: bool | None
    learning_rate_basin: tuple[float, float] | None  # rates within 20 % of the fastest
    steps: Estimate | None
    epochs: Estimate | None
    samples: Estimate | None
    seconds: Estimate | None
    reached_fraction: float | None


@dataclass(frozen=True)
class Final:
    """Where one batch size ends, at the rate best on validation at the end."""

    learning_rate: float
    train: Mapping[str, Estimate]
    validation: Mapping[str, Estimate]
    test: Mapping[str, Estimate]
    generalization_gap: Estimate | None
    best_epoch: Estimate | None


@dataclass(frozen=True)
class Speed:
    """How fast one batch size runs, alone."""

    loop: str
    step_seconds: Estimate
    samples_per_second: Estimate
    epoch_seconds: Estimate
    peak_memory_bytes: int | None


@dataclass(frozen=True)
class BatchSizeSummary:
    """One row of every table."""

    batch_size: int
    status: str  # ok | censored | diverged | out_of_memory | failed | not_run
    runs: int
    seeds: int
    diverged_fraction: float | None
    steps_per_epoch: int
    last_batch: int
    steps: int
    epochs: float
    to_target: tuple[ToTarget, ...]
    final: Final | None
    speed: Speed | None
    noise_scale: Estimate | None = None
    sharpness: Estimate | None = None


@dataclass(frozen=True)
class TargetSummary:
    """One target, and the trade-off between steps and samples that was fitted to it."""

    metric: str
    threshold: float
    source: str  # user | auto
    critical_batch_size: Estimate | None
    critical_batch_size_20: Estimate | None
    min_steps: Estimate | None
    min_samples: Estimate | None
    reference_batch_size: int | None  # of critical_batch_size_20
    verdict: str  # fitted | the code of the reason why there is no fit
    split: str = "validation"


@dataclass(frozen=True)
class Recommendation:
    """The batch size to take; ``reason`` is a code with values, worded by the renderer."""

    batch_size: int
    learning_rate: float | None
    objective: str
    indifferent: tuple[int, ...]
    reason: Caution


@dataclass(frozen=True)
class Analysis:
    """Everything that the records of a sweep say."""

    metric: str
    targets: tuple[TargetSummary, ...]
    batch_sizes: tuple[BatchSizeSummary, ...]
    recommendation: Recommendation | None
    cautions: tuple[Caution, ...]


@dataclass(frozen=True)
class Sweep:
    """A stored sweep: what was asked, what was known, and how far it came."""

    sweep_id: str
    config: SweepConfig
    facts: Facts
    environment: Mapping[str, Any]
    status: str  # running | complete | stopped | out_of_time | failed
    created: str  # ISO 8601, UTC
