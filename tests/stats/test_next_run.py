"""What to run next follows from what is missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bsx.schema import Estimate
from bsx.stats.critical_batch import TradeOff
from bsx.stats.hyperbola import Array
from bsx.stats.next_run import next_run
from bsx.stats.selection import Choice
from bsx.stats.steps_to_target import Crossing
from bsx.stats.summaries import TargetEvidence, tradeoff_of
from tests.stats.oracles import log_steps

SIZES = tuple(2**p for p in range(1, 11))


def evidence_of(
    curve: Callable[[Array], Array],
    sizes: tuple[int, ...] = SIZES,
    seeds: int = 5,
    spread: float = 0.03,
    budget: float = 1e6,
) -> dict[int, TargetEvidence]:
    logs = log_steps(sizes, seeds, np.random.default_rng(0), spread=spread, curve=curve)
    found = {}
    for column, size in enumerate(sizes):
        crossings = {
            seed: Crossing(steps, steps / 1.02, budget) if steps <= budget else
            Crossing(None, 0, budget)
            for seed, steps in enumerate(np.exp(logs[:, column]).tolist())
        }  # fmt: skip
        reached = any(c.step is not None for c in crossings.values())
        choice = Choice(0.1, None, None) if reached else None
        found[size] = TargetEvidence(choice, crossings, {})
    return found


def advised(samples: int | None = None, **how: object) -> dict[str, object]:
    evidence = evidence_of(**how)  # type: ignore[arg-type]
    return next_run(tradeoff_of(evidence), evidence, samples)


def test_where_nothing_is_missing_nothing_is_advised() -> None:
    assert advised(curve=lambda b: 50 * (1 + 64 / b)) == {}
    assert next_run(tradeoff_of({}), {}) == {}


def test_without_a_plateau_larger_sizes_are_advised_as_far_as_the_data_go() -> None:
    straight = {"curve": lambda b: 1e6 / b}
    assert advised(**straight)["larger_up_to"] >= 4096  # type: ignore[operator]
    assert advised(samples=1437, **straight) == {"larger_up_to": 1437}
    assert advised(samples=1024, **straight) == {"easier_target": True}


def test_on_the_plateau_smaller_sizes_or_a_harder_target_are_advised() -> None:
    flat = {"curve": lambda b: 50 + 0 * b}
    found = advised(sizes=SIZES[4:], **flat)
    assert found == {"smaller_down_to": 4, "harder_target": True}
    assert advised(sizes=(1, 2, 4, 8, 16), **flat) == {"harder_target": True}


def test_sizes_that_do_not_reach_the_target_ask_for_a_longer_budget() -> None:
    found = advised(curve=lambda b: 50 * (1 + 64 / b), budget=60)
    assert found == {"min_steps": 120, "easier_target": True}


def test_too_few_sizes_ask_for_more() -> None:
    assert advised(curve=lambda b: 50 * (1 + 64 / b), sizes=(8, 64)) == {"more_sizes": 1}


def test_sizes_that_do_not_reach_the_target_are_no_points_of_a_curve() -> None:
    steps = lambda b: 50 * (1 + 64 / b)  # noqa: E731
    assert advised(curve=steps, sizes=(8, 64), budget=200) == {"more_sizes": 2}


def test_a_vague_interval_asks_for_seeds() -> None:
    tradeoff = TradeOff(Estimate(60.0, 15.0, 240.0, n=3), None, None, None, 2, "fitted")
    evidence = evidence_of(lambda b: 50 * (1 + 64 / b))
    assert next_run(tradeoff, evidence) == {"seeds": 12}  # a factor of 16 becomes one of 4


@pytest.mark.parametrize(
    ("curve", "code", "value"),
    [
        (lambda b: 50 * (1 + 64 / b) * (1 + b / 256), "sizes_up_to", 128),
        (lambda b: 50 * (1 + 64 / np.maximum(b, 16)), "sizes_from", 16),
    ],
)
def test_sizes_that_spoil_the_curve_are_named(
    curve: Callable[[Array], Array], code: str, value: int
) -> None:
    assert advised(curve=curve) == {code: value}


def test_one_size_that_is_off_the_curve_is_named() -> None:
    found = advised(curve=lambda b: 50 * (1 + 64 / b) * np.where(b == 32, 1.5, 1.0))
    assert found == {"look_at": 32}


def test_a_size_that_never_gets_there_is_left_out_or_looked_at() -> None:
    def never_at(size: int) -> dict[str, object]:
        found = evidence_of(lambda b: 50 * (1 + 64 / b))
        in_vain = {seed: Crossing(None, 0, 1e6) for seed in found[size].crossings}
        found[size] = TargetEvidence(None, in_vain, {})
        return next_run(tradeoff_of(found), found, None)

    assert never_at(1024) == {"sizes_up_to": 512}
    assert never_at(64) == {"look_at": 64}
