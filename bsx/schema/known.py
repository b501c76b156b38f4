"""What planning must know before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bsx.schema.canonical import LATER

# Metrics that are a share of the samples, beside top-2, top-3 …
_SHARES = frozenset({"accuracy", "exact-match"})
_OF_TOKENS = "language-modelling"  # of which a sample holds many


@dataclass(frozen=True)
class Metric:
    """A number that the task reports of a set of samples."""

    name: str
    higher_is_better: bool
    bounded: bool = False  # lies in [0, 1]
    percent: bool = field(default=False, metadata=LATER)  # lies in [0, 100], or may as well

    @property
    def is_share(self) -> bool:
        """Whether a tolerance is in points of it: of any other metric it is a share of the best."""
        return self.bounded or self.percent

    def margin(self, tolerance: float, best: float) -> float:
        """Return how far from ``best`` a tolerance allows.

        ``tolerance`` itself between 0 and 1, and a hundred times it in per cent; of any other
        metric, ten times that share of the best value: half a point of accuracy and 5 % of an error
        are about as much to lose.
        """
        if self.is_share:
            return tolerance * (100 if self.percent and abs(best) > 1 else 1)
        return 10 * tolerance * abs(best)

    def reaches(self, value: float, threshold: float) -> bool:
        """Say whether ``value`` is at ``threshold`` or better."""
        return value >= threshold if self.higher_is_better else value <= threshold


@dataclass(frozen=True)
class Baseline:
    """What a prediction that needs no model reaches: metric → value, ``loss`` among them.

    None where a metric means nothing.
    """

    name: str
    validation: Mapping[str, float | None]
    test: Mapping[str, float | None]


@dataclass(frozen=True)
class MemoryLimit:
    """The most that one process can hold in memory, and whose limit that is."""

    limit_bytes: int
    source: str  # device | container | machine


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
    threads: int  # of the CPU, for the one loop that is timed or for all workers together
    workers: int = 1  # groups that train side by side
    rivals: tuple[str, ...] = ()  # trainers that might do it faster
    baseline: Baseline | None = None  # of the user's own program nothing is known
    target_scale: tuple[float, ...] = ()  # of standardized targets, each once: 1 is so much of them
    ghost_size: int | None = None  # samples in a chunk of Ghost BatchNorm, if that is the only norm
    streamed: bool = False  # whether the inputs do not fit in memory and are fetched
    memory_limit: MemoryLimit | None = None  # None: the system does not tell
    worker_threads: int | None = field(default=None, metadata=LATER)  # on a cluster: of one unit
    devices: int = field(default=1, metadata=LATER)  # that one run trains on at once
    identifiers: tuple[str, ...] = field(default=(), metadata=LATER)  # columns that name the rows
    dates: tuple[tuple[str, int], ...] = field(default=(), metadata=LATER)  # columns, and how many
    filled: tuple[tuple[str, int, int], ...] = field(default=(), metadata=LATER)  # gaps of cells
    predicted: tuple[str, ...] = field(default=(), metadata=LATER)  # columns of the target
    dropped: tuple[str, ...] = field(default=(), metadata=LATER)  # columns that are left out
    doubts: tuple[str, ...] = field(default=(), metadata=LATER)  # about the model: cautions' codes
    history_floats: float = field(default=0, metadata=LATER)  # of the optimizer, for each parameter
    curve_samples: int = field(default=1_000, metadata=LATER)  # that curves are measured on

    @classmethod
    def told(
        cls,
        name: str,
        fingerprint: str,
        metrics: tuple[Metric, ...],
        *,
        train_samples: int,
        by: str,
        device: str,
        threads: int,
    ) -> Facts:
        """Return the facts where data and model are never seen: what was told, and no more.

        ``by``: who trains, the name of the task and the trainer alike.
        """
        return cls(
            dataset_name=name,
            fingerprint=fingerprint,
            train_samples=train_samples,
            validation_samples=0,
            test_samples=0,
            input_shape=(),
            classes=None,
            task=by,
            metrics=metrics,
            parameters=0,
            has_batchnorm=False,
            sample_floats=1,
            trainer=by,
            device=device,
            threads=threads,
        )

    def timed_loop(self, asked: str) -> str:
        """Return the loop whose speed is measured: one that streams cannot be timed otherwise."""
        return "stream" if self.streamed else asked

    @property
    def threads_each(self) -> int:
        """The threads of one worker."""
        if self.worker_threads is not None:
            return self.worker_threads
        return max(1, self.threads // self.workers)

    @property
    def metric(self) -> Metric:
        """The metric that quality is judged by."""
        return self.metrics[0]

    def grain(self, metric: Metric, split: str) -> float:
        """Return the least step that a metric moves in on a split: a share of n samples, by 1/n.

        0 where it is no share of samples, or their number is not known.
        """
        share = metric.name in _SHARES or metric.name.startswith("top-")
        samples: int = getattr(self, f"{split}_samples")
        return 1 / samples if share and samples and self.task != _OF_TOKENS else 0.0

    def metric_named(self, name: str) -> Metric | None:
        """Return the metric called ``name`` (``loss`` is one of every task's), or None."""
        known = (*self.metrics, Metric("loss", higher_is_better=False))
        return next((m for m in known if m.name == name), None)


@dataclass(frozen=True)
class CostModel:
    """Predicted wall time: seconds = steps × (per step + per sample × batch × lanes) + the rest."""

    step_seconds: float
    sample_seconds: float
    unit_seconds: float = 0.5  # starting a unit: process, data, first allocation
    run_seconds: float = 0.0  # evaluating one run, on its way and at its end
    # what it is with other trainers
    rivals: Mapping[str, CostModel] = field(default_factory=dict, hash=False)

    def group_seconds(
        self, steps: int, batch_size: int, runs: int = 1, *, together: bool = True
    ) -> float:
        """Predict how long runs of ``steps`` take, in seconds: together as lanes, or in turn."""
        lanes, turns = (runs, 1) if together else (1, runs)
        per_step = self.step_seconds + self.sample_seconds * batch_size * lanes
        return self.unit_seconds + turns * steps * per_step + runs * self.run_seconds
