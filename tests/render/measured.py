"""The made-up sweep with all that can be measured beside its curves."""

from __future__ import annotations

import dataclasses

from bsx.schema import (
    AgainstSmall,
    Analysis,
    BatchSizeSummary,
    Direction,
    EqualLength,
    Estimate,
    GradientPoint,
    Gradients,
    NoiseCurve,
    NoisePoint,
)
from tests.render import sample
from tests.render.sample import estimate

UNRESOLVED = Estimate(None, 1140.0, None, n=20, method="not resolvable: the interval includes 0")


def _curve(at: str, end: Estimate) -> NoiseCurve:
    scales = (estimate(50.0, 0.1), estimate(320.0, 0.3), end)
    points = tuple(
        NoisePoint(step, step / 45, 32 * step, scale, estimate(0.1, 0.2), estimate(5.0, 0.1))
        for step, scale in zip((0, 40, 1000), scales, strict=True)
    )
    growth = Estimate(None, 22.8, n=20) if end.value is None else estimate(20.0, 0.4)
    return NoiseCurve(0.125, 0, points, growth, at)


def _row(row: BatchSizeSummary) -> BatchSizeSummary:
    large = row.batch_size > 32
    end = UNRESOLVED if row.batch_size > 500 else estimate(1020.0, 0.6)
    shortfall = Estimate(0.0021, -0.0013, 0.0055, n=5) if row.batch_size != 64 else None
    return dataclasses.replace(
        row,
        noise_scale=estimate(320.0, 0.3),
        noise_curve=_curve("target" if row.batch_size < 500 else "end", end),
        sharpness=estimate(0.0123 * row.batch_size, 0.6),
        hessian_eigenvalue=estimate(10.0, 0.5),
        against_small=AgainstSmall(
            Estimate(0.0051, -0.0022, 0.0124, n=5), estimate(48.0, 0.5), estimate(2.3, 0.4)
        )
        if large
        else None,
        at_equal_epochs=EqualLength(0.125, estimate(0.971, 0.004), shortfall),
        at_equal_steps=EqualLength(0.0625, estimate(0.964, 0.004), shortfall),
    )


def _gradients() -> Gradients:
    sizes = [2**k for k in range(1, 11)]
    points = []
    for number, place in enumerate(("start", "middle", "end")):
        found = tuple(
            Direction(
                size,
                estimate(8.1 / size / 10 ** (2 * number), 0.2),
                Estimate(cosine := (size / (size + 50 * 10**number)) ** 0.5, cosine - 0.1,
                         cosine, n=32),
            )
            for size in sizes
        )  # fmt: skip
        settles = estimate(213.0, 0.2) if number == 0 else Estimate(None, 1024.0, n=32)
        points.append(
            GradientPoint(place, 500 * number, 11.1 * number, 0.1, estimate(-1.0, 0.1), settles,
                          found)
        )  # fmt: skip
    return Gradients(32, 0.125, 0, 0.9, tuple(points))


def analysis() -> Analysis:
    """Make the analysis of a sweep of which everything was measured."""
    well = sample.analysis()
    return dataclasses.replace(
        well,
        targets=tuple(
            dataclasses.replace(
                target, noise_scale=estimate(304.0, 0.7), noise_scale_verdict="agrees"
            )
            for target in well.targets
        ),
        batch_sizes=tuple(map(_row, well.batch_sizes)),
        gradients=_gradients(),
        small_batch_size=32,
        equal_epochs=60.0,
        equal_steps=1000,
    )
