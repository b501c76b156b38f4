"""Which learning rates come next."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest

from bsx import plan
from bsx.schema import (
    BatchSizes,
    CostModel,
    CurvePoint,
    Ingredient,
    LearningRates,
    Run,
    RunRecord,
    RunStatus,
    SweepConfig,
)
from bsx.tuning import GRID_SIZE, MOST_ROUNDS, Rates, first_rates, next_rates, scaled
from tests.fakes import config, facts

SIZES = (4, 16, 64)
STEPS = 100


def asked(rates: LearningRates | None = None, **changes: Any) -> SweepConfig:
    """Return a configuration of a tuned sweep."""
    return config(
        batch_sizes=BatchSizes(SIZES), learning_rates=rates or LearningRates(), seeds=2, **changes
    )


def record(run: Run, reaches: float) -> RunRecord:
    """Return a run that comes to the target at step ``reaches``; not a number: it diverges."""
    if math.isnan(reaches):
        return RunRecord(run, RunStatus.DIVERGED, stopped_at=1)
    points = tuple(
        CurvePoint(
            step, step / 10, step, 0.1, 1.0, 1.0, {"accuracy": 0.95 if step >= reaches else 0.5}
        )
        for step in range(1, STEPS + 1)
    )
    last = points[-1].metrics["accuracy"]
    final = {part: {"loss": 1.0, "accuracy": last} for part in ("train", "validation", "test")}
    return RunRecord(run, RunStatus.COMPLETED, points, final, STEPS)


def after(sweep: SweepConfig, rates: Rates, reaches: Callable[[int, float], float]) -> Rates:
    """Return the rates of the round after one in which runs took ``reaches(size, rate)`` steps."""
    of = {recipe.batch_size: recipe for recipe in plan.recipes(sweep, facts())}
    records = [
        record(Run(of[size], rate, seed), reaches(size, rate))
        for size, row in rates.items()
        for rate in row
        for seed in range(sweep.seeds)
    ]
    return next_rates(sweep, facts(), rates, records)


def bowl(best: float) -> Callable[[int, float], float]:
    """Return steps that grow by ten an octave away from ``best``."""
    return lambda _size, rate: 10 + 10 * abs(math.log2(rate / best))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "adagrad", "my.own:Optimizer"])
def test_the_first_grid_is_three_decades_of_powers_of_two(optimizer: str) -> None:
    rates = first_rates(asked(optimizer=Ingredient(optimizer)), SIZES)
    assert set(rates) == set(SIZES)
    for row in rates.values():
        assert len(row) == GRID_SIZE
        assert all(math.log2(rate).is_integer() for rate in row)
        assert all(b == 2 * a for a, b in itertools.pairwise(row))


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
def test_momentum_shifts_the_grid_by_its_long_run_gain(momentum: float) -> None:
    plain = first_rates(asked(optimizer=Ingredient("sgd")), SIZES)[4]
    heavy = first_rates(asked(optimizer=Ingredient("sgd", {"momentum": momentum})), SIZES)[4]
    assert math.log2(heavy[0] / plain[0]) == round(math.log2(1 - momentum))


def test_a_winner_inside_ends_the_search() -> None:
    rates = first_rates(asked(), SIZES)
    assert after(asked(), rates, bowl(rates[4][5])) == rates


@pytest.mark.parametrize(("place", "below", "above"), [(0, 2, 0), (-1, 0, 2)])
def test_a_winner_at_the_edge_widens_the_grid_on_its_side(
    place: int, below: int, above: int
) -> None:
    rates = first_rates(asked(), SIZES)
    wider = after(asked(), rates, bowl(rates[4][place]))
    for size in SIZES:
        row = wider[size]
        assert row[below : len(row) - above] == rates[size]
        assert len(row) == GRID_SIZE + 2
        assert all(b == 2 * a for a, b in itertools.pairwise(row))


def test_only_the_sizes_with_a_winner_at_the_edge_go_on() -> None:
    rates = first_rates(asked(), SIZES)
    low, middle = rates[4][0], rates[4][5]
    found = after(
        asked(), rates, lambda size, rate: bowl(low if size == 16 else middle)(size, rate)
    )
    assert [len(found[size]) for size in SIZES] == [10, 12, 10]


def test_where_every_rate_diverges_lower_ones_come_next() -> None:
    rates = first_rates(asked(), SIZES)
    wider = after(asked(), rates, lambda _size, _rate: math.nan)
    assert all(wider[size][2:] == rates[size] for size in SIZES)


def test_rates_beyond_one_that_diverges_are_an_edge_no_more() -> None:
    """The winner has a neighbour on each side, of which one diverged: nothing is to be gained."""
    rates = first_rates(asked(), SIZES)
    top = rates[4][-1]
    best = bowl(rates[4][-2])
    found = after(asked(), rates, lambda s, r: math.nan if r == top else best(s, r))
    assert found == rates


def test_the_search_comes_to_an_end() -> None:
    sweep = asked()
    of = plan.recipes(sweep, facts())
    records: dict[str, RunRecord] = {}
    rounds = 0
    while True:
        found = plan.next_round(sweep, facts(), of, records, CostModel(1e-3, 1e-6))
        if found is None:
            break
        assert found.number == rounds
        rounds += 1
        for group in found.groups:
            for run in group.runs:
                records[run.run_id] = record(run, 60 + math.log2(run.learning_rate))
    assert rounds == MOST_ROUNDS


def test_a_grid_of_the_users_own_is_not_widened() -> None:
    sweep = asked(LearningRates("grid", (0.1, 0.2)))
    rates = first_rates(sweep, SIZES)
    assert rates == dict.fromkeys(SIZES, (0.1, 0.2))
    assert after(sweep, rates, bowl(0.1)) == rates


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("none", (0.1, 0.1, 0.1)), ("linear", (0.025, 0.1, 0.4)), ("sqrt", (0.05, 0.1, 0.2))],
)
def test_a_fixed_rate_follows_its_rule(rule: str, expected: tuple[float, ...]) -> None:
    rates = first_rates(asked(LearningRates("fixed", (0.1,), rule, 16)), SIZES)
    assert [rates[size] for size in SIZES] == [(pytest.approx(rate),) for rate in expected]
    assert after(asked(LearningRates("fixed", (0.1,), rule, 16)), rates, bowl(9.0)) == rates


def test_a_fixed_rate_without_a_rule_is_the_same_everywhere() -> None:
    rates = first_rates(asked(LearningRates("fixed", (0.1,), "none", None)), SIZES)
    assert set(rates.values()) == {(0.1,)}


@pytest.mark.parametrize("rule", ["none", "linear", "sqrt"])
def test_a_rule_takes_the_rate_tuned_at_its_base_to_the_other_sizes(rule: str) -> None:
    given = LearningRates("tuned", (), rule, 16)
    sweep = asked(given)
    first = first_rates(sweep, SIZES)
    assert [len(first[size]) for size in SIZES] == [0, GRID_SIZE, 0]
    best = first[16][0]  # at the edge: the base is tuned to its end before the others follow
    second = after(sweep, first, bowl(best))
    assert [len(second[size]) for size in SIZES] == [0, GRID_SIZE + 2, 0]
    third = after(sweep, second, bowl(best))
    assert third[16] == second[16]
    for size in (4, 64):
        assert third[size] == (pytest.approx(scaled(best, given, size)),)
    assert after(sweep, third, bowl(best)) == third


def test_a_better_end_beyond_the_tolerance_widens_the_grid_too() -> None:
    """Where no rate reaches the target, the one that ends clearly best shows the way."""
    sweep = asked()
    rates = first_rates(sweep, SIZES)
    of = {recipe.batch_size: recipe for recipe in plan.recipes(sweep, facts())}

    def ended(size: int, rate: float, seed: int, gain: float) -> RunRecord:
        better = gain if rate == rates[size][-1] else 0.0
        made = record(Run(of[size], rate, seed), math.inf)
        value = {"loss": 1.0 - better, "accuracy": 0.5 + better}
        final = dict.fromkeys(("train", "validation", "test"), value)
        return RunRecord(made.run, made.status, made.curve, final, STEPS)

    for gain, length in ((0.1, GRID_SIZE + 2), (0.001, GRID_SIZE)):
        records = [
            ended(size, rate, seed, gain)
            for size in SIZES
            for rate in rates[size]
            for seed in range(sweep.seeds)
        ]
        found = next_rates(sweep, facts(), rates, records)
        assert [len(found[size]) for size in SIZES] == [length] * 3
