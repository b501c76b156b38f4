"""The measure of ``advice.py`` itself, on synthetic sweeps whose fastest size is known."""

from __future__ import annotations

import numpy as np
import pytest

from bsx.schema import Sweep
from tests.simulations.advice import ALL_SEEDS, REFERENCE, Swept, advised, groups, line
from tests.stats.oracles import config, facts, speed_records, sweep_records

SIZES = (8, 32, 128)


@pytest.fixture(scope="module")
def swept() -> Swept:
    rng = np.random.default_rng(0)
    recipes, runs = sweep_records(SIZES, ALL_SEEDS, rng, rates=(0.03, 0.1), steps=1500, spread=0.02)
    speeds = speed_records(SIZES, rng, fixed=1e-3, per_sample=2e-5)
    sweep = Sweep("0" * 12, config(seeds=ALL_SEEDS), facts(), {}, "complete", "")
    return Swept(sweep, tuple(recipes), tuple(runs), tuple(speeds))


def test_sweeps_share_no_seed_with_one_another_or_the_reference() -> None:
    for seeds in (3, 5, 10):
        used = [seed for group in groups(seeds) for seed in group]
        assert len(set(used)) == len(used) and min(used) >= REFERENCE and max(used) < ALL_SEEDS


def test_good_advice_has_no_regret_and_bad_advice_has_what_the_reference_says(swept: Swept) -> None:
    found = [advised(swept, group) for group in list(groups(5))[:2]]
    assert all(a.regret is not None and a.holds and a.admitted for a in found)
    assert {a.batch_size for a in found} == {32} and all(a.target for a in found)
    assert all(a.with_rate is not None and a.with_rate > -0.1 for a in found)
    assert "32 × 2" in line("synthetic", found) and "2 of 2" in line("synthetic", found)
