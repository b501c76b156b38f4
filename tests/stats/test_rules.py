"""Rules for the learning rate against tuning: what is read off the rates that were tried."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsx.schema import AuditedRule
from bsx.stats.rules import audit
from bsx.stats.steps_to_target import Crossing
from bsx.stats.summaries import TargetEvidence, evidence_of

LAST = 2000


def evidence(rows: dict[float, list[float | None]]) -> TargetEvidence:
    """Return the evidence of rate → each seed's steps; None never arrived."""
    return evidence_of(
        {
            rate: {s: Crossing(x, 0 if x is None else x - 1, LAST) for s, x in enumerate(row)}
            for rate, row in rows.items()
        }
    )


BASE = evidence({0.1: [100, 102, 98], 0.2: [200, 202, 198]})  # 0.1 is tuned here


def audited(rows: dict[float, list[float | None]], size: int = 16) -> dict[str, AuditedRule]:
    base, found = audit({8: BASE, size: evidence(rows)})
    assert base is not None and (base.batch_size, base.learning_rate) == (8, 0.1)
    return found[size]


def test_a_rule_holds_where_its_rate_is_the_tuned_one() -> None:
    linear = audited({0.1: [90, 91, 92], 0.2: [50, 51, 53], 0.4: [80, 81, 82]})["linear"]
    assert linear.learning_rate == linear.nearest_learning_rate == pytest.approx(0.2)
    assert linear.steps_ratio is not None
    assert (linear.steps_ratio.value, linear.steps_ratio.low, linear.steps_ratio.high) == (1, 1, 1)
    assert linear.verdict == "holds"


def test_a_rule_does_not_hold_where_it_is_shown_to_need_more() -> None:
    linear = audited({0.1: [50, 51, 53], 0.2: [90, 95, 93], 0.4: [180, 181, 182]})["linear"]
    assert linear.steps_ratio is not None and linear.steps_ratio.low is not None
    assert linear.steps_ratio.value == pytest.approx(1.8, rel=0.02)
    assert linear.steps_ratio.low > 1
    assert (linear.verdict, linear.reason) == ("does_not_hold", None)


def test_a_rule_that_is_shown_to_need_more_but_not_a_fifth_more_is_not_refused() -> None:
    rows = {0.1: [50, 50, 50], 0.2: [55.0, 56.0, 60.0], 0.4: [90, 91, 90]}
    linear = audited(rows)["linear"]
    ratio = linear.steps_ratio
    assert ratio is not None and ratio.low is not None and ratio.high is not None
    assert 1 < ratio.low < 1.2 < ratio.high
    assert (linear.verdict, linear.reason) == ("cannot_be_told", "few_seeds")


def test_a_difference_lost_in_the_noise_of_few_seeds_cannot_be_told() -> None:
    linear = audited({0.1: [50, 80, 60], 0.2: [90, 60, 100], 0.4: [180, 181, 182]})["linear"]
    assert linear.verdict == "cannot_be_told"


def test_between_two_rates_it_is_read_on_the_line_through_their_logs() -> None:
    sqrt = audited({0.1: [100, 100, 100], 0.2: [64, 64, 64], 0.4: [100, 100, 100]})["sqrt"]
    assert sqrt.learning_rate == pytest.approx(0.1 * math.sqrt(2))
    assert sqrt.steps_ratio is not None
    assert sqrt.steps_ratio.value == pytest.approx(math.sqrt(100 * 64) / 64)


def test_beyond_what_was_tried_nothing_is_said() -> None:
    linear = audited({0.1: [100, 100, 100], 0.2: [64, 64, 64]}, size=64)["linear"]
    assert linear.learning_rate == pytest.approx(0.8)
    assert linear.nearest_learning_rate == 0.2
    assert (linear.steps_ratio, linear.verdict, linear.reason) == (
        None, "cannot_be_told", "outside",
    )  # fmt: skip


def test_a_rate_at_which_no_run_arrives_is_bounded_from_below_by_how_far_was_looked() -> None:
    linear = audited({0.1: [50, 51, 53], 0.2: [None, None, None]})["linear"]
    ratio = linear.steps_ratio
    assert ratio is not None and ratio.value is None and ratio.high is None
    assert ratio.low is not None and 30 < ratio.low < LAST / 50
    assert (linear.verdict, linear.reason) == ("does_not_hold", "not_reached")


def test_a_single_seed_shows_nothing() -> None:
    base, found = audit(
        {8: evidence({0.1: [100], 0.2: [200]}), 16: evidence({0.1: [50], 0.2: [90]})}
    )
    assert base is not None
    assert {rule.verdict for rule in found[16].values()} == {"cannot_be_told"}


def test_tuning_is_scored_without_its_own_luck() -> None:
    """Seed 0 was lucky at 0.1; without it the others choose 0.2, where it is scored."""
    rows: dict[float, list[float | None]] = {0.1: [10, 105, 105], 0.2: [100, 100, 100]}
    linear = audited(rows)["linear"]
    assert linear.steps_ratio is not None
    expected = [0.0, math.log(100 / 105), math.log(100 / 105)]
    assert linear.steps_ratio.value == pytest.approx(math.exp(float(np.mean(expected))))


def test_the_base_is_the_smallest_size_with_a_choice_or_the_one_asked_for() -> None:
    rows = {0.1: [100.0, 101.0], 0.2: [50.0, 51.0]}
    sizes = {
        2: evidence({0.1: [None, None], 0.2: [None, None]}),
        4: evidence({0.1: [90.0, 91.0]}),
        8: evidence(rows),
        16: evidence(rows),
        32: evidence(rows),
    }
    base, found = audit(sizes)
    assert base is not None and base.batch_size == 8
    assert sorted(found) == [8, 16, 32]
    assert {rule.verdict for rule in found[8].values()} == {"base"}
    asked, found = audit(sizes, 32)
    assert asked is not None and asked.batch_size == 32
    assert found[16]["linear"].learning_rate == pytest.approx(0.1)


@pytest.mark.parametrize("base", [None, 4, 99])
def test_without_a_choice_at_two_sizes_there_is_nothing_to_audit(base: int | None) -> None:
    one = {4: evidence({0.1: [90, 91]}), 8: evidence({0.1: [100, 101], 0.2: [50, 51]})}
    assert audit(one, base) == (None, {})


@settings(deadline=None)
@given(
    st.integers(1, 10),
    st.lists(st.lists(st.one_of(st.none(), st.integers(1, LAST)), min_size=3, max_size=3),
             min_size=2, max_size=5),
)  # fmt: skip
def test_every_audit_has_a_verdict_that_its_interval_supports(
    octave: int, rows: list[list[float | None]]
) -> None:
    tried = {0.05 * 2**n: row for n, row in enumerate(rows)}
    _, found = audit({8: BASE, 8 * 2**octave: evidence(tried)})
    for rule in found.get(8 * 2**octave, {}).values():
        ratio = rule.steps_ratio
        if rule.verdict == "holds":
            assert ratio is not None and ratio.high is not None and ratio.high <= 1.2
        if rule.verdict == "does_not_hold":
            assert ratio is not None and ratio.low is not None and ratio.low > 1.2
        assert min(tried) <= rule.nearest_learning_rate <= max(tried)


def test_a_rule_is_judged_no_surer_than_the_evaluations_are_spaced() -> None:
    """Every seed needs a tenth more: of evaluations a tenth apart, that may be a fifth."""

    def spaced(rows: dict[float, list[float]], spacing: float) -> TargetEvidence:
        return evidence_of(
            {
                rate: {s: Crossing(x, x / spacing, LAST) for s, x in enumerate(row)}
                for rate, row in rows.items()
            }
        )

    rows = {0.1: [100.0, 100.0, 100.0], 0.2: [110.0, 110.0, 110.0]}
    verdicts = {}
    for spacing in (1.001, 1.1):
        _, found = audit({8: BASE, 16: spaced(rows, spacing)})
        ratio = found[16]["linear"].steps_ratio
        assert ratio is not None and ratio.value == pytest.approx(1.1)
        verdicts[spacing] = found[16]["linear"].verdict
    assert verdicts == {1.001: "holds", 1.1: "cannot_be_told"}
