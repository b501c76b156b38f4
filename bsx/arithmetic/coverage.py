"""The chance that a batch, drawn without replacement, holds every class.

The counts of the classes in a batch follow the multivariate hypergeometric distribution. They are
independent binomials given their sum, so with any θ in (0, 1)

    P(every X_c ≥ 1 | ΣX_c = B) = Π P(X_c ≥ 1) · P(ΣX_c = B | every X_c ≥ 1) / P(ΣX_c = B).

The middle factor is one Fourier integral over a function known in closed form. With θ at the saddle
point (where the truncated sum has mean B) the trapezoid rule gives it to about twelve digits from
about a hundred points, whatever the number of classes. Inclusion–exclusion would cancel to
nothing at 1,000 classes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

_REACH = 9.0  # standard deviations at which a Gaussian has fallen below 1e-17
_BISECTIONS = 200


def balanced_classes(samples: int, classes: int) -> dict[int, int]:
    """Return class size → how many classes have it, as even as ``samples`` allows."""
    size, larger = divmod(samples, classes)
    counts = {size: classes - larger, size + 1: larger}
    return {size: number for size, number in counts.items() if number}


def class_sizes(counts: Sequence[int]) -> dict[int, int]:
    """Return class size → how many classes have it."""
    return dict(Counter(counts))


def coverage(sizes: dict[int, int], batch_size: int) -> float:
    """Return the chance that ``batch_size`` draws hold every class at least once.

    ``sizes``: class size → how many classes have it.

    References:
        Daniels (1954) for the saddle point, Loader (2000) for the binomial probabilities.
    """
    samples = sum(size * number for size, number in sizes.items())
    classes = sum(sizes.values())
    if batch_size < classes or min(sizes) == 0:
        return 0.0
    if samples - batch_size < min(sizes):  # too few are left over to be a whole class
        return 1.0
    if batch_size == classes:
        picks = sum(number * math.log(size) for size, number in sizes.items())
        return math.exp(picks - _log_choose(samples, classes))
    odds = _saddle_odds(sizes, batch_size)
    theta = odds / (1 + odds)
    log_all = sum(
        number * math.log(-math.expm1(size * math.log1p(-theta))) for size, number in sizes.items()
    )
    log_sum = _log_truncated_sum(sizes, theta, batch_size)
    return min(1.0, math.exp(log_all + log_sum - _log_binomial(samples, batch_size, theta)))


def batch_size_for_coverage(sizes: dict[int, int], level: float = 0.95) -> int | None:
    """Return the smallest batch size that holds every class with chance ``level``."""
    if min(sizes) == 0:
        return None
    low = sum(sizes.values())
    high = sum(size * number for size, number in sizes.items())
    while low < high:
        middle = (low + high) // 2
        if coverage(sizes, middle) >= level:
            high = middle
        else:
            low = middle + 1
    return low


def _saddle_odds(sizes: dict[int, int], batch_size: int) -> float:
    """Find θ/(1 − θ) where the sum of the zero-truncated binomials has mean ``batch_size``."""

    def mean(log_odds: float) -> float:
        theta = 1 / (1 + math.exp(-log_odds))
        log_rest = -math.log1p(math.exp(log_odds))  # log(1 − θ)
        return sum(
            number * size * theta / -math.expm1(size * log_rest) for size, number in sizes.items()
        )

    low, high = -60.0, 60.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if mean(middle) < batch_size:
            low = middle
        else:
            high = middle
        if high - low < 1e-12:
            break
    return math.exp((low + high) / 2)


def _log_truncated_sum(sizes: dict[int, int], theta: float, batch_size: int) -> float:
    """Return log P(sum = ``batch_size``) of binomials(size, θ), each given that it is not 0."""
    variance = _truncated_variance(sizes, theta)
    # Equally spaced frequencies alias the sums that are `points` apart: keep them out of reach.
    points = 64 + math.ceil(40 * math.sqrt(variance))
    # Beyond `reach` a wide distribution's transform is nil; a narrow one is summed whole.
    reach = points // 2
    if variance > 100:
        reach = min(reach, math.ceil(_REACH * points / (2 * math.pi * math.sqrt(variance))))
    total = 1.0
    for k in range(1, reach + 1):
        weight = 1.0 if 2 * k == points else 2.0
        total += weight * _transform(sizes, theta, batch_size, 2 * math.pi * k / points)
    return math.log(max(total, 1e-300) / points)


def _transform(sizes: dict[int, int], theta: float, batch_size: int, t: float) -> float:
    """Return the real part of E[e^{it(sum − batch_size)}] of the truncated binomials."""
    # 1 + θ(e^{it} − 1), written so that nothing is lost where t is tiny
    x = -2 * theta * math.sin(t / 2) ** 2
    y = theta * math.sin(t)
    log_radius = 0.5 * math.log1p(2 * x + x * x + y * y) if x > -0.5 else 0.0
    if x <= -0.5:
        log_radius = math.log(max(math.hypot(1 + x, y), 1e-300))
    angle = math.atan2(y, 1 + x)
    log_size, phase = 0.0, -t * batch_size
    for size, number in sizes.items():
        none = math.exp(size * math.log1p(-theta))  # P(X = 0)
        radius = math.exp(size * log_radius)
        turned = math.remainder(size * angle, 2 * math.pi)
        # z = e^{size·log φ} − none, with e^{−i·turned} kept apart: only the rest needs the care
        real = radius - none * math.cos(turned)
        imaginary = none * math.sin(turned)
        log_radius_one = math.log(max(math.hypot(real, imaginary), 1e-300))
        log_size += number * (log_radius_one - math.log1p(-none))
        phase += number * (size * angle + math.atan2(imaginary, real))
    return math.exp(log_size) * math.cos(phase)


def _truncated_variance(sizes: dict[int, int], theta: float) -> float:
    variance = 0.0
    for size, number in sizes.items():
        some = -math.expm1(size * math.log1p(-theta))
        mean = size * theta / some
        second = (size * theta * (1 - theta) + (size * theta) ** 2) / some
        variance += number * max(0.0, second - mean * mean)
    return variance


def _log_choose(n: int, k: int) -> float:
    """Return log C(n, k) for k far below n or n of moderate size."""
    if k <= 10_000:
        return math.fsum(math.log((n - i) / (k - i)) for i in range(k))
    p = k / n
    return _log_binomial(n, k, p) - k * math.log(p) - (n - k) * math.log1p(-p)


def _log_binomial(n: int, k: int, p: float) -> float:
    """Return log P(X = k) of a binomial(n, p), 0 < k < n, without the cancellation of lgamma."""
    q = 1 - p
    return (
        _stirling_error(n)
        - _stirling_error(k)
        - _stirling_error(n - k)
        - _deviance(k, n * p)
        - _deviance(n - k, n * q)
        + 0.5 * (math.log(n) - math.log(2 * math.pi) - math.log(k) - math.log(n - k))
    )


def _stirling_error(n: int) -> float:
    """Return log n! minus Stirling's formula for it."""
    if n < 16:
        return math.lgamma(n + 1) - ((n + 0.5) * math.log(n) - n + 0.5 * math.log(2 * math.pi))
    square = float(n) * n
    series = 1 / 1260 - (1 / 1680 - 1 / (1188 * square)) / square
    return (1 / 12 - (1 / 360 - series / square) / square) / n


def _deviance(x: int, mean: float) -> float:
    """Return x·log(x/mean) + mean − x, also where x is close to ``mean``."""
    gap = x - mean
    if abs(gap) >= 0.1 * (x + mean):
        return x * math.log(x / mean) + mean - x
    v = gap / (x + mean)
    total, term = gap * v, 2 * x * v
    for j in range(1, 1000):
        term *= v * v
        grown = total + term / (2 * j + 1)
        if grown == total:
            break
        total = grown
    return total
