"""The gradient noise scale from squared norms of gradients at two batch sizes.

The gradient of a batch of B independent samples has E‖G_B‖² = ‖G‖² + tr Σ/B, with G the gradient
of the mean loss and Σ the covariance of single samples' gradients. Two sizes give both unknowns,
and B_simple = tr Σ/‖G‖² in samples. Where the gradients come from is the caller's business.

References: McCandlish et al. 2018, arXiv:1812.06162, appendix A.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bsx.schema import Estimate
from bsx.stats.intervals import LEVEL, t_quantile

Array = NDArray[np.float64]

# Batch means: so many blocks make Student's t nearly normal and outlive most autocorrelation.
BLOCKS = 20


@dataclass(frozen=True, slots=True)
class GradientNoise:
    """What is known of the gradient and its noise; each its own interval.

    ``noise_scale`` is in samples and has no value where it cannot be resolved: ``low`` is then the
    least that the draws allow, and ``method`` says why. ``gradient_square`` is ‖G‖² and
    ``covariance_trace`` tr Σ, in squared units of the gradient; both are unbiased, and so may come
    out negative. ``draws`` are pairs of squared norms, ``n`` of an estimate the blocks of them.
    """

    noise_scale: Estimate
    gradient_square: Estimate
    covariance_trace: Estimate
    draws: int

    def __str__(self) -> str:
        scale = self.noise_scale
        if scale.value is not None and scale.low is not None and scale.high is not None:
            between = f"{_rounded(scale.low)} to {_rounded(scale.high)}"
            what = f"{_rounded(scale.value)} samples ({scale.level:.0%} interval {between})"
        else:
            bounds = [
                f"{word} {_rounded(bound)} samples"
                for word, bound in (("at least", scale.low), ("at most", scale.high))
                if bound
            ]
            what = ", ".join([scale.method, *bounds])
        if self.draws == 0:
            return "gradient noise scale: nothing was observed yet"
        draws = "1 draw" if self.draws == 1 else f"{self.draws} draws"
        return f"gradient noise scale: {what}, {draws}"


def effective_sizes(
    sizes: Sequence[int], weights: Sequence[float] | None = None
) -> tuple[float, float]:
    """Return the batch sizes of the mean squared norm of parts and of their weighted mean.

    For gradients g_i of b_i samples, the mean of ‖g_i‖² is that of a batch as large as the
    harmonic mean of the b_i, and ‖Σ w_i·g_i/Σ w_i‖² that of one of (Σ w_i)²/Σ (w_i²/b_i): exact
    for unequal sizes, too, so that a smaller tail needs no care. Equal weights where none are
    given.
    """
    factors = [1.0] * len(sizes) if weights is None else weights
    small = len(sizes) / sum(1 / size for size in sizes)
    noise = sum(w**2 / size for w, size in zip(factors, sizes, strict=True))
    return small, sum(factors) ** 2 / noise


def unbiased(
    small: ArrayLike, big: ArrayLike, small_size: ArrayLike, big_size: ArrayLike
) -> tuple[Array, Array]:
    """Return each draw's unbiased ‖G‖² and tr Σ.

    ``small`` and ``big`` are squared norms of gradients of mean losses over ``small_size`` and
    ``big_size`` independent samples. Single draws are noisy and often negative: average first.
    """
    s, b = np.asarray(small, dtype=float), np.asarray(big, dtype=float)
    size_s, size_b = np.asarray(small_size, dtype=float), np.asarray(big_size, dtype=float)
    square = (size_b * b - size_s * s) / (size_b - size_s)
    trace = (s - b) / (1 / size_s - 1 / size_b)
    return square, trace


def gradient_noise(
    small: ArrayLike,
    big: ArrayLike,
    small_size: ArrayLike,
    big_size: ArrayLike,
    *,
    training_samples: int | None = None,
    level: float = LEVEL,
) -> GradientNoise:
    """Estimate ‖G‖², tr Σ and their ratio from draws in the order in which they were taken.

    Means are taken apart and divided last. The interval of the ratio is Fieller's, which keeps its
    level where ‖G‖² is near 0: it is open above there, and the answer is that the noise scale
    cannot be resolved. Draws that follow one another may depend on each other, so variances come
    from at most ``BLOCKS`` blocks of consecutive draws, with Student's t for as many.

    Args:
        training_samples: N where the samples of a draw were taken without replacement from so
            many. They repel each other then, and ‖G‖² comes out tr Σ/N too small: that is added.
            None for draws with replacement, or from a stream.
    """
    square, trace = (np.atleast_1d(x) for x in unbiased(small, big, small_size, big_size))
    if training_samples is not None:
        square = square + trace / training_samples
    draws = len(square)
    if draws == 0:
        nothing = Estimate(None, level=level, method="no draws")
        unresolved = Estimate(None, level=level, method="not resolvable: no draws")
        return GradientNoise(unresolved, nothing, nothing, 0)
    means = float(trace.mean()), float(square.mean())
    if draws == 1:
        method = "not resolvable: one draw has no interval"
        return GradientNoise(
            Estimate(None, level=level, n=1, method=method),
            Estimate(means[1], level=level, n=1, method="one draw"),
            Estimate(means[0], level=level, n=1, method="one draw"),
            1,
        )
    blocks = min(draws, BLOCKS)
    variances = _variances_of_means(np.stack([trace, square]), blocks)
    return GradientNoise(
        _fieller(means, variances, blocks, level),
        _t_interval(means[1], float(variances[1, 1]), blocks, level),
        _t_interval(means[0], float(variances[0, 0]), blocks, level),
        draws,
    )


def _variances_of_means(series: Array, blocks: int) -> Array:
    """Return the covariance matrix of the rows' means by blocks of nearly equal length."""
    deviations = series - series.mean(axis=1, keepdims=True)  # (2, draws)
    sums = np.stack([part.sum(axis=1) for part in np.array_split(deviations, blocks, axis=1)])
    matrix: Array = sums.T @ sums * (blocks / (blocks - 1) / series.shape[1] ** 2)
    return matrix


def _t_interval(mean: float, variance: float, blocks: int, level: float) -> Estimate:
    half = t_quantile(blocks - 1, level) * math.sqrt(variance)
    return Estimate(mean, mean - half, mean + half, level, blocks, f"t interval, {blocks} blocks")


def _fieller(means: tuple[float, float], variances: Array, blocks: int, level: float) -> Estimate:
    """Estimate trace/square by the set of ratios r at which trace − r·square may be 0.

    With t Student's quantile, that is where a·r² − 2·b·r + c ≤ 0. It is an interval where the
    square's own leaves 0 out (a > 0). Otherwise it has no upper end, and a lower one if the
    trace's interval leaves 0 out (c > 0).

    References: E. C. Fieller 1954, Some problems in interval estimation, JRSS B 16.
    """
    trace, square = means
    t2 = t_quantile(blocks - 1, level) ** 2
    a = square**2 - t2 * float(variances[1, 1])
    b = trace * square - t2 * float(variances[0, 1])
    c = trace**2 - t2 * float(variances[0, 0])
    if a <= 0 or square <= 0:
        low = None
        if a < 0 < c and trace > 0:
            low = (b - math.sqrt(b * b - a * c)) / a  # the positive root of two of opposite signs
        method = "not resolvable: the interval of ‖G‖² includes 0"
        if a > 0:
            method, low = "not resolvable: ‖G‖² comes out negative", None
        return Estimate(None, low, None, level, blocks, method)
    root = math.sqrt(max(b * b - a * c, 0.0))
    low, high = max((b - root) / a, 0.0), max((b + root) / a, 0.0)
    if trace <= 0:
        method = "not resolvable: no noise seen, tr Σ comes out negative"
        return Estimate(None, 0.0, high, level, blocks, method)
    return Estimate(trace / square, low, high, level, blocks, f"Fieller interval, {blocks} blocks")


def _rounded(number: float) -> str:
    """Return three significant digits, written out: 1,230 and not 1.23e+03."""
    return f"{float(f'{number:.3g}'):,.12g}"
