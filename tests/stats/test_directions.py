"""From draws of directions to the size at which they settle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.schema import DiagnosticRecord, Direction, DirectionDraws, Estimate, Observation, Run
from bsx.stats.directions import gradients_of, settles_at, variance_exponent
from tests import fakes

SIZES = (4, 16, 64, 256, 1024)


def direction(size: int, noise_scale: float, error: float = 0.02) -> Direction:
    """Return what a gradient of so many samples shows where the noise scale is that."""
    cosine = 1 / math.sqrt(1 + noise_scale / size)
    return Direction(
        size,
        Estimate(noise_scale / size, n=32),
        Estimate(cosine, cosine - error, min(1.0, cosine + error), n=32),
    )


def directions(noise_scale: float) -> list[Direction]:
    return [direction(size, noise_scale) for size in SIZES]


def test_the_direction_settles_where_the_noise_scale_says() -> None:
    """cos = 0.9 where B = 0.81/0.19 of the noise scale; read off a line between two sizes."""
    found = settles_at(directions(30.0))
    assert found is not None and found.value is not None
    assert found.value == pytest.approx(30 * 0.81 / 0.19, rel=0.2)
    assert found.low is not None and found.high is not None
    assert found.low < found.value < found.high


def test_beyond_the_sizes_there_is_a_bound_and_no_value() -> None:
    small = settles_at(directions(0.1))
    assert small is not None
    assert (small.value, small.low, small.high) == (None, None, 4.0)
    large = settles_at(directions(1e5))
    assert large is not None
    assert (large.value, large.low, large.high) == (None, 1024.0, None)
    assert settles_at([]) is None


def test_a_band_that_may_hold_it_beyond_the_largest_is_open_there() -> None:
    found = settles_at([direction(size, 200.0, 0.1) for size in SIZES])
    assert found is not None and found.value is not None
    assert found.high is None
    assert found.low is not None and found.low < found.value


@given(st.floats(0.01, 1e6))
def test_the_interval_holds_the_value(noise_scale: float) -> None:
    found = settles_at(directions(noise_scale))
    assert found is not None
    if found.value is not None:
        assert found.low is None or found.low <= found.value * (1 + 1e-9)
        assert found.high is None or found.value <= found.high * (1 + 1e-9)
    for end in (found.value, found.low, found.high):
        assert end is None or 4 <= end <= 1024 * (1 + 1e-9)


def test_the_variance_of_independent_samples_goes_by_one_over_the_batch_size() -> None:
    found = variance_exponent(directions(30.0))
    assert found is not None and found.value == pytest.approx(-1)
    assert variance_exponent(directions(30.0)[:2]) is None


def test_the_interval_of_the_exponent_covers_it_in_19_of_20() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        noisy = [
            Direction(size, Estimate(float(np.exp(0.2 * rng.standard_normal())) / size, n=8),
                      Estimate(0.5, n=8))
            for size in SIZES
        ]  # fmt: skip
        found = variance_exponent(noisy)
        assert found is not None and found.low is not None and found.high is not None
        covered += found.low <= -1 <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_points_are_named_by_where_they_are_and_empty_ones_left_out() -> None:
    draws = DirectionDraws(4, (1.0, 2.0), (0.1, 0.2))
    nothing = DirectionDraws(8, (0.0,), ())  # a gradient of length 0 points nowhere
    run = Run(fakes.recipe(steps=100), 0.1, 2)
    seen = tuple(Observation(s, 16 * s, full_norm=2.0, directions=(draws, nothing))
                 for s in (0, 49, 100))  # fmt: skip
    broken = Observation(70, 70)
    record = DiagnosticRecord("", run, "gradients", "completed", (*seen, broken))
    found = gradients_of(record, 160)
    assert found is not None
    assert [(p.place, p.step, p.epoch) for p in found.points] == [
        ("start", 0, 0.0),
        ("middle", 49, 4.9),
        ("end", 100, 10.0),
    ]
    assert [d.batch_size for d in found.points[0].directions] == [4]
    assert gradients_of(DiagnosticRecord("", run, "gradients", "completed"), 160) is None
