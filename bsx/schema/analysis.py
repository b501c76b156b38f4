"""What the records mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bsx.schema.branched import Branched
from bsx.schema.diagnosed import AgainstSmall, EqualLength, Gradients, NoiseCurve
from bsx.schema.quantity import Caution, Estimate


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
    mean_curve_steps: Estimate | None = None  # where the mean of the seeds' curves reaches it
    tuned: Mapping[str, float] = field(default_factory=dict)  # beside the rate, by name


@dataclass(frozen=True)
class RateToTarget:
    """How the runs at one learning rate reach one target, as measured."""

    steps: Estimate | None
    reached_fraction: float | None


@dataclass(frozen=True)
class RateSummary:
    """One learning rate that was tried at one batch size.

    ``diverged`` of its ``seeds`` did so, ``dominated`` were clearly behind and not trained to their
    end; ``validation``: metric → where the others end. Nothing was
    chosen here, so that nothing is given back: the rate that was chosen looks better than it is.
    """

    learning_rate: float | None  # None: the user's own program was not told one
    seeds: int
    diverged: int
    to_target: tuple[RateToTarget, ...]
    validation: Mapping[str, Estimate]
    tuned: Mapping[str, float] = field(default_factory=dict)  # beside the rate, by name
    dominated: int = 0


@dataclass(frozen=True)
class AuditedRule:
    """What a rule makes of the rate tuned at another batch size, against the one tuned here.

    ``steps_ratio``: iterations to the first target at the rule's rate, as a multiple of those at
    the tuned one, paired over seeds. ``verdict``: base (where the rule starts), holds,
    does_not_hold or cannot_be_told; ``reason`` is a code where that is not plain from the ratio.
    """

    learning_rate: float
    nearest_learning_rate: float  # of those that were tried
    steps_ratio: Estimate | None
    verdict: str
    reason: str | None = None


@dataclass(frozen=True)
class RuleBase:
    """The batch size that audited rules start from, and the rate that was tuned there."""

    batch_size: int
    learning_rate: float


@dataclass(frozen=True)
class Final:
    """Where one batch size ends, at the rate best on validation at the end."""

    learning_rate: float | None  # None: the user's own program was not told one
    train: Mapping[str, Estimate]
    validation: Mapping[str, Estimate]
    test: Mapping[str, Estimate]
    generalization_gap: Estimate | None
    best_epoch: Estimate | None
    tuned: Mapping[str, float] = field(default_factory=dict)  # beside the rate, by name
    learning_rate_at_edge: bool | None = None


@dataclass(frozen=True)
class Speed:
    """How fast one batch size runs, alone."""

    loop: str
    step_seconds: Estimate
    samples_per_second: Estimate
    epoch_seconds: Estimate | None  # None: how many samples an epoch has is not known
    peak_memory_bytes: int | None
    sample_joules: Estimate | None = None  # None: the device does not count its energy


@dataclass(frozen=True)
class SpeedOrigin:
    """Where the speeds of an analysis come from, if not from the sweep itself.

    ``interpolated``: sizes that were not timed there. ``differs``: what was trained otherwise.
    ``model`` on ``dataset`` is what was timed.
    """

    device: str
    threads: int
    environment: Mapping[str, Any]
    interpolated: tuple[int, ...] = ()
    differs: tuple[str, ...] = ()
    model: str = ""
    dataset: str = ""


@dataclass(frozen=True)
class BatchSizeSummary:
    """One row of every table.

    Where the batch grows, to ``grows_to``, the row is named by its starting size, of which are
    ``steps_per_epoch`` and ``last_batch``, and in ``speed`` all but the peak memory.
    """

    batch_size: int
    status: str  # ok | censored | diverged | out_of_memory | failed | not_run
    runs: int
    seeds: int
    diverged_fraction: float | None
    steps_per_epoch: int | None  # None, as what follows from it: the training set is not known
    last_batch: int | None
    steps: int | None  # None where a program of the user's ends where it likes, and none did
    epochs: float | None
    to_target: tuple[ToTarget, ...]
    final: Final | None
    speed: Speed | None
    noise_scale: Estimate | None = None
    sharpness: Estimate | None = None
    grows_to: int | None = None
    trials: int | None = None  # how many were tried, where more than the rate was tuned
    noise_curve: NoiseCurve | None = None
    hessian_eigenvalue: Estimate | None = None
    against_small: AgainstSmall | None = None
    at_equal_epochs: EqualLength | None = None
    at_equal_steps: EqualLength | None = None
    learning_rates: tuple[RateSummary, ...] = ()  # all that were tried, from small to large
    rules: Mapping[str, AuditedRule] = field(default_factory=dict)  # linear, sqrt


@dataclass(frozen=True)
class Regimes:
    """The three regimes of Shallue et al. 2019 on the fitted curve: two boundaries, in batch sizes.

    Up to ``perfect_up_to`` a size takes at most ``within`` more samples than the fewest: scaling is
    perfect. From ``maximal_from`` on it takes at most ``within`` more steps than the fewest:
    parallelism is at its maximum. Between them returns diminish. Of a boundary that lies beyond the
    sizes measured there is no value, only the bound that they allow.
    """

    within: float
    measured: tuple[int, int]  # the smallest and largest size
    perfect_up_to: Estimate | None
    maximal_from: Estimate | None


@dataclass(frozen=True)
class TargetSummary:
    """One target, and the trade-off between steps and samples that was fitted to it.

    ``departure``: in which way the points leave the curve, where the verdict is a poor fit.
    ``next_run``: what to run to learn more, a code → its value; see :mod:`bsx.stats.next_run`.
    """

    metric: str
    threshold: float | None  # None: steps to it were told, and not at which value it lies
    source: str  # user | auto | file
    critical_batch_size: Estimate | None
    critical_batch_size_20: Estimate | None
    min_steps: Estimate | None
    min_samples: Estimate | None
    reference_batch_size: int | None  # of critical_batch_size_20
    verdict: str  # fitted | the code of the reason why there is no fit
    split: str = "validation"
    higher_is_better: bool = True
    fit_p_value: float | None = None  # of the test of lack of fit; None: nothing to test with
    departure: str | None = None
    regimes: Regimes | None = None
    next_run: Mapping[str, Any] = field(default_factory=dict)
    noise_scale: Estimate | None = None  # where it is reached, over the batch sizes
    noise_scale_verdict: str | None = None  # agrees | larger | smaller | undetermined
    # batch size → steps by the fit, to be drawn: too long to be shown among the rest
    curve: tuple[tuple[float, Estimate], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Recommendation:
    """The batch size to take; ``reason`` is a code with values, worded by the renderer.

    ``objective``: of AIMS. ``relative_cost``: batch size → how many times what this one takes that
    one takes of it, as the sizes were compared (by the fitted curve where it describes them); empty
    for quality. ``cost``: of training it to the target, where ``price_per_hour`` was told.
    ``ends_worse``: how much worse on validation its rate ends than the one that ends best at this
    size, over the seeds of both; None where that is the same rate.
    """

    batch_size: int
    learning_rate: float | None
    objective: str
    indifferent: tuple[int, ...]
    reason: Caution
    relative_cost: Mapping[int, Estimate] = field(default_factory=dict)
    price_per_hour: float | None = None
    cost: Estimate | None = None
    tuned: Mapping[str, float] = field(default_factory=dict)  # beside the rate, by name
    ends_worse: Estimate | None = None


@dataclass(frozen=True)
class Analysis:
    """Everything that the records of a sweep say."""

    metric: str
    targets: tuple[TargetSummary, ...]
    batch_sizes: tuple[BatchSizeSummary, ...]
    recommendation: Recommendation | None
    cautions: tuple[Caution, ...]
    speed_from: SpeedOrigin | None = None  # None: measured by the sweep
    branched: Branched | None = None
    gradients: Gradients | None = None
    small_batch_size: int | None = None  # what larger sizes are compared with
    equal_epochs: float | None = None  # how far every size has trained, at least
    equal_steps: int | None = None
    rule_base: RuleBase | None = None  # None: there is no rule to audit
