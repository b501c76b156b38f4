"""The choice of a learning rate: goals, edges, basins, and the score without the seed."""

from __future__ import annotations

from bsx.stats.selection import Choice, Table, best_at_end, edges, fastest, leave_one_out


def table(rows: dict[float, list[float | None]]) -> dict[float, dict[int, float | None]]:
    return {rate: dict(enumerate(values)) for rate, values in rows.items()}


def test_the_fastest_rate_has_the_smallest_geometric_mean() -> None:
    choice = fastest(table({0.1: [100, 100], 0.2: [10, 500], 0.4: [100, 300]}))
    assert choice is not None and choice.rate == 0.2 and choice.edge is None


def test_a_rate_that_reaches_in_fewer_seeds_ranks_behind() -> None:
    choice = fastest(table({0.1: [900, 900, 900], 0.2: [10, 10, None]}))
    assert choice is not None and choice.rate == 0.1


def test_no_rate_is_fastest_where_no_run_arrives() -> None:
    assert fastest(table({0.1: [None], 0.2: [None]})) is None
    assert fastest({}) is None


def test_a_winner_beside_diverged_rates_is_no_edge() -> None:
    choice = fastest(table({0.1: [300, 300], 0.2: [100, 100], 0.4: [None, None]}))
    assert choice is not None and choice.rate == 0.2 and choice.edge is None


def test_an_edge_says_on_which_side_to_go_further() -> None:
    assert edges([0.1, 0.2, 0.4], 0.1) == "low"
    assert edges([0.1, 0.2, 0.4], 0.4) == "high"
    assert edges([0.1, 0.2, 0.4], 0.2) is None
    assert edges([0.1], 0.1) is None


def test_a_rate_with_a_lone_seed_does_not_compete() -> None:
    rows: Table = {0.1: dict.fromkeys(range(5), 100.0), 0.2: {0: 10.0}}
    choice = fastest(rows)
    assert choice is not None and choice.rate == 0.1


def test_the_basin_is_the_unbroken_run_within_a_fifth() -> None:
    choice = fastest(table({0.1: [110], 0.2: [300], 0.4: [119], 0.8: [100], 1.6: [121]}))
    assert choice is not None and choice.basin == (0.4, 0.8)


def test_the_best_at_the_end_follows_the_metric_then_the_loss_then_the_middle() -> None:
    values = table({0.1: [0.9, 0.9], 0.2: [0.9, 0.9], 0.4: [0.9, 0.9], 0.8: [0.8, 0.8]})
    even = table({rate: [0.5, 0.5] for rate in (0.1, 0.2, 0.4, 0.8)})
    choice = best_at_end(values, even, higher_is_better=True)
    assert choice is not None and choice.rate == 0.2
    losses = table({0.1: [0.4, 0.4], 0.2: [0.5, 0.5], 0.4: [0.5, 0.5], 0.8: [0.1, 0.1]})
    choice = best_at_end(values, losses, higher_is_better=True)
    assert choice is not None and choice.rate == 0.1 and choice.edge == "low"
    worst = best_at_end(values, losses, higher_is_better=False)
    assert worst is not None and worst.rate == 0.8


def test_a_rate_at_which_a_seed_diverged_ranks_behind_at_the_end() -> None:
    values = table({0.1: [0.8, 0.8], 0.2: [0.9, None]})
    choice = best_at_end(values, values, higher_is_better=True)
    assert choice is not None and choice.rate == 0.1


def test_each_seed_is_scored_at_the_rate_that_the_others_choose() -> None:
    rows = table({0.1: [100, 100, 100], 0.2: [10, 120, 120]})
    choice = fastest(rows)
    assert choice is not None and choice.rate == 0.2
    # Seed 0 alone makes 0.2 look fast: without it the others take 0.1.
    assert leave_one_out(rows, fastest) == {0: 0.1, 1: 0.2, 2: 0.2}


def test_two_seeds_are_scored_at_the_choice_of_both() -> None:
    rows = table({0.1: [100, 100], 0.2: [10, 120]})
    assert leave_one_out(rows, fastest) == {0: 0.2, 1: 0.2}


def test_no_choice_leaves_no_scores() -> None:
    def never(_: Table) -> Choice | None:
        return None

    assert leave_one_out(table({0.1: [1, 2, 3]}), never) == {}
