"""The noise scale along a run, where it reaches a target, and beside the critical batch size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from bsx.schema import DiagnosticRecord, Estimate, NoiseCurve, NoisePoint
from bsx.stats.intervals import product_estimate, reciprocal
from bsx.stats.noise_scale import gradient_noise
from bsx.stats.steps_to_target import Crossing, summarize

# Noise scale and critical batch size are compared as orders of magnitude.
AGREES_WITHIN = 10.0


def noise_points(record: DiagnosticRecord, samples: int) -> tuple[NoisePoint, ...]:
    """Estimate the noise scale at every point of a run that was observed; ``samples`` an epoch."""
    points = []
    for seen in record.observations:
        draws = seen.noise
        if draws is None:
            continue
        found = gradient_noise(draws.small, draws.big, draws.small_size, draws.big_size)
        points.append(
            NoisePoint(
                seen.step,
                seen.samples_seen / samples,
                seen.samples_seen,
                found.noise_scale,
                found.gradient_square,
                found.covariance_trace,
            )
        )
    return tuple(points)


def noise_curve(
    record: DiagnosticRecord, points: tuple[NoisePoint, ...], *, at_target: bool
) -> NoiseCurve:
    """Return the curve of a run, which has at least one point."""
    growth = _ratio(points[-1].noise_scale, points[0].noise_scale)
    where = "target" if at_target else "end"
    return NoiseCurve(record.run.learning_rate, record.run.seed, points, growth, where)


def at_crossing(
    points: Sequence[NoisePoint], crossing: float | None, before: Callable[[int], float]
) -> NoisePoint | None:
    """Return the point nearest to where the target is reached, on the log scale; None if it is not.

    ``crossing`` and ``before`` (steps → what was done by then) count in the same.
    """
    if crossing is None:
        return None
    return min(points, key=lambda point: abs(math.log(max(before(point.step), 0.5) / crossing)))


def over_sizes(found: Sequence[Estimate]) -> Estimate | None:
    """Estimate the geometric mean of noise scales over batch sizes; None without any.

    One that could not be resolved counts with the least that it may be. Where those are more than
    half there is no value.
    """
    if len(found) < 2:
        return next(iter(found), None)
    crossings = [
        Crossing(e.value, e.value, e.value)
        if e.value
        else Crossing(None, 0, max(e.low or 0.0, 1e-9))
        for e in found
    ]
    mean = summarize(crossings)
    if mean is None:
        return None
    if mean.value is None:
        return Estimate(
            None, mean.censored_at, None, mean.level, mean.n, "not resolvable at most batch sizes"
        )
    return replace(mean, method=f"{mean.method}, over batch sizes")


def verdict(critical: Estimate | None, noise: Estimate | None) -> str:
    """Say whether a noise scale and a critical batch size are of one order of magnitude.

    Returns:
        agrees, where the whole interval of their ratio lies within a factor AGREES_WITHIN of 1;
        larger or smaller (the noise scale is), where all of it lies outside; else undetermined.
    """
    ratio = None if critical is None or noise is None else _ratio(noise, critical)
    if ratio is None:
        return "undetermined"
    low, high = ratio.low, ratio.high
    if low is not None and low > AGREES_WITHIN:
        return "larger"
    if high is not None and high < 1 / AGREES_WITHIN:
        return "smaller"
    if low is None or high is None or low < 1 / AGREES_WITHIN or high > AGREES_WITHIN:
        return "undetermined"
    return "agrees"


def _ratio(end: Estimate, start: Estimate) -> Estimate | None:
    """Estimate end / start; with an unresolved end, the least that it may be."""
    if not start.value or start.value <= 0:
        return None
    low = start.low if start.low and start.low > 0 else None
    divided = product_estimate(end, reciprocal(replace(start, low=low)), "ratio of the two")
    if end.value is None:
        least = end.low / start.high if end.low and start.high else math.inf
        return replace(divided, low=least if math.isfinite(least) else None)
    return divided
