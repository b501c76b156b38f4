"""Completed records → the learning rates of the next round at each batch size.

Round 1 tries a wide grid of powers of two. As long as the winner at some size stands at the edge
of what was tried there, the next round goes further on that side. With scouts a rate is tried by
one seed first, and by the others only where it is the winner's or its neighbour's.

Where more than the rate is tuned, trials take the place of rates: the points of a search, the same
at each batch size; of those that a scout tried, the other seeds follow to the best few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bsx.schema import (
    Facts,
    LearningRates,
    Metric,
    Point,
    RunRecord,
    RunStatus,
    SweepConfig,
    rate_of,
)
from bsx.space import GRID_SIZE, STEP, usual_rates
from bsx.stats.curves import LOSS, SizeRuns, steps_table
from bsx.stats.selection import (
    Choice,
    Table,
    best_at_end,
    edges,
    fastest,
    ranked,
    ranked_at_end,
)
from bsx.stats.targets import automatic_target
from bsx.stats.trials import first_trials, further_trials

__all__ = ["GRID_SIZE", "MOST_ROUNDS", "Rates", "Seeds", "first_rates", "next_rates", "scaled"]

Seeds = Mapping[Point, int]  # learning rate or trial, from small to large → how many seeds try it
Rates = Mapping[int, Seeds]  # batch size → its rates

WIDEN_BY = 2  # rates added at a time on the side where the winner stands
MOST_ROUNDS = 5  # that widen; as many may follow scouts

SCOUT = 0  # the seed that tries what nothing is known of


def first_rates(config: SweepConfig, batch_sizes: Sequence[int]) -> Rates:
    """Return the rates of round 1."""
    rule = config.learning_rates
    if config.search is not None:
        return dict.fromkeys(batch_sizes, _each(first_trials(config.search), _at_first(config)))
    grid = _each(rule.values or usual_rates(config.optimizer), _at_first(config))
    if rule.rule == "tuned":
        return dict.fromkeys(batch_sizes, grid)
    if rule.mode == "fixed":
        [rate] = grid
        return {
            size: _each([scaled(rate_of(rate), rule, size)], config.seeds) for size in batch_sizes
        }
    base = rule.base_batch_size
    return {size: grid if size == base else {} for size in batch_sizes}


def next_rates(
    config: SweepConfig,
    facts: Facts,
    rates: Rates,
    records: Sequence[RunRecord],
    *,
    widen: bool = True,
) -> Rates:
    """Return the rates of the round after the one that ``records`` complete.

    Equal to ``rates`` where nothing more is to be tried. ``widen``: whether new rates may be.
    """
    rule = config.learning_rates
    if rule.mode == "fixed":
        return rates
    of_size: dict[int, list[RunRecord]] = {size: [] for size in rates}
    for record in records:
        of_size[record.run.recipe.batch_size].append(record)
    sizes = {
        size: SizeRuns.of(size, found, facts.train_samples, config.search)
        for size, found in of_size.items()
    }
    goals = _goals(config, facts, list(sizes.values()))

    def further(size: int) -> Seeds:
        if rule.mode == "tuned" and widen:
            wider = _widened(rates[size], sizes[size], goals, facts, config)
            if wider != rates[size]:
                return wider
        return _with_all_seeds(rates[size], sizes[size], goals, facts, config)

    if rule.rule == "tuned":
        return {size: further(size) for size in rates}
    base = rule.base_batch_size
    if base is None or base not in rates:
        return rates
    at_base = further(base)
    if at_base != rates[base]:
        return {**rates, base: at_base}
    winner = _winner(sizes[base], goals, facts)
    if winner is None:
        return rates
    others = {
        size: _each([scaled(winner, rule, size)], config.seeds) for size in rates if size != base
    }
    return {**others, base: at_base}


def scaled(rate: float, rule: LearningRates, batch_size: int) -> float:
    """Return the rate that the rule gives for ``batch_size``.

    linear: η·B/B₀ (Goyal et al. 2017); sqrt: η·√(B/B₀) (Hoffer et al. 2017); saturating:
    η ∝ 1/(1 + B*/B), linear far below B* and flat far above (McCandlish et al. 2018, for SGD).
    """
    if rule.base_batch_size is None or rule.rule == "none":
        return rate
    if rule.rule == "saturating" and rule.saturation is not None:
        at_base = 1 + rule.saturation / rule.base_batch_size
        return rate * at_base / (1 + rule.saturation / batch_size)
    ratio = batch_size / rule.base_batch_size
    return rate * (ratio if rule.rule == "linear" else math.sqrt(ratio))


def chosen_rate(
    config: SweepConfig, facts: Facts, batch_size: int, records: Sequence[RunRecord]
) -> float | None:
    """Return the rate that tuning chose at one batch size; None where every run diverged."""
    runs = SizeRuns.of(batch_size, records, facts.train_samples)
    winner = _winner(runs, _goals(config, facts, [runs]), facts)
    return None if winner is None else rate_of(winner)


def _each(points: Sequence[Point], seeds: int) -> Seeds:
    return dict.fromkeys(points, seeds)


Goal = tuple[Metric, float, int]  # what is to be reached, and in how many evaluations in a row


def _goals(config: SweepConfig, facts: Facts, sizes: list[SizeRuns]) -> list[Goal]:
    """The targets that rates are compared by: the user's, or the automatic one so far."""
    if config.targets:
        named = [(facts.metric_named(t.metric), t.threshold) for t in config.targets]
        return [(metric, threshold, config.confirm) for metric, threshold in named if metric]
    tried = [s for s in sizes if s.records]
    automatic = automatic_target(tried, facts.metric, config.confirm, facts.baseline)
    return [(facts.metric, automatic.threshold, config.confirm)] if automatic else []


def _at_first(config: SweepConfig) -> int:
    """How many seeds try a rate of which nothing is known."""
    return 1 if config.learning_rates.scout else config.seeds


def _widened(
    tried: Seeds, runs: SizeRuns, goals: list[Goal], facts: Facts, config: SweepConfig
) -> Seeds:
    """Go further on each side where the fastest rate stands, or one that ends clearly best.

    Where every run diverged, go lower.
    """
    sides = {choice.edge for choice in _choices(runs, goals)}
    sides.add(_edge_of_quality(runs, facts.metric, config.tolerance))
    if _all_diverged(runs):
        sides.add("low")
    seeds = _at_first(config)
    if config.search is not None:
        new = [t for side in sides if side for t in further_trials(config.search, tried, side)]
        return {point: tried.get(point, seeds) for point in sorted([*tried, *new])}
    low, high = rate_of(min(tried)), rate_of(max(tried))
    below = [low / STEP**i for i in range(WIDEN_BY, 0, -1)] if "low" in sides else []
    above = [high * STEP**i for i in range(1, WIDEN_BY + 1)] if "high" in sides else []
    return {**dict.fromkeys(below, seeds), **tried, **dict.fromkeys(above, seeds)}


def _with_all_seeds(
    tried: Seeds, runs: SizeRuns, goals: list[Goal], facts: Facts, config: SweepConfig
) -> Seeds:
    """Have every seed try the fastest rate, the one that ends best, and their neighbours.

    Of trials, which have no neighbours, the best few by each goal.
    """
    seeds = config.seeds
    if set(tried.values()) <= {seeds}:
        return tried
    if config.search is not None:
        best = _finalists(runs, goals, facts.metric, config.search.finalists)
        return {trial: seeds if trial in best else so_far for trial, so_far in tried.items()}
    choices = [*_choices(runs, goals), _at_end(runs, facts.metric)]
    winners = {choice.rate for choice in choices if choice is not None}
    ranks = sorted(tried)
    near = {
        rate
        for number, rate in enumerate(ranks)
        if winners & set(ranks[max(0, number - 1) : number + 2])
    }
    return {rate: seeds if rate in near else so_far for rate, so_far in tried.items()}


def _finalists(runs: SizeRuns, goals: list[Goal], metric: Metric, most: int) -> set[Point]:
    """The best trials of the scout by each goal: it alone has tried them all."""
    tables = [steps_table(runs.crossings(*goal)) for goal in goals]
    by_speed = [ranked(_of_scout(table)) for table in tables]
    by_end = ranked_at_end(
        _of_scout(runs.final("validation", metric.name)),
        _of_scout(runs.final("validation", LOSS)),
        higher_is_better=metric.higher_is_better,
    )
    return {trial for ranks in (*by_speed, by_end) for trial in ranks[:most]}


def _of_scout(table: Table) -> Table:
    return {point: {SCOUT: row[SCOUT]} for point, row in table.items() if SCOUT in row}


def _all_diverged(runs: SizeRuns) -> bool:
    statuses = {record.status for row in runs.records.values() for record in row.values()}
    return statuses == {RunStatus.DIVERGED}


def _choices(runs: SizeRuns, goals: list[Goal]) -> list[Choice]:
    """The fastest rate to each target, where a run reached it."""
    tables = [steps_table(runs.crossings(*goal)) for goal in goals]
    return [choice for choice in map(fastest, tables) if choice is not None]


def _at_end(runs: SizeRuns, metric: Metric) -> Choice | None:
    """The rate best on validation at the end."""
    return best_at_end(
        runs.final("validation", metric.name),
        runs.final("validation", LOSS),
        higher_is_better=metric.higher_is_better,
    )


def _edge_of_quality(runs: SizeRuns, metric: Metric, tolerance: float) -> str | None:
    """The side where a rate ends better than all inside by more than the tolerance.

    Ends are flat: many rates end alike, and which of them comes out first is chance.
    """
    choice = _at_end(runs, metric)
    if choice is None or choice.edge is None:
        return None
    sign = 1.0 if metric.higher_is_better else -1.0
    means = {}
    for rate, row in runs.final("validation", metric.name).items():
        values = [sign * value for value in row.values() if value is not None]
        if values:
            means[rate] = sum(values) / len(values)
    inside = [means[rate] for rate in runs.rates if rate in means and not edges(runs.rates, rate)]
    margin = metric.margin(tolerance, means[choice.rate])
    return choice.edge if not inside or means[choice.rate] - max(inside) > margin else None


def _winner(runs: SizeRuns, goals: list[Goal], facts: Facts) -> float | None:
    """The fastest rate to the first target, else the one that ends best."""
    choices = [*_choices(runs, goals), _at_end(runs, facts.metric)]
    return next((rate_of(choice.rate) for choice in choices if choice is not None), None)
