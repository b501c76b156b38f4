"""Equal epochs, equal steps, and large batches against a small one, from stored curves."""

from __future__ import annotations

import pytest

from bsx.schema import (
    CurvePoint,
    DiagnosticRecord,
    Metric,
    Observation,
    Run,
    RunRecord,
    RunStatus,
)
from bsx.stats.against_small import against_small, sharpness_of, small_batch_size
from bsx.stats.curves import SizeRuns
from bsx.stats.equal_length import at_length, length_of, shortest
from tests import fakes

ACCURACY = Metric("accuracy", higher_is_better=True, bounded=True)
ERROR = Metric("mae", higher_is_better=False)


def run(
    size: int, rate: float, seed: int, values: dict[int, float], status: str = "completed"
) -> RunRecord:
    """Return a run with these values of the metric at these steps."""
    points = tuple(
        CurvePoint(step, step * size / 160, step * size, 0.0, 1.0, 1.0,
                   {"accuracy": value, "mae": 1 - value})
        for step, value in values.items()
    )  # fmt: skip
    return RunRecord(Run(fakes.recipe(batch_size=size), rate, seed), RunStatus(status), points)


def runs(size: int, *records: RunRecord) -> SizeRuns:
    return SizeRuns.of(size, records)


SMALL = runs(
    4,
    *(run(4, 0.1, seed, {1: 0.2, 10: 0.5 + seed / 100, 100: 0.9}) for seed in range(3)),
    *(run(4, 0.2, seed, {1: 0.4, 10: 0.6 + seed / 100, 100: 0.7}) for seed in range(3)),
)
LARGE = runs(16, *(run(16, 0.1, seed, {1: 0.1, 10: 0.8 + seed / 100}) for seed in range(3)))


def test_all_are_looked_at_as_far_as_every_one_has_been() -> None:
    assert length_of(SMALL, ACCURACY) == 100
    assert shortest({4: 100, 16: 10}) == 10
    assert shortest({4: 100}) is None
    assert shortest({4: 100, 16: 0}) is None  # there is nothing of one of them


def test_each_size_has_the_rate_best_there_and_its_value_there() -> None:
    found = at_length({4: SMALL, 16: LARGE}, {4: 10, 16: 10}, ACCURACY)
    assert (found[4].learning_rate, found[4].value.value) == (0.2, pytest.approx(0.61))
    assert found[16].value.value == pytest.approx(0.81)
    assert found[16].shortfall is None  # the best
    shortfall = found[4].shortfall
    assert shortfall is not None and shortfall.value == pytest.approx(0.2)
    assert "chosen by it" in found[4].value.method
    assert "chosen by it" not in found[16].value.method
    later = at_length({4: SMALL, 16: LARGE}, {4: 40, 16: 10}, ACCURACY)
    assert later[4].learning_rate == 0.2  # the last evaluation up to there is that at 10
    assert at_length({4: SMALL}, {4: 100}, ACCURACY)[4].learning_rate == 0.1


def test_lower_is_better_where_it_is() -> None:
    found = at_length({4: SMALL, 16: LARGE}, {4: 10, 16: 10}, ERROR)
    assert found[16].shortfall is None
    shortfall = found[4].shortfall
    assert shortfall is not None and shortfall.value == pytest.approx(0.2)


def test_a_run_that_diverged_counts_as_far_as_it_came() -> None:
    gone = [run(4, 0.5, seed, {1: 0.9, 5: 0.99}, "diverged") for seed in range(3)]
    size = runs(4, *gone, *(run(4, 0.1, seed, {1: 0.2, 10: 0.5}) for seed in range(3)))
    assert at_length({4: size}, {4: 1}, ACCURACY)[4].learning_rate == 0.5
    assert at_length({4: size}, {4: 10}, ACCURACY)[4].learning_rate == 0.1
    assert at_length({4: runs(4, *gone)}, {4: 10}, ACCURACY) == {}


# --- large against small ------------------------------------------------------------------------


def test_the_small_size_is_the_best_of_the_smaller_half() -> None:
    quality = {b: {0: q, 1: q} for b, q in ((2, 0.7), (8, 0.9), (32, 0.8), (64, 0.99), (512, 0.9))}
    assert small_batch_size(quality, ACCURACY) == 8
    assert small_batch_size(quality, ERROR) == 2
    assert small_batch_size({256: {0: 0.9}, 1200: {0: 0.95}}, ACCURACY) == 256
    assert small_batch_size({256: {0: 0.9}, 1200: {}}, ACCURACY) is None


def test_larger_sizes_are_compared_seed_by_seed() -> None:
    tests = {2: {0: 0.1, 1: 0.2}, 8: {0: 0.90, 1: 0.80}, 64: {0: 0.88, 1: 0.78}}
    sharp = {8: {0: 1.0, 1: 2.0}, 64: {0: 10.0, 1: 20.0}}
    tops = {8: {0: 1.0, 1: -2.0}, 64: {0: 10.0, 1: 20.0}}
    found = against_small(8, tests, sharp, tops, ACCURACY)
    assert list(found) == [64]
    gap, times = found[64].test, found[64].sharpness
    assert gap is not None and gap.value == pytest.approx(0.02)
    assert gap.low is None  # two that lose the same tell nothing of how far seeds scatter
    assert times is not None and times.value == pytest.approx(10)
    assert found[64].eigenvalue is None  # of something negative there is no ratio
    worse = against_small(8, tests, {}, {}, ERROR)[64].test
    assert worse is not None and worse.value == pytest.approx(-0.02)


def test_sharpness_is_estimated_over_seeds() -> None:
    records = [
        DiagnosticRecord("", Run(fakes.recipe(), 0.1, seed), "sharpness", "completed",
                         (Observation(9, 9, sharpness=value, eigenvalue=None),))
        for seed, value in enumerate((1.0, 3.0))
    ]  # fmt: skip
    rows, mean = sharpness_of(records, "sharpness")
    assert rows == {0: 1.0, 1: 3.0}
    assert mean is not None and (mean.value, mean.low, mean.n) == (2.0, 0.0, 2)
    assert sharpness_of(records, "eigenvalue") == ({}, None)
