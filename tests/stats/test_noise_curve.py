"""The noise scale along a run, at a target, over batch sizes, and beside the critical one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.schema import DiagnosticRecord, Estimate, NoiseDraws, Observation, Run
from bsx.stats.noise_curve import at_crossing, noise_curve, noise_points, over_sizes, verdict
from tests import fakes

# ‖G‖² = 1 and tr Σ = 64 exactly, or a gradient that cannot be told from 0
RESOLVED = NoiseDraws((65.0, 65.1, 64.9), (3.0, 3.01, 2.99), 1, 32)
NOISY = NoiseDraws((65.0, 65.1, 64.9), (2.0, 2.1, 1.9), 1, 32)


def record(*noise: NoiseDraws | None) -> DiagnosticRecord:
    run = Run(fakes.recipe(), 0.1, 2)
    steps = [0, *(10**n for n in range(len(noise) - 1))]
    seen = tuple(Observation(s, 16 * s, noise=d) for s, d in zip(steps, noise, strict=True))
    return DiagnosticRecord("", run, "noise-scale", "completed", seen)


def test_every_point_that_was_observed_has_its_noise_scale() -> None:
    points = noise_points(record(RESOLVED, None, NOISY), 160)
    assert [(p.step, p.epoch, p.samples_seen) for p in points] == [(0, 0.0, 0), (10, 1.0, 160)]
    assert points[0].noise_scale.value == pytest.approx(64)
    assert points[0].gradient_square.value == pytest.approx(1)
    assert points[0].covariance_trace.value == pytest.approx(64)
    assert points[1].noise_scale.value is None


def test_growth_is_the_end_over_the_start_or_the_least_that_it_may_be() -> None:
    both = record(RESOLVED, RESOLVED)
    growth = noise_curve(both, noise_points(both, 160), at_target=True).growth
    assert growth is not None and growth.value == pytest.approx(1)
    lost = record(RESOLVED, NOISY)
    curve = noise_curve(lost, noise_points(lost, 160), at_target=False)
    assert (curve.learning_rate, curve.seed, curve.at) == (0.1, 2, "end")
    assert curve.growth is not None and curve.growth.value is None
    start, end = (p.noise_scale for p in curve.points)
    assert end.low is None or curve.growth.low == pytest.approx(end.low / (start.high or 0))
    unknown = record(NOISY, RESOLVED)
    assert noise_curve(unknown, noise_points(unknown, 160), at_target=False).growth is None


def test_the_target_is_at_the_point_nearest_on_the_log_scale() -> None:
    points = noise_points(record(*[RESOLVED] * 5), 160)  # 0, 1, 10, 100, 1000
    found = [at_crossing(points, step, float) for step in (1, 30, 40, 9999)]
    assert [point.step for point in found if point] == [1, 10, 100, 1000]
    assert at_crossing(points, None, float) is None


def known(value: float) -> Estimate:
    return Estimate(value, value / 1.2, value * 1.2, n=20)


def test_over_sizes_it_is_the_geometric_mean() -> None:
    found = over_sizes([known(10.0), known(1000.0)])
    assert found is not None and found.value == pytest.approx(100)
    assert found.n == 2
    assert over_sizes([]) is None
    assert over_sizes([known(7.0)]) == known(7.0)  # its own interval


def test_one_that_is_not_resolved_counts_with_the_least_that_it_may_be() -> None:
    open_ended = Estimate(None, 5000.0, None, n=20)
    sizes = [known(100.0), known(120.0), known(90.0)]
    without, with_it = over_sizes(sizes), over_sizes([*sizes, open_ended])
    assert without is not None and with_it is not None
    assert with_it.value is not None and without.value is not None
    assert with_it.value > without.value
    most = over_sizes([known(100.0), open_ended, open_ended])
    assert most is not None and most.value is None
    assert most.low == pytest.approx(5000)


@pytest.mark.parametrize(
    ("critical", "noise", "said"),
    [
        (known(100.0), known(100.0), "agrees"),
        (known(100.0), known(300.0), "agrees"),
        (known(100.0), known(5000.0), "larger"),
        (known(100.0), known(2.0), "smaller"),
        (known(100.0), known(900.0), "undetermined"),  # within ten, but not all of its interval
        (Estimate(100.0, 1.0, 10_000.0), known(100.0), "undetermined"),  # wide says nothing
        (known(100.0), Estimate(None, 5000.0, None), "larger"),
        (known(100.0), Estimate(None, 50.0, None), "undetermined"),
        (Estimate(100.0, 80.0, None), known(100.0), "undetermined"),
        (Estimate(100.0, 80.0, None), Estimate(None, 5000.0, None), "undetermined"),
        (None, known(100.0), "undetermined"),
        (known(100.0), None, "undetermined"),
    ],
)
def test_the_two_agree_only_where_their_ratio_is_shown_to_be_within_ten(
    critical: Estimate | None, noise: Estimate | None, said: str
) -> None:
    assert verdict(critical, noise) == said


@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_swapping_the_two_swaps_the_verdict(a: float, b: float) -> None:
    swapped = {"larger": "smaller", "smaller": "larger"}
    one, other = verdict(known(a), known(b)), verdict(known(b), known(a))
    assert swapped.get(one, one) == other
