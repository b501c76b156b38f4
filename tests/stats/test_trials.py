"""The points of a search: where they lie, and where the search goes on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from bsx.schema import Axis, Search, Trial
from bsx.stats.quasi_random import sobol
from bsx.stats.selection import alike, best_at_end, edges, fastest, ranked
from bsx.stats.trials import edges_beside, first_trials, further_trials

RATE = Axis("learning_rate", 1e-3, 1.0)
EFFECTIVE = Axis("effective_learning_rate", 0.01, 10.0)
MOMENTUM = Axis("momentum", 0.5, 0.99)
DECAY = Axis("weight_decay", 1e-6, 1e-2)
BOTH = Search((EFFECTIVE, MOMENTUM, DECAY), 32)


@pytest.mark.parametrize("axis", [RATE, EFFECTIVE, MOMENTUM, DECAY, Axis("momentum", 0.0, 0.9)])
def test_an_axis_runs_from_low_to_high(axis: Axis) -> None:
    assert axis.at(0.0) == pytest.approx(axis.low)
    assert axis.at(1.0) == pytest.approx(axis.high)
    assert axis.low < axis.at(0.5) < axis.high
    assert axis.share(axis.at(0.3)) == pytest.approx(0.3)


def test_momentum_is_even_in_what_it_lets_go() -> None:
    assert 1 - MOMENTUM.at(0.5) == pytest.approx(math.sqrt(0.5 * 0.01))
    assert RATE.at(0.5) == pytest.approx(math.sqrt(1e-3))


@given(st.integers(1, 4), st.integers(1, 200), st.integers(1, 200))
def test_a_longer_sequence_begins_with_the_shorter_one(d: int, one: int, other: int) -> None:
    short, long = sorted((one, other))
    assert sobol(d, long)[:short] == sobol(d, short)
    assert len(sobol(d, long)) == long


def test_the_sequence_is_more_even_than_chance() -> None:
    chance = np.random.default_rng(1).random((64, 3))
    ours = qmc.discrepancy(np.array(sobol(3, 64)))
    assert ours < qmc.discrepancy(chance) / 3


def test_the_points_are_the_same_for_ever() -> None:
    """They are part of a sweep's question: with other ones stored runs would not be found."""
    assert [round(x, 6) for x in sobol(2, 2)[1]] == FIRST


FIRST = [0.721912, 0.107525]


def test_the_first_trials_lie_in_the_box() -> None:
    trials = first_trials(BOTH)
    assert len(trials) == 32
    assert list(trials) == sorted(trials)
    for trial in trials:
        tuned = dict(trial.tuned)
        assert 0.0099 <= trial.effective_rate <= 10.1
        assert trial.learning_rate == pytest.approx(trial.effective_rate * (1 - tuned["momentum"]))
        assert 0.5 <= tuned["momentum"] <= 0.99
        assert 1e-6 <= tuned["weight_decay"] <= 1e-2


def test_a_trial_can_be_typed() -> None:
    for trial in first_trials(BOTH):
        for value in (trial.learning_rate, *dict(trial.tuned).values()):
            assert len(f"{value!r}") <= 10, value
            assert float(repr(value)) == value


def test_the_search_goes_on_beside_the_box_as_densely_as_in_it() -> None:
    tried: set[Trial] = set(first_trials(BOTH))
    reached = {"low": math.log(0.01), "high": math.log(10.0)}
    quarter = math.log(1000) / 4
    for number in range(1, 4):
        for side, sign in (("low", -1), ("high", 1)):
            found = further_trials(BOTH, tried, side)
            assert len(found) == 8
            assert tried.isdisjoint(found)
            tried |= set(found)
            for trial in found:
                beyond = sign * (math.log(trial.effective_rate) - reached[side]) / quarter
                assert number - 1 - 0.01 <= beyond <= number + 0.01
    assert len(tried) == 32 + 6 * 8


def test_which_side_comes_first_changes_no_trial() -> None:
    first = set(first_trials(BOTH))
    low, high = further_trials(BOTH, first, "low"), further_trials(BOTH, first, "high")
    assert further_trials(BOTH, first | set(low), "high") == high
    assert further_trials(BOTH, first | set(high), "low") == low


def test_a_trial_is_at_the_edge_in_the_outermost_tenth_of_effective_rates() -> None:
    def at(share: float, momentum: float = 0.9) -> Trial:
        return Trial(EFFECTIVE.at(share) * (1 - momentum), (("momentum", momentum),))

    tried = [at(0.0), at(0.05, 0.5), at(0.15, 0.99), at(0.5, 0.7), at(0.85, 0.5), at(1.0, 0.99)]
    sides = [edges(tried, trial) for trial in tried]
    assert sides == ["low", "low", None, None, None, "high"]
    assert edges(tried[:1], tried[0]) is None


def bowl(search: Search, best: Trial) -> dict[Trial, dict[int, float | None]]:
    """Return the steps of the first trials, fewer the closer they are to ``best``."""

    def off(trial: Trial) -> float:
        rate = math.log2(trial.effective_rate / best.effective_rate)
        theirs, ours = dict(trial.tuned), dict(best.tuned)
        beside = [
            axis.share(theirs[axis.name]) - axis.share(ours[axis.name]) for axis in search.beside
        ]
        return 0.05 * rate**2 + sum(b * b for b in beside)

    return {t: {0: 100 * math.exp(off(t)), 1: 101 * math.exp(off(t))} for t in first_trials(search)}


def test_the_choice_among_trials_is_one_of_them_and_its_basin_is_in_rates() -> None:
    best = Trial(0.03, (("momentum", 0.9), ("weight_decay", 1e-4)))
    steps = bowl(BOTH, best)
    choice = fastest(steps)
    assert choice is not None
    assert choice.rate == min(steps, key=lambda t: steps[t][0] or 0)
    assert choice.rate == ranked(steps)[0]
    assert choice.basin is not None
    near = [t.learning_rate for t in alike(steps, choice.rate) if isinstance(t, Trial)]
    assert choice.basin == (min(near), max(near))
    assert choice.edge is None
    assert edges_beside(steps, choice.rate) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("momentum", "decay", "sides"),
    [
        (0.9, 1e-4, {}),
        (0.999, 1e-4, {"momentum": "high"}),
        (0.1, 1e-4, {"momentum": "low"}),
        (0.9, 1.0, {"weight_decay": "high"}),
        (0.9, 1e-9, {}),  # less weight decay is as good as none
    ],
)
def test_the_edge_of_what_is_tuned_beside_the_rate_is_seen_where_all_good_trials_lie_there(
    momentum: float, decay: float, sides: dict[str, str]
) -> None:
    search = Search((EFFECTIVE, MOMENTUM, DECAY), 256)
    best = Trial((1 - momentum) * 0.3, (("momentum", momentum), ("weight_decay", decay)))

    def steep(trial: Trial) -> float:
        theirs = dict(trial.tuned)
        off = MOMENTUM.share(theirs["momentum"]) - MOMENTUM.share(momentum)
        more = DECAY.share(theirs["weight_decay"]) - DECAY.share(decay)
        return 3 * abs(off) + 3 * abs(more) + 0.02 * abs(math.log2(trial.effective_rate / 0.3))

    steps = {t: {0: 100 * math.exp(steep(t))} for t in first_trials(search)}
    choice = fastest(steps)  # type: ignore[arg-type]
    assert choice is not None and isinstance(choice.rate, Trial)
    assert edges_beside(steps, choice.rate) == sides  # type: ignore[arg-type]
    assert best.effective_rate == pytest.approx(0.3)


def test_what_matters_little_is_at_no_edge() -> None:
    search = Search((EFFECTIVE, MOMENTUM), 64)
    steps = {
        t: {0: 100 * math.exp(0.05 * math.log2(t.effective_rate / 0.3) ** 2)}
        for t in first_trials(search)
    }
    choice = fastest(steps)  # type: ignore[arg-type]
    assert choice is not None and isinstance(choice.rate, Trial)
    assert edges_beside(steps, choice.rate) == {}  # type: ignore[arg-type]


def test_the_best_at_the_end_may_be_a_trial() -> None:
    first, second = Trial(0.1, (("momentum", 0.5),)), Trial(0.1, (("momentum", 0.9),))
    values = {first: {0: 0.8, 1: 0.8}, second: {0: 0.9, 1: 0.9}}
    choice = best_at_end(values, values, higher_is_better=True)  # type: ignore[arg-type]
    assert choice is not None and choice.rate == second
