"""Which learning rates come next."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
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


def row(rates: Rates, size: int = SIZES[0]) -> list[float]:
    """Return the rates of a size, from small to large."""
    return list(rates[size])


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
        for rate, seeds in row.items()
        for seed in range(seeds)
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
    plain = row(first_rates(asked(optimizer=Ingredient("sgd")), SIZES))
    heavy = row(first_rates(asked(optimizer=Ingredient("sgd", {"momentum": momentum})), SIZES))
    assert math.log2(heavy[0] / plain[0]) == round(math.log2(1 - momentum))


def test_a_winner_inside_ends_the_search() -> None:
    rates = first_rates(asked(), SIZES)
    assert after(asked(), rates, bowl(row(rates)[5])) == rates


@pytest.mark.parametrize(("place", "below", "above"), [(0, 2, 0), (-1, 0, 2)])
def test_a_winner_at_the_edge_widens_the_grid_on_its_side(
    place: int, below: int, above: int
) -> None:
    rates = first_rates(asked(), SIZES)
    wider = after(asked(), rates, bowl(row(rates)[place]))
    for size in SIZES:
        found = row(wider, size)
        assert found[below : len(found) - above] == row(rates, size)
        assert len(found) == GRID_SIZE + 2
        assert all(b == 2 * a for a, b in itertools.pairwise(found))


@pytest.mark.parametrize(("confirm", "widened"), [(1, True), (3, False)])
def test_a_lucky_evaluation_is_no_winner_where_it_must_be_confirmed(
    confirm: int, widened: bool
) -> None:
    """The lowest rate touches the target at step 10, once; one in the middle holds it from 40."""
    sweep = asked(confirm=confirm)
    rates = first_rates(sweep, SIZES)
    lucky, steady = row(rates)[0], row(rates)[5]
    of = {recipe.batch_size: recipe for recipe in plan.recipes(sweep, facts())}

    def run_of(size: int, rate: float, seed: int) -> RunRecord:
        found = record(Run(of[size], rate, seed), {steady: 40.0}.get(rate, 70.0))
        if rate != lucky:
            return found
        points = list(found.curve)
        points[9] = replace(points[9], metrics={"accuracy": 0.95})
        return replace(found, curve=tuple(points))

    records = [
        run_of(size, rate, seed) for size in SIZES for rate in rates[size] for seed in (0, 1)
    ]
    assert (next_rates(sweep, facts(), rates, records) != rates) == widened


def test_only_the_sizes_with_a_winner_at_the_edge_go_on() -> None:
    rates = first_rates(asked(), SIZES)
    low, middle = row(rates)[0], row(rates)[5]
    found = after(
        asked(), rates, lambda size, rate: bowl(low if size == 16 else middle)(size, rate)
    )
    assert [len(found[size]) for size in SIZES] == [10, 12, 10]


def test_where_every_rate_diverges_lower_ones_come_next() -> None:
    rates = first_rates(asked(), SIZES)
    wider = after(asked(), rates, lambda _size, _rate: math.nan)
    assert all(row(wider, size)[2:] == row(rates, size) for size in SIZES)


def test_rates_beyond_one_that_diverges_are_an_edge_no_more() -> None:
    """The winner has a neighbour on each side, of which one diverged: nothing is to be gained."""
    rates = first_rates(asked(), SIZES)
    top = row(rates)[-1]
    best = bowl(row(rates)[-2])
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
    assert rates == {size: {0.1: 2, 0.2: 2} for size in SIZES}
    assert after(sweep, rates, bowl(0.1)) == rates


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("none", (0.1, 0.1, 0.1)), ("linear", (0.025, 0.1, 0.4)), ("sqrt", (0.05, 0.1, 0.2))],
)
def test_a_fixed_rate_follows_its_rule(rule: str, expected: tuple[float, ...]) -> None:
    rates = first_rates(asked(LearningRates("fixed", (0.1,), rule, 16)), SIZES)
    assert [row(rates, size) for size in SIZES] == [[pytest.approx(rate)] for rate in expected]
    assert after(asked(LearningRates("fixed", (0.1,), rule, 16)), rates, bowl(9.0)) == rates


def test_a_fixed_rate_without_a_rule_is_the_same_everywhere() -> None:
    rates = first_rates(asked(LearningRates("fixed", (0.1,), "none", None)), SIZES)
    assert rates == {size: {0.1: 2} for size in SIZES}


@pytest.mark.parametrize("rule", ["none", "linear", "sqrt"])
def test_a_rule_takes_the_rate_tuned_at_its_base_to_the_other_sizes(rule: str) -> None:
    given = LearningRates("tuned", (), rule, 16)
    sweep = asked(given)
    first = first_rates(sweep, SIZES)
    assert [len(first[size]) for size in SIZES] == [0, GRID_SIZE, 0]
    best = row(first, 16)[0]  # at the edge: the base is tuned to its end before the others follow
    second = after(sweep, first, bowl(best))
    assert [len(second[size]) for size in SIZES] == [0, GRID_SIZE + 2, 0]
    third = after(sweep, second, bowl(best))
    assert third[16] == second[16]
    for size in (4, 64):
        assert row(third, size) == [pytest.approx(scaled(best, given, size))]
    assert after(sweep, third, bowl(best)) == third


def test_a_better_end_beyond_the_tolerance_widens_the_grid_too() -> None:
    """Where no rate reaches the target, the one that ends clearly best shows the way."""
    sweep = asked()
    rates = first_rates(sweep, SIZES)
    of = {recipe.batch_size: recipe for recipe in plan.recipes(sweep, facts())}

    def ended(size: int, rate: float, seed: int, gain: float) -> RunRecord:
        better = gain if rate == max(rates[size]) else 0.0
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


SCOUTED = LearningRates(scout=True)


def everyones(rates: Rates, size: int = SIZES[0]) -> set[int]:
    """Return the places of the rates that both seeds try."""
    return {place for place, seeds in enumerate(rates[size].values()) if seeds == 2}


def test_scouts_try_every_rate_with_one_seed() -> None:
    rates = first_rates(asked(SCOUTED), SIZES)
    assert all(set(rates[size].values()) == {1} for size in SIZES)
    assert [len(rates[size]) for size in SIZES] == [GRID_SIZE] * 3


def test_after_scouts_every_seed_tries_the_winner_and_its_neighbours() -> None:
    sweep = asked(SCOUTED)
    rates = first_rates(sweep, SIZES)
    found = after(sweep, rates, bowl(row(rates)[5]))
    assert everyones(found) >= {4, 5, 6}
    assert len(everyones(found)) <= 6  # those of the rate that ends best are among them
    assert after(sweep, found, bowl(row(rates)[5])) == found


def test_scouts_go_further_where_the_winner_stands_at_the_edge_before_others_follow() -> None:
    sweep = asked(SCOUTED)
    rates = first_rates(sweep, SIZES)
    best = row(rates)[-1]
    wider = after(sweep, rates, bowl(best))
    assert len(wider[4]) == GRID_SIZE + 2
    assert set(wider[4].values()) == {1}
    found = after(sweep, wider, bowl(best))
    assert everyones(found) >= {8, 9, 10}
    assert 0 not in everyones(found)


def test_a_winner_that_other_seeds_move_takes_its_neighbours_along() -> None:
    """What one seed found best need not be: the seeds go where the best is then."""
    sweep = asked(SCOUTED)
    rates = first_rates(sweep, SIZES)
    found = after(sweep, rates, bowl(row(rates)[5]))
    moved = after(sweep, found, bowl(row(rates)[6]))
    assert 7 not in everyones(found)
    assert everyones(moved) == everyones(found) | {7}


def test_scouts_that_all_diverge_are_not_followed() -> None:
    sweep = asked(LearningRates("grid", (0.1, 0.2), scout=True))
    rates = first_rates(sweep, SIZES)
    assert after(sweep, rates, lambda _size, _rate: math.nan) == rates


def test_a_search_that_widens_to_its_end_still_has_every_seed_at_its_winner() -> None:
    sweep = asked(SCOUTED)
    of = plan.recipes(sweep, facts())
    records: dict[str, RunRecord] = {}
    while found := plan.next_round(sweep, facts(), of, records, CostModel(1e-3, 1e-6)):
        for group in found.groups:
            for run in group.runs:
                records[run.run_id] = record(run, 60 + math.log2(run.learning_rate))
    for size in SIZES:
        tried = [r.run for r in records.values() if r.run.recipe.batch_size == size]
        lowest = min(run.learning_rate for run in tried)
        assert {run.seed for run in tried if run.learning_rate == lowest} == {0, 1}
