"""What the branches of a run say: the critical batch size along it, and the warm-up it implies."""

from __future__ import annotations

from dataclasses import dataclass

from bsx.schema.quantity import Estimate


@dataclass(frozen=True)
class Branch:
    """One batch size at one point, all seeds together.

    ``loss`` is that of validation, averaged over the end of the branch. ``difference`` is how much
    it lies above that of the base batch size, which saw the same samples, and ``excess`` how much
    more than the point's margin: below 0 the size is as good. Both are paired over seeds.
    """

    batch_size: int
    learning_rate: float | None  # None: not run yet
    steps: int
    seeds: int
    diverged: int  # of the seeds
    loss: Estimate | None
    difference: Estimate | None
    excess: Estimate | None
    verdict: str  # base | as_good | worse | undecided | diverged | out_of_memory | failed | not_run


@dataclass(frozen=True)
class BranchPoint:
    """One point of the trunk, and the critical batch size there.

    ``samples`` are those the trunk had seen, and ``loss`` is its validation loss at the point.
    ``margin`` is how much higher the loss of a size may be that counts as as good: what the base
    size gains by further samples, as many as the overhead (``margin_from``: samples), or where that
    is less, the tolerance of the sweep (tolerance).
    """

    step: int
    samples: int
    epoch: float
    loss: Estimate | None
    margin: float | None
    margin_from: str  # samples | tolerance
    critical_batch_size: Estimate | None
    branches: tuple[Branch, ...]


@dataclass(frozen=True)
class WarmupStage:
    """From so many samples on, take this batch size."""

    samples: int
    epoch: float
    batch_size: int
    learning_rate: float


@dataclass(frozen=True)
class Warmup:
    """Batch sizes that grow along the trunk, none larger than was shown to be as good.

    ``steps`` are the updates for as many samples as the trunk's, which takes ``base_steps``.
    """

    stages: tuple[WarmupStage, ...]
    steps: int
    base_steps: int


@dataclass(frozen=True)
class Branched:
    """What a branched sweep found.

    ``overhead``: the share of further samples that a size may need and still be as good.
    ``learning_rate``: the trunk's; None where every rate diverged. ``samples``: of each branch.
    """

    base_batch_size: int
    learning_rate: float | None
    learning_rate_rule: str
    overhead: float
    samples: int
    points: tuple[BranchPoint, ...]
    warmup: Warmup | None
