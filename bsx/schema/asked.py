"""What was asked: a sweep, fully validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bsx.schema.canonical import LATER, plain
from bsx.schema.known import Metric
from bsx.schema.search import Search

# What the recommended size takes least of, or is best in
AIMS = ("time", "steps", "samples", "quality", "memory", "cost")


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
class Sampling:
    """Which samples are trained on, in which order, and how they are varied.

    ``subset``: a stratified draw of so many of all samples; None takes all. ``order``: shuffled,
    sequential or by-class. ``class_skew``: 0 mixes classes freely, 1 fills a batch from one class.
    ``augment``: of flip, crop, noise.
    """

    subset: int | None = None
    order: str = "shuffled"
    class_skew: float = 0.0
    augment: tuple[str, ...] = ()


@dataclass(frozen=True)
class Objective:
    """What is minimized and what quality is judged by; None takes the task's own."""

    loss: str | None = None
    label_smoothing: float = 0.0
    metric: str | None = None


@dataclass(frozen=True)
class Initialization:
    """The weights that a run starts from.

    ``scheme``: default, xavier, he, orthogonal or zeros-last. ``file``: weights to load after
    that, ``source`` its hash; ``without_head`` leaves the last layer as drawn. ``freeze``:
    patterns (as of a shell) of parameters that are not trained.
    """

    scheme: str = "default"
    file: str | None = None
    source: str | None = None
    without_head: bool = False
    freeze: tuple[str, ...] = ()


@dataclass(frozen=True)
class Training:
    """How a step is taken, beside the optimizer's own arguments.

    ``schedule``: constant, step, exponential, cosine, linear or one-cycle, over the run's steps,
    after a ``warmup`` (a share of the steps) that rises linearly. ``clip_norm`` bounds the norm of
    the whole gradient. ``l1`` and ``l2`` are added to the loss. ``micro_batch_size`` splits a batch
    into passes whose gradients are accumulated. ``precision``: float32, or bfloat16 by autocast.
    ``decay``: what a schedule changes, the rate, or batch-size: the rate stays and the batch grows,
    up to ``grow_to`` (None: a tenth of the training set), from where on the rate decays.
    """

    schedule: str = "constant"
    warmup: float = 0.0
    clip_norm: float | None = None
    l1: float = 0.0
    l2: float = 0.0
    micro_batch_size: int | None = None
    precision: str = "float32"
    decay: str = "rate"
    grow_to: int | None = None


@dataclass(frozen=True)
class Scaling:
    """How the optimizer's other numbers follow the batch size, from ``base_batch_size`` on.

    ``momentum``: fixed, or half-life: momentum and betas are raised to the power B/B₀, so that
    they forget after as many samples (Malladi et al. 2022). ``weight_decay``: fixed, linear, sqrt.
    """

    momentum: str = "fixed"
    weight_decay: str = "fixed"
    base_batch_size: int | None = None


@dataclass(frozen=True)
class BatchSizes:
    """The batch sizes asked for: explicit ones, or None for powers of two up to the data."""

    sizes: tuple[int, ...] | None = None
    full_batch: bool = False


# To tell a rate to be behind (``halving``): with two, a difference must be 64 times its error.
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class LearningRates:
    """How learning rates are found.

    ``mode`` is ``tuned`` (a grid that widens itself), ``grid`` (these values) or ``fixed`` (one
    value). ``rule`` says how a rate follows the batch size: ``tuned`` at each size, or ``none``,
    ``linear``, ``sqrt`` or ``saturating`` (at the batch size ``saturation``) relative to the
    rate at ``base_batch_size``. ``scout``: one seed tries each rate before the others do.
    ``halving``: a rate that is clearly behind on the way is not trained to its end.
    """

    mode: str = "tuned"
    values: tuple[float, ...] = ()
    rule: str = "tuned"
    base_batch_size: int | None = None
    saturation: float | None = None
    scout: bool = False
    halving: bool = field(default=False, metadata=LATER)


@dataclass(frozen=True)
class Budget:
    """How long a run trains: the first limit reached ends it, above the floor ``min_steps``."""

    epochs: float | None = None
    steps: int | None = None
    samples_seen: int | None = None
    min_steps: int | None = None


@dataclass(frozen=True)
class Branching:
    """Runs at one batch size, from several points of which other sizes go on as branches.

    ``rule`` says how the rate of a branch follows its size from ``base_batch_size`` on: none,
    linear, sqrt or saturating (at the batch size ``saturation``). ``points``: how many, each half
    as far as the next. ``samples``: the length of a branch; None: that of the training set.
    """

    base_batch_size: int
    rule: str
    saturation: float | None = None
    points: int = 5
    samples: int | None = None


@dataclass(frozen=True)
class TargetSpec:
    """A target the user named, e.g. ``accuracy=0.97``; which way is better is the task's to say."""

    metric: str
    threshold: float


ELSEWHERE = "import:"  # how the reports of a program begin that was run elsewhere


@dataclass(frozen=True)
class Program:
    """The user's own program, of which one run is one training run.

    ``text`` is the command with its ``placeholders``, ``sources`` the hashes of its files by path.
    ``reports`` says where its metrics are read: stdout, csv:FILE, tensorboard:FOLDER, or
    import:FILE of what was run elsewhere.
    """

    text: str
    placeholders: tuple[str, ...]
    train_samples: int
    sources: Mapping[str, str] = field(default_factory=dict)
    reports: str = "stdout"

    @property
    def takes_rate(self) -> bool:
        """Whether it is told its learning rate."""
        return not {"lr", "learning_rate"}.isdisjoint(self.placeholders)

    @property
    def elsewhere(self) -> bool:
        """Whether it was run elsewhere, and its curves imported."""
        return self.reports.startswith(ELSEWHERE)

    @property
    def takes_length(self) -> bool:
        """Whether it is told how long to train."""
        return not {"steps", "epochs"}.isdisjoint(self.placeholders)


@dataclass(frozen=True)
class Command:
    """A sweep over the user's own program: how to judge it, and when to give a run up."""

    program: Program
    metrics: tuple[Metric, ...]  # the first is the one that quality is judged by
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class Cluster:
    """Where units run that do not run on this machine; it decides no result.

    ``slurm_cluster``: slurm, or local: jobs as submitit runs them on one machine.
    ``slurm_folder``: where jobs and this process tell each other; None: in the store's.
    """

    ray_address: str | None = None
    slurm_cluster: str = "slurm"
    slurm_folder: str | None = None
    slurm_partition: str | None = None
    slurm_seconds: float | None = None  # the most that one job may take
    slurm_gpus: int | None = None  # of one job
    slurm_args: Mapping[str, Any] = field(default_factory=dict)


ON_CLUSTERS = ("ray", "slurm")  # executors whose units run on machines that are not looked at


@dataclass(frozen=True)
class SweepConfig:
    """What was asked, fully validated.

    Where it runs and how results are read is no part of the question; see :meth:`question`.
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
    sampling: Sampling = Sampling()
    objective: Objective = Objective()
    initialization: Initialization = Initialization()
    training: Training = Training()
    scaling: Scaling = Scaling()
    command: Command | None = None
    stream: str = "auto"  # auto | always | never
    engine: str = "auto"  # auto | loop | channels-last | lanes
    workers: int | None = None  # None: one a thread of the CPU
    aim: str = "time"  # of AIMS: what is recommended by
    price_per_hour: float | None = None  # of training, in the currency of the user
    hang_seconds: float | None = 1800.0  # after which a silent process is ended
    accumulate: bool = False  # gradients of smaller passes, where memory holds no whole batch
    states_bytes: int | None = None  # that end states may take, for longer runs; None: none kept
    confirm: int = 1  # evaluations in a row that must hold a target
    branching: Branching | None = field(default=None, metadata=LATER)  # None: all from the start
    search: Search | None = None  # of more than the learning rate; None: that alone
    measures: tuple[str, ...] = ()  # of MEASURES: what is measured beside, of runs trained again
    audit_base: int | None = None  # the batch size that audited rules start from; None: smallest
    # of critical_batch_size_20; None: the smallest that gets to the target
    reference_batch_size: int | None = None
    devices: int = field(default=1, metadata=LATER)  # that one run trains on at once
    lanes_bytes: int | None = field(default=None, metadata=LATER)  # for all that trains at once
    evaluation_spacing: float = field(default=1.05, metadata=LATER)  # as a factor of the steps
    evaluation_samples: int | None = field(default=None, metadata=LATER)  # at most, along a run
    cluster: Cluster = field(default=Cluster(), metadata=LATER)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def elsewhere(self) -> bool:
        """Whether units run on other machines."""
        return self.executor in ON_CLUSTERS

    def question(self) -> dict[str, Any]:
        """Return the part that decides which runs the sweep consists of."""
        document: dict[str, Any] = plain(self)
        of_reading = ("tolerance", "aim", "price_per_hour", "confirm", "audit_base", "measures",
                      "reference_batch_size")  # fmt: skip
        of_running = ("executor", "within_seconds", "name", "stream", "hang_seconds", "origins")
        of_memory = ("accumulate", "states_bytes")
        for key in (*of_reading, *of_running, *of_memory):
            del document[key]
        document.pop("cluster", None)
        if self.search is None:  # as it was before there was any
            del document["search"]
        return document


@dataclass(frozen=True)
class View:
    """How a stored sweep is to be read again; None and () leave it as it was asked for."""

    targets: tuple[TargetSpec, ...] = ()
    tolerance: float | None = None
    aim: str | None = None
    price_per_hour: float | None = None
    confirm: int | None = None
    audit_base: int | None = None
    reference_batch_size: int | None = None
    metric: str | None = None  # that quality is judged by; of what was known, not of what was asked

    def of(self, config: SweepConfig) -> SweepConfig:
        """Return the sweep as it is to be read."""
        given = {
            "targets": self.targets or None,
            "tolerance": self.tolerance,
            "aim": self.aim,
            "price_per_hour": self.price_per_hour,
            "confirm": self.confirm,
            "audit_base": self.audit_base,
            "reference_batch_size": self.reference_batch_size,
        }
        changes: dict[str, Any] = {key: v for key, v in given.items() if v is not None}
        return replace(config, **changes)
