"""Which size is as good as the base size: verdicts, their rates of error, and the interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bsx.arithmetic import branch_evaluations
from bsx.schema import (
    Branch,
    BranchPoint,
    CurvePoint,
    Estimate,
    Metric,
    Run,
    RunRecord,
    RunStatus,
)
from bsx.stats.branches import (
    OVERHEAD,
    PointBranches,
    branch_of,
    critical_batch_size,
    judged,
    losses_at_point,
    margin_of,
    rises,
)
from bsx.stats.intervals import t_quantile
from bsx.stats.warmup import warmup
from tests.fakes import recipe

LOSS = Metric("loss", higher_is_better=False)
BASE, SAMPLES = 4, 1024
SIZES = (4, 8, 16, 32, 64)


@cache
def run(size: int, seed: int) -> Run:
    """Return a run of that size."""
    return Run(recipe(batch_size=size, steps=SAMPLES // size), 0.01 * size, seed)


def record(size: int, seed: int, losses: Mapping[int, float]) -> RunRecord:
    """Return a branch with these losses: samples in it → loss."""
    curve = tuple(
        CurvePoint(at // size, at / 4096, at, 0.0, loss, loss, {}) for at, loss in losses.items()
    )
    return RunRecord(run(size, seed), RunStatus.COMPLETED, curve)


def places(size: int) -> list[int]:
    """Return the samples at which a branch of that size is evaluated."""
    return [0, *(step * size for step in branch_evaluations(SAMPLES, size))]


def falling(at: float, behind: float = 1.0) -> float:
    """Return a loss that falls with the samples; ``behind``: as if there were fewer of them."""
    return float(1.0 + 2.0 * (1 + at / behind / 256) ** -1.0)


def point_of(
    behind: Mapping[int, float], seeds: int, noise: float, generator: np.random.Generator
) -> PointBranches:
    """Return branches of which a size is as far as the base size with so many times fewer."""
    records: dict[int, dict[int, RunRecord]] = {size: {} for size in behind}
    for seed in range(seeds):
        shared = generator.normal(0, 5 * noise)
        for size, factor in behind.items():
            errors = shared + generator.normal(0, noise)
            losses = {at: falling(at, factor) + errors for at in places(size)}
            records[size][seed] = record(size, seed, losses)
    return PointBranches(SAMPLES, records)


def judge(point: PointBranches, tolerance: float = 0.0) -> list[Branch]:
    """Return the branches of a point with their verdicts."""
    margin = margin_of(point, BASE, LOSS, tolerance)
    found = [branch_of(point, size, BASE, margin) for size in point.records]
    return [
        Branch(**{**{k: getattr(b, k) for k in b.__dataclass_fields__}, "verdict": verdict})
        for b, verdict in zip(found, judged(found), strict=True)
    ]


def test_the_differences_are_what_one_would_reckon_by_hand() -> None:
    generator = np.random.default_rng(0)
    point = point_of({4: 1.0, 8: 1.1, 64: 1.5}, 6, 0.01, generator)
    margin = margin_of(point, BASE, LOSS, 0.0)
    assert margin is not None and margin.source == "samples"
    for size in (8, 64):
        differences, excesses = [], []
        at_ends = [at for at in places(size) if at >= 0.75 * SAMPLES]
        for seed in range(6):
            base = dict(zip(places(4), _losses(point, 4, seed), strict=True))
            own = dict(zip(places(size), _losses(point, size, seed), strict=True))
            fewer = np.interp([at / 1.2 for at in at_ends], list(base), list(base.values()))
            differences.append(np.mean([own[at] - base[at] for at in at_ends]))
            excesses.append(np.mean([own[at] for at in at_ends]) - fewer.mean())
        branch = branch_of(point, size, BASE, margin)
        for found, values in ((branch.difference, differences), (branch.excess, excesses)):
            assert found is not None
            exact = scipy_stats.ttest_1samp(values, 0).confidence_interval(0.95)
            assert found.value == pytest.approx(np.mean(values))
            assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
        assert branch.loss is not None and branch.seeds == 6


def _losses(point: PointBranches, size: int, seed: int) -> list[float]:
    return [p.validation_loss for p in point.records[size][seed].curve]


def test_a_size_that_needs_less_than_a_fifth_more_is_as_good_and_one_that_needs_more_is_not() -> (
    None
):
    point = point_of(
        {4: 1.0, 8: 1.05, 16: 1.12, 32: 1.3, 64: 2.0}, 5, 1e-4, np.random.default_rng(1)
    )
    found = judge(point)
    assert [b.verdict for b in found] == ["base", "as_good", "as_good", "worse", "worse"]
    critical = critical_batch_size(found, 5)
    assert critical is not None and critical.value is not None
    assert (critical.low, critical.high) == (16, 32)
    assert 16 < critical.value < 32


def test_where_the_loss_hardly_falls_the_tolerance_decides() -> None:
    generator = np.random.default_rng(2)
    records = {
        size: {
            seed: record(size, seed, {at: 1.0 + lag + generator.normal(0, 1e-3) for at in
                                      places(size)})
            for seed in range(5)
        }
        for size, lag in {4: 0.0, 8: 0.01, 16: 0.09}.items()
    }  # fmt: skip
    point = PointBranches(SAMPLES, records)
    margin = margin_of(point, BASE, LOSS, 0.005)
    assert margin is not None
    assert margin.source == "tolerance"
    assert margin.value == pytest.approx(0.05, rel=0.01)  # ten times that share of a loss
    assert [b.verdict for b in judge(point, 0.005)] == ["base", "as_good", "worse"]


def test_the_value_lies_where_the_size_needs_a_fifth_more() -> None:
    """E(B) of the trade-off with B_crit 60: 20 % more than at 4 is at 1.2·4 + 0.2·60 = 16.8."""
    behind = {size: (60 + size) / (60 + 4) for size in SIZES}
    found = judge(point_of(behind, 20, 1e-5, np.random.default_rng(3)))
    critical = critical_batch_size(found, 20)
    assert critical is not None and critical.value is not None
    assert critical.value == pytest.approx(1.2 * 4 + 0.2 * 60, rel=0.05)
    assert (critical.low, critical.high) == (16, 32)


# --- edges ----------------------------------------------------------------------------------


def branch(size: int, low: float, high: float, verdict: str = "undecided") -> Branch:
    """Return a branch whose excess has this interval."""
    excess = Estimate((low + high) / 2, low, high, n=5)
    return Branch(size, 0.1, 10, 5, 0, excess, excess, excess, verdict)


GOOD, BAD, OPEN = (-2.0, -1.0), (1.0, 2.0), (-1.0, 1.5)


def verdicts(*excesses: tuple[float, float]) -> list[str]:
    """Return the verdicts behind the base size of sizes with such excesses."""
    rows = [branch(4, *GOOD, "base"), *(branch(8 * 2**i, *e) for i, e in enumerate(excesses))]
    return list(judged(rows)[1:])


def test_sizes_are_tested_in_order_until_one_is_not_shown() -> None:
    assert verdicts(GOOD, GOOD, OPEN, BAD) == ["as_good", "as_good", "undecided", "worse"]
    assert verdicts(OPEN, GOOD, BAD, OPEN) == ["undecided"] * 4
    assert verdicts(BAD, OPEN, BAD) == ["undecided", "undecided", "worse"]
    assert verdicts(GOOD, GOOD) == ["as_good", "as_good"]
    assert verdicts(BAD, BAD) == ["worse", "worse"]


def test_a_size_that_diverged_is_above_the_critical_one() -> None:
    rows = [branch(4, *GOOD, "base"), branch(8, *GOOD), branch(16, *OPEN, "diverged")]
    rows = [
        branch(b.batch_size, b.excess.low, b.excess.high, v)  # type: ignore[union-attr,arg-type]
        for b, v in zip(rows, judged(rows), strict=True)
    ]
    assert [b.verdict for b in rows] == ["base", "as_good", "diverged"]
    critical = critical_batch_size(rows, 5)
    assert critical is not None
    assert (critical.low, critical.high) == (8, 16)


def test_above_it_is_only_what_is_worse_with_all_larger_sizes() -> None:
    rows = [
        branch(4, *GOOD, "base"),
        branch(8, *GOOD, "diverged"),
        branch(16, *GOOD, "undecided"),
        branch(32, *BAD, "worse"),
    ]
    critical = critical_batch_size(rows, 5)
    assert critical is not None
    assert (critical.low, critical.high) == (4, 32)


def test_a_base_size_that_diverged_is_no_base() -> None:
    base = replace(branch(4, *GOOD, "diverged"), diverged=1)
    assert critical_batch_size([base, branch(8, *GOOD, "as_good")], 5) is None


def test_it_is_censored_where_the_largest_size_is_as_good() -> None:
    rows = [branch(4, *GOOD, "base"), branch(8, *GOOD, "as_good")]
    critical = critical_batch_size(rows, 5)
    assert critical is not None
    assert (critical.value, critical.low, critical.high, critical.censored_at) == (None, 8, None, 8)


def test_the_interval_of_a_loss_ends_at_zero() -> None:
    records = {seed: record(BASE, seed, {SAMPLES: 0.1 + seed}) for seed in (0, 1)}
    loss = branch_of(PointBranches(SAMPLES, {BASE: records}), BASE, BASE, None).loss
    assert loss is not None and loss.low == 0


def test_one_seed_has_a_value_and_no_interval() -> None:
    generator = np.random.default_rng(4)
    found = judge(point_of({4: 1.0, 8: 1.1, 16: 1.6}, 1, 0.0, generator))
    assert {b.verdict for b in found} == {"base", "undecided"}
    critical = critical_batch_size(found, 1)
    assert critical is not None and critical.value is not None
    assert 8 < critical.value < 16
    assert critical.low is critical.high is None


def test_without_the_base_size_nothing_is_said() -> None:
    gone = {0: RunRecord(run(4, 0), RunStatus.DIVERGED)}
    point = PointBranches(SAMPLES, {4: gone, 8: {}})
    assert margin_of(point, BASE, LOSS, 0.005) is None
    found = [branch_of(point, size, BASE, None) for size in (4, 8)]
    assert [b.verdict for b in found] == ["diverged", "not_run"]
    assert critical_batch_size(found, 0) is None
    assert losses_at_point(point, BASE) == []


def test_a_loss_that_rises_is_seen() -> None:
    generator = np.random.default_rng(5)
    for slope, expected in ((0.1, True), (-0.1, False), (0.0, False)):
        records = {
            4: {
                seed: record(4, seed, {at: 1 + slope * at / SAMPLES + generator.normal(0, 0.005)
                                       for at in places(4)})
                for seed in range(5)
            }
        }  # fmt: skip
        assert rises(PointBranches(SAMPLES, records), 4) is expected


# --- the warm-up ----------------------------------------------------------------------------


def points(*shown: int) -> list[BranchPoint]:
    """Return points at which sizes up to these are shown to be as good."""
    some = Estimate(1.0, 1.0, 1.0, n=5)
    return [
        BranchPoint(
            100 * 2**i, 400 * 2**i, 1.0, some, 0.1, "samples", some,
            tuple(branch(size, *GOOD, "as_good" if 4 < size <= largest else "base")
                  for size in SIZES),
        )
        for i, largest in enumerate(shown)
    ]  # fmt: skip


RATES = {size: 0.01 * size for size in SIZES}


def test_no_stage_is_larger_than_a_later_point_bears_out() -> None:
    found = warmup(points(4, 32, 8, 64), RATES, 4, 800)
    assert found is not None
    assert [(s.samples, s.batch_size) for s in found.stages] == [(0, 4), (800, 8)]
    assert [s.learning_rate for s in found.stages] == [0.04, 0.08]
    assert found.base_steps == 800
    assert found.steps == 800 // 4 + 2400 // 8  # a stage of 64 would begin at the end


def test_without_a_larger_size_there_is_no_stage_but_the_first() -> None:
    found = warmup(points(4, 32, 4), RATES, 4, 400)
    assert found is not None
    assert len(found.stages) == 1
    assert found.steps == found.base_steps == 400
    assert warmup([], RATES, 4, 400) is None


# --- how often the verdicts are wrong -------------------------------------------------------

SIMULATIONS = 2000
ALPHA = 0.025


def wrong(truth: Sequence[float], seeds: int, correlation: float) -> tuple[float, float, float]:
    """Return how often a size is wrongly called as good, worse, and how often the interval errs.

    ``truth`` are the excesses of sizes above the base; the noise of a size has the deviation 1, of
    which the base size's, shared by all, is a part.
    """
    generator = np.random.default_rng(seeds)
    good = worse = missed = 0
    boundary = next((8 * 2**i for i, mean in enumerate(truth) if mean >= 0), None)
    shape = (SIMULATIONS, len(truth), seeds)
    draws = generator.normal(0, np.sqrt(1 - correlation), shape) + np.array(truth)[:, None]
    draws += generator.normal(0, np.sqrt(correlation), (SIMULATIONS, 1, seeds))
    half = t_quantile(seeds - 1) * draws.std(axis=2, ddof=1) / np.sqrt(seeds)
    lows, highs = draws.mean(axis=2) - half, draws.mean(axis=2) + half
    for low, high in zip(lows, highs, strict=True):
        rows = [branch(8 * 2**i, low[i], high[i]) for i in range(len(truth))]
        found = judged([branch(4, *GOOD, "base"), *rows])[1:]
        good += any(v == "as_good" and m >= 0 for v, m in zip(found, truth, strict=True))
        worse += any(v == "worse" and m <= 0 for v, m in zip(found, truth, strict=True))
        shown = [8 * 2**i for i, v in enumerate(found) if v == "as_good"]
        bad = [8 * 2**i for i, v in enumerate(found) if v == "worse"]
        assert boundary is not None
        missed += bool(shown and shown[-1] >= boundary) or bool(bad and bad[0] < boundary)
    return good / SIMULATIONS, worse / SIMULATIONS, missed / SIMULATIONS


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_no_way_errs_more_often_than_it_says_however_many_sizes_there_are(
    seeds: int, correlation: float
) -> None:
    """At worst every size lies on the border, or the first behind many clear ones does."""
    bound = ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / SIMULATIONS)
    for truth in ([-9.0, -9.0, -9.0, 0.0, 0.0, 0.0], [0.0] * 6, [-9.0, 0.0, 9.0, 9.0, 9.0, 9.0]):
        good, worse, missed = wrong(truth, seeds, correlation)
        assert good <= bound
        assert worse <= bound
        assert missed <= 2 * bound
    good, _, _ = wrong([-9.0, -9.0, -9.0, 0.0, 9.0, 9.0], seeds, correlation)
    assert good >= ALPHA - 3 * np.sqrt(ALPHA * (1 - ALPHA) / SIMULATIONS)  # and not less: no waste


@pytest.mark.slow
def test_choosing_the_margin_by_the_base_size_costs_no_honesty() -> None:
    """Where both margins are alike, the larger of the two is chosen by chance."""
    truth = {4: 1.0, 8: 1 + OVERHEAD}  # on the border
    clean = point_of(truth, 1, 0.0, np.random.default_rng(0))
    margin = margin_of(clean, BASE, LOSS, 0.0)
    assert margin is not None
    end = branch_of(clean, BASE, BASE, margin).loss  # where the tolerance is measured from
    assert end is not None and end.value is not None
    for tolerance in (0.0, margin.value / end.value / 10):
        generator = np.random.default_rng(1)
        good = worse = 0
        count = 1500
        for _ in range(count):
            found = judge(point_of(truth, 5, 0.1 * margin.value, generator), tolerance)
            good += found[1].verdict == "as_good"
            worse += found[1].verdict == "worse"
        assert good / count <= 0.04
        assert worse / count <= 0.04
