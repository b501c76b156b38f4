"""What is measured on the way of a run trained again: records of it, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bsx.schema.canonical import digest
from bsx.schema.quantity import Estimate
from bsx.schema.work import Run

# What can be measured beside the curves, where it is asked for; the words of the flags.
MEASURES = ("noise-scale", "gradients", "sharpness")


def diagnostic_id(run: Run, measure: str, batch_sizes: tuple[int, ...] = ()) -> str:
    """Return the identity of one measurement of one run; ``batch_sizes``: those of gradients."""
    return digest([run.run_id, measure, batch_sizes])


@dataclass(frozen=True)
class NoiseDraws:
    """Squared norms of gradients at fixed parameters, a pair a draw.

    ``big`` is that of the gradient of ``big_size`` samples, ``small`` the mean of those of its
    parts of ``small_size``: 1 where there is a gradient for each sample, else a micro-batch's.
    """

    small: tuple[float, ...]
    big: tuple[float, ...]
    small_size: int
    big_size: int


@dataclass(frozen=True)
class DirectionDraws:
    """Mini-batch gradients g against the full one G, a number a draw.

    ``deviations`` are ‖g − G‖², ``cosines`` those of the angle between g and G.
    """

    batch_size: int
    deviations: tuple[float, ...]
    cosines: tuple[float, ...]


@dataclass(frozen=True)
class Observation:
    """What was measured of a run after ``step`` of its steps, at fixed parameters.

    ``full_norm`` is ‖G‖, to which ``directions`` belong. ``sharpness`` is Keskar's φ in per cent,
    ``eigenvalue`` the top one of the Hessian.
    """

    step: int
    samples_seen: int
    noise: NoiseDraws | None = None
    full_norm: float | None = None
    directions: tuple[DirectionDraws, ...] = ()
    sharpness: float | None = None
    eigenvalue: float | None = None


@dataclass(frozen=True)
class DiagnosticRecord:
    """One thing measured of one run that was trained again for it; ``status`` is a RunStatus.

    ``normalized_over``: over how many samples norms of the batch took their statistics in a
    gradient's pass, where the model has any (0: over each whole batch).
    """

    record_id: str
    run: Run
    measure: str
    status: str
    observations: tuple[Observation, ...] = ()
    normalized_over: int | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


# --- what they mean -----------------------------------------------------------------------------


@dataclass(frozen=True)
class NoisePoint:
    """The gradient noise scale of a run after ``step`` of its steps."""

    step: int
    epoch: float
    samples_seen: int
    noise_scale: Estimate  # B_simple, in samples
    gradient_square: Estimate  # ‖G‖²
    covariance_trace: Estimate  # tr Σ


@dataclass(frozen=True)
class NoiseCurve:
    """The noise scale along one run of a batch size. ``at``: whose noise scale the row has."""

    learning_rate: float
    seed: int
    points: tuple[NoisePoint, ...] = field(repr=False)
    growth: Estimate | None  # end over start
    at: str  # target | end


@dataclass(frozen=True)
class Direction:
    """Gradients of mini-batches of one size against the full gradient."""

    batch_size: int
    variance: Estimate  # of the gradient: E‖g − G‖²
    cosine: Estimate


@dataclass(frozen=True)
class GradientPoint:
    """Gradients by batch size, at the parameters that a run had after ``step``.

    ``variance_exponent`` is the power of the batch size by which the variance goes: −1 where it
    goes by 1/B. ``settles_at``: the batch size at which the cosine comes to ``Gradients.cosine``.
    """

    place: str  # start | middle | end
    step: int
    epoch: float
    full_norm: float
    variance_exponent: Estimate | None
    settles_at: Estimate | None
    directions: tuple[Direction, ...]


@dataclass(frozen=True)
class Gradients:
    """Gradients by batch size at a few points of one run."""

    batch_size: int  # of the run
    learning_rate: float
    seed: int
    cosine: float
    points: tuple[GradientPoint, ...]


@dataclass(frozen=True)
class AgainstSmall:
    """A batch size against the small one that it is compared with, over the seeds they share.

    ``test``: how much worse the test metric is. ``sharpness`` and ``eigenvalue``: how many times
    as large.
    """

    test: Estimate | None
    sharpness: Estimate | None = None
    eigenvalue: Estimate | None = None


@dataclass(frozen=True)
class EqualLength:
    """A batch size where all have trained for as many epochs, or steps.

    ``learning_rate`` is the best on validation there. ``shortfall``: how much worse it is than the
    best size there, which has None.
    """

    learning_rate: float | None  # None: the user's own program was not told one
    value: Estimate
    shortfall: Estimate | None
