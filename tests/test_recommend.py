"""The recommendation: quality first, then cost; and saying so where nothing can be said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bsx.recommend import recommend
from bsx.render.reasons import REASONS
from bsx.render.wording import message
from bsx.schema import Caution, Estimate, Metric
from bsx.stats.candidates import Candidate
from bsx.stats.critical_batch import TradeOff, fit_tradeoff
from bsx.stats.intervals import geometric_mean_estimate, median_estimate
from bsx.stats.layout import StepsTable
from bsx.stats.paired import non_inferior
from tests.stats.oracles import ACCURACY, log_steps

SIZES = [2**p for p in range(1, 11)]
SEEDS = 5


def candidates(
    *,
    quality: dict[int, float] | None = None,
    noise: float = 0.001,
    seeds: int = SEEDS,
    speeds: bool = True,
    seed: int = 0,
    spread: float = 0.1,
    b_crit: float = 64.0,
) -> tuple[list[Candidate], TradeOff]:
    """Return candidates with S = 50·(1 + 64/B) and 1 ms + 10 µs a sample: best at 64 or 128."""
    rng = np.random.default_rng(seed)
    logs = log_steps(SIZES, seeds, rng, spread=spread, shared=0.1, b_crit=b_crit)
    level = rng.normal(0, 0.005, seeds)
    found = []
    for j, b in enumerate(SIZES):
        mean = (quality or {}).get(b, 0.97)
        draws = (1e-3 + 1e-5 * b) * rng.lognormal(0, 0.02, 7)
        found.append(
            Candidate(
                b,
                0.1,
                geometric_mean_estimate(np.exp(logs[:, j]).tolist()),
                dict(enumerate(logs[:, j].tolist())),
                median_estimate(draws.tolist()) if speeds else None,
                {s: mean + float(level[s] + rng.normal(0, noise)) for s in range(seeds)},
            )
        )
    return found, fit_tradeoff(StepsTable.of_logs(SIZES, logs.tolist()))


def codes(cautions: tuple[Caution, ...]) -> list[str]:
    return [caution.code for caution in cautions]


def test_the_fastest_of_those_good_enough_is_taken() -> None:
    found, fit = candidates()
    answer, cautions = recommend(found, fit, ACCURACY, 0.005)
    assert answer is not None and answer.batch_size in (64, 128)
    assert answer.objective == "time" and answer.reason.code == "fastest_admitted"
    assert answer.reason.values["admitted"] == tuple(SIZES)
    assert set(answer.indifferent) <= {32, 64, 128, 256}
    assert answer.batch_size not in answer.indifferent and cautions == ()


def test_a_size_of_lower_quality_is_not_taken_however_fast() -> None:
    found, fit = candidates(quality=dict.fromkeys((64, 128, 256, 512, 1024), 0.95))
    answer, _ = recommend(found, fit, ACCURACY, 0.005)
    assert answer is not None and answer.batch_size == 32
    assert not set(answer.indifferent) & {64, 128, 256, 512, 1024}


def test_sizes_that_end_well_enough_and_have_no_time_are_named() -> None:
    found, fit = candidates()
    found[-1] = replace(found[-1], step_seconds=None)
    answer, (caution,) = recommend(found, fit, ACCURACY, 0.005)
    assert answer is not None and 1024 not in answer.relative_cost
    assert caution.code == "not_timed" and caution.values["sizes"] == (1024,)
    _, cautions = recommend(found, fit, ACCURACY, 0.005, "steps")
    assert "not_timed" not in codes(cautions)


def test_where_no_difference_can_be_shown_the_cheapest_is_taken_and_what_would_tell_is_said() -> (
    None
):
    found, fit = candidates(noise=0.02, seeds=3)
    answer, cautions = recommend(found, fit, ACCURACY, 0.005)
    assert answer is not None and answer.reason.code == "fastest_unsettled"
    assert answer.batch_size in (32, 64, 128, 256)
    assert len(answer.reason.values["admitted"]) > 5
    assert answer.batch_size not in answer.reason.values["shown"]
    (caution,) = cautions
    assert (caution.code, caution.batch_size) == ("quality_not_settled", answer.batch_size)
    assert caution.values["seeds"] == 3 and caution.values["best"] != answer.batch_size
    assert caution.values["seeds_needed"] is None or caution.values["seeds_needed"] > 3
    assert "samples" not in caution.values
    _, (caution, *_) = recommend(found, fit, ACCURACY, 0.005, grain=1 / 18)
    assert "one of 18 validation samples is 5.6 points, so that more of them" in message(caution)


def test_a_size_that_takes_less_is_taken_before_it_is_shown_to_end_well_enough() -> None:
    quality = {**dict.fromkeys(SIZES, 0.95), 2: 0.97, 4: 0.97, 64: 0.967}
    found, fit = candidates(quality=quality, noise=0.0025)
    answer, cautions = recommend(found, fit, ACCURACY, 0.005)
    assert answer is not None and answer.batch_size == 64
    assert answer.reason.code == "fastest_unsettled"
    assert answer.reason.values["admitted"] == (2, 4, 64)
    assert answer.reason.values["shown"] == (2, 4)
    (caution,) = cautions
    assert caution.values["seeds_needed"] > SEEDS == caution.values["seeds"]
    many, fit = candidates(quality=quality, noise=0.0025, seeds=50)
    answer, cautions = recommend(many, fit, ACCURACY, 0.005)
    assert answer is not None and answer.reason.code == "fastest_admitted" and cautions == ()


def test_the_best_alone_is_taken_and_where_others_may_be_as_good_that_is_said() -> None:
    quality = {**dict.fromkeys(SIZES, 0.95), 2: 0.97, 64: 0.964}
    found, fit = candidates(quality=quality, noise=0.0025)
    answer, (caution,) = recommend(found, fit, ACCURACY, 0.005)
    assert answer is not None and answer.batch_size == 2
    assert answer.reason.code == "only_best_admitted"
    assert caution.code == "cheaper_left_out" and caution.values["sizes"] == (64,)
    assert all(ratio.high < 1 for ratio in caution.values["ratios"])
    _, (other,) = recommend(found, fit, ACCURACY, 0.005, "samples")  # of which 2 needs the fewest
    assert other.code == "quality_not_settled"
    assert other.values["is_best"] and other.values["seeds_needed"] is None


def test_a_size_that_is_shown_to_be_worse_is_not_taken_whatever_it_is_shrunk_to() -> None:
    """One of eleven noisy sizes is far off: pooled, its distance is more than chance could make."""
    for seed in range(60):
        found, fit = candidates(noise=0.01, seed=seed, quality={64: 0.955, 128: 0.955})
        answer, _ = recommend(found, fit, ACCURACY, 0.005)
        compared = non_inferior(
            {c.batch_size: c.quality for c in found}, higher_is_better=True, tolerance=0.005
        )
        assert answer is not None
        for size in answer.reason.values["admitted"]:
            low = compared[size].shortfall.low
            assert low is None or low <= 0.005


def test_a_clear_winner_in_quality_needs_no_more_seeds() -> None:
    found, fit = candidates(quality={8: 0.99})
    answer, cautions = recommend(found, fit, ACCURACY, 0.005)
    assert answer is not None and answer.batch_size == 8
    assert answer.reason.code == "only_best_admitted" and cautions == ()


@pytest.mark.parametrize(("objective", "expected"), [("steps", 1024), ("samples", 2)])
def test_other_objectives_have_other_answers(objective: str, expected: int) -> None:
    found, fit = candidates(speeds=False)
    answer, _ = recommend(found, fit, ACCURACY, 0.005, objective)
    assert answer is not None and answer.batch_size == expected


@pytest.mark.parametrize(
    ("objective", "b_crit", "expected", "said"),
    [
        ("steps", 1e-3, SIZES[:4], "sizes that hardly differ in that"),
        ("samples", 1e6, SIZES[-4:], "sizes that hardly differ in that"),
    ],
)
def test_what_the_curve_alone_tells_apart_is_alike_and_the_other_resource_decides(
    objective: str, b_crit: float, expected: list[int], said: str
) -> None:
    found, fit = candidates(b_crit=b_crit, spread=0.05)
    answer, _ = recommend(found, fit, ACCURACY, 0.005, objective)
    assert answer is not None and answer.batch_size in expected
    level = answer.reason.values["level"]
    assert answer.batch_size == (min(level) if objective == "steps" else max(level))
    assert {*answer.indifferent, answer.batch_size} == set(SIZES) >= set(level) > {128}
    ratio = answer.relative_cost[128]
    assert ratio.value == pytest.approx(1, abs=0.03)
    assert ratio.low is not None and ratio.low < 1 < (ratio.high or 0)
    values = {**answer.reason.values, "batch_size": answer.batch_size, "objective": objective}
    assert said in REASONS[answer.reason.code](values)


def test_without_speed_there_is_no_advice_on_time() -> None:
    found, fit = candidates(speeds=False)
    answer, cautions = recommend(found, fit, ACCURACY, 0.005)
    assert answer is None
    assert cautions == (Caution("no_recommendation", {"reason": "no_speed"}),)


def test_a_size_that_did_not_reach_the_target_is_not_taken() -> None:
    found, fit = candidates()
    censored = Estimate(None, censored_at=100.0)
    found = [
        Candidate(c.batch_size, 0.1, censored, {}, c.step_seconds, c.quality)
        if c.batch_size in (64, 128)
        else c
        for c in found
    ]
    answer, _ = recommend(found, fit, ACCURACY, 0.005)
    assert answer is not None and answer.batch_size in (32, 256)
    none = [Candidate(c.batch_size, 0.1, censored, {}, c.step_seconds, c.quality) for c in found]
    nothing, cautions = recommend(none, fit, ACCURACY, 0.005)
    assert nothing is None and cautions[-1].values == {"reason": "target_not_reached"}


def test_nothing_that_ended_leaves_nothing_to_recommend() -> None:
    fit = TradeOff(None, None, None, None, None, "too_few_sizes")
    assert recommend([], fit, ACCURACY, 0.005) == (
        None,
        (Caution("no_recommendation", {"reason": "no_quality"}),),
    )


def test_the_measured_steps_serve_where_the_curve_does_not() -> None:
    found, _ = candidates(spread=0.02)
    none = TradeOff(None, None, None, None, None, "too_few_sizes")
    answer, _ = recommend(found, none, ACCURACY, 0.005)
    assert answer is not None and answer.batch_size in (64, 128)


def test_the_tolerance_of_an_unbounded_metric_is_ten_times_that_share_of_the_best() -> None:
    metric = Metric("perplexity", higher_is_better=False)
    found, fit = candidates(quality=dict.fromkeys(SIZES, 50.0) | {2: 49.9, 1024: 60.0})
    answer, _ = recommend(found, fit, metric, 0.005)
    assert answer is not None
    assert answer.reason.values["tolerance"] == pytest.approx(2.495, rel=0.01)
    assert answer.reason.values["admitted"] == tuple(SIZES[:-1])


def test_an_unknown_objective_is_refused() -> None:
    found, fit = candidates()
    with pytest.raises(ValueError, match="known are time, steps, samples"):
        recommend(found, fit, ACCURACY, 0.005, "beauty")


def with_peaks(found: list[Candidate], peak: Callable[[int], float]) -> list[Candidate]:
    """Return the candidates with a peak memory each."""
    return [replace(c, peak_memory_bytes=int(peak(c.batch_size))) for c in found]


def test_cost_is_the_time_at_a_price() -> None:
    found, fit = candidates()
    by_time, _ = recommend(found, fit, ACCURACY, 0.005)
    by_cost, _ = recommend(found, fit, ACCURACY, 0.005, "cost", 7200.0)
    assert by_time is not None and by_cost is not None
    assert (by_cost.batch_size, by_cost.indifferent) == (by_time.batch_size, by_time.indifferent)
    assert by_cost.cost is not None and by_cost.price_per_hour == 7200.0
    seconds = by_time.reason.values["cost"]
    assert by_cost.reason.values["cost"] == pytest.approx(2 * seconds)
    assert by_cost.cost.value == pytest.approx(2 * seconds)
    assert by_time.cost is None and by_time.price_per_hour is None


def test_a_price_is_put_to_the_time_whatever_is_recommended_by() -> None:
    found, fit = candidates()
    answer, _ = recommend(found, fit, ACCURACY, 0.005, "samples", 3600.0)
    assert answer is not None and answer.batch_size == 2 and answer.cost is not None
    seconds = 50 * (1 + 64 / 2) * (1e-3 + 1e-5 * 2)
    assert answer.cost.value == pytest.approx(seconds, rel=0.25)
    growing = [replace(c, grows=True) for c in found]
    unknown, _ = recommend(growing, fit, ACCURACY, 0.005, "samples", 3600.0)
    assert unknown is not None and unknown.cost is None


def test_a_cost_without_a_price_is_refused() -> None:
    found, fit = candidates()
    with pytest.raises(ValueError, match="price per hour"):
        recommend(found, fit, ACCURACY, 0.005, "cost")


def test_the_best_in_quality_is_taken_however_slow() -> None:
    found, fit = candidates(quality={2: 0.99})
    found = [replace(c, final_rate=0.3) for c in found]
    answer, cautions = recommend(found, fit, ACCURACY, 0.005, "quality")
    assert answer is not None and cautions == ()
    assert (answer.batch_size, answer.learning_rate) == (2, 0.3)
    assert answer.reason.code == "best_quality" and answer.indifferent == ()
    assert answer.relative_cost == {}


def test_of_sizes_alike_in_quality_the_fastest_is_taken_and_what_would_settle_it_said() -> None:
    quality = dict.fromkeys(SIZES, 0.97) | {2: 0.9705}
    found, fit = candidates(quality=quality, noise=0.002)
    answer, _ = recommend(found, fit, ACCURACY, 0.005, "quality")
    assert answer is not None and answer.reason.code == "quality_tied"
    assert answer.batch_size in (32, 64, 128, 256)
    values = answer.reason.values
    assert answer.batch_size in values["alike"] and values["best"] in values["alike"]
    assert set(answer.indifferent) == set(values["alike"]) - {answer.batch_size}
    assert values["seconds"] > 0
    if answer.batch_size != values["best"]:
        assert values["seeds_needed"] is None or values["seeds_needed"] > SEEDS


def test_a_size_measured_worse_than_the_tolerance_is_not_alike_however_few_the_seeds() -> None:
    found, fit = candidates(quality={64: 0.9, 128: 0.9}, noise=0.0001, seeds=1)
    answer, _ = recommend(found, fit, ACCURACY, 0.005, "quality")
    assert answer is not None
    assert not {64, 128} & set(answer.reason.values["alike"])
    assert answer.reason.values["spread_known"] is False


@pytest.mark.parametrize("missing", ["no_speed", "no_target", "target_not_reached"])
def test_quality_needs_no_time_but_says_that_it_is_missing(missing: str) -> None:
    found, fit = candidates(speeds=missing != "no_speed")
    if missing == "target_not_reached":
        found = [replace(c, steps=Estimate(None, censored_at=9.0), log_steps={}) for c in found]
    tradeoff = None if missing == "no_target" else fit
    answer, _ = recommend(found, tradeoff, ACCURACY, 0.005, "quality")
    assert answer is not None
    assert answer.batch_size == answer.reason.values["best"]
    assert answer.reason.values["missing"] == missing
    assert answer.reason.values["seconds"] is None


def test_sizes_shown_to_take_less_and_to_end_worse_are_passed_over_by_name() -> None:
    found, fit = candidates(quality={64: 0.9, 128: 0.9, 256: 0.9})
    answer, _ = recommend(found, fit, ACCURACY, 0.005)
    assert answer is not None and answer.batch_size not in (64, 128, 256)
    passed = answer.reason.values["passed_over"]
    assert passed and set(passed) <= {64, 128, 256}
    for size in passed:
        ratio = answer.relative_cost[size]
        assert ratio.high is not None and ratio.high < 1
    ratios = [answer.relative_cost[size].value for size in passed]
    assert ratios == sorted(ratios)
    well, _ = recommend(*candidates(), ACCURACY, 0.005)
    assert well is not None and well.reason.values["passed_over"] == ()


def test_the_least_memory_is_that_of_the_smallest_size_that_ends_well() -> None:
    found, fit = candidates(quality=dict.fromkeys((2, 4), 0.9))
    answer, _ = recommend(with_peaks(found, lambda b: 1e6 * b), fit, ACCURACY, 0.005, "memory")
    assert answer is not None and answer.batch_size == 8
    assert answer.reason.code == "memory_admitted" and answer.indifferent == ()
    assert answer.reason.values["peak"] == 8_000_000
    assert answer.relative_cost[16].value == pytest.approx(2.0)


def test_of_sizes_alike_in_memory_the_fastest_is_taken_or_else_the_smallest() -> None:
    found, fit = candidates()
    alike = with_peaks(found, lambda b: 3e8 + 1e3 * b)
    answer, _ = recommend(alike, fit, ACCURACY, 0.005, "memory")
    assert answer is not None and answer.batch_size in (64, 128)
    assert answer.reason.values["alike"] == tuple(SIZES)
    for tradeoff, speeds in ((None, True), (fit, False)):
        slow = [c if speeds else replace(c, step_seconds=None) for c in alike]
        answer, _ = recommend(slow, tradeoff, ACCURACY, 0.005, "memory")
        assert answer is not None and answer.batch_size == 2
        assert answer.reason.values["seconds"] is None


@pytest.mark.parametrize(
    ("objective", "reason"), [("cost", "no_speed"), ("memory", "no_memory"), ("steps", None)]
)
def test_an_objective_that_cannot_be_judged_says_what_is_missing(
    objective: str, reason: str | None
) -> None:
    found, fit = candidates(speeds=False)
    answer, cautions = recommend(found, fit, ACCURACY, 0.005, objective, 1.0)
    assert (answer is None) == (reason is not None)
    if reason:
        values = {"reason": reason, "objective": objective}
        assert cautions == (Caution("no_recommendation", values),)


@pytest.mark.parametrize("objective", ["time", "steps", "samples", "cost"])
def test_without_a_target_nothing_is_counted_to_it(objective: str) -> None:
    found, _ = candidates()
    answer, cautions = recommend(found, None, ACCURACY, 0.005, objective, 1.0)
    assert answer is None and cautions[0].values["reason"] == "no_target"


@pytest.mark.slow
def test_the_regret_is_small() -> None:
    """Regret under 5 % in at least 90 % of sweeps, at 5 seeds and a spread of 0.1."""
    sizes = np.array(SIZES)
    times = 50 * (1 + 64 / sizes) * (1e-3 + 1e-5 * sizes)
    small = 0
    for seed in range(200):
        found, fit = candidates(seed=seed, noise=0.002)
        answer, _ = recommend(found, fit, ACCURACY, 0.005)
        assert answer is not None
        admitted = [SIZES.index(b) for b in answer.reason.values["admitted"]]
        small += times[SIZES.index(answer.batch_size)] < 1.05 * times[admitted].min()
    assert small >= 180
