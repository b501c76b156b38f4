"""A sweep in the fake world, with runs that diverge, run out of memory and never get there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsx.schema import BatchSizes, Budget, LearningRates, RunRecord, Sweep
from bsx.store import Store
from tests.fakes import SWEEP_ID, Truth, config, run_sweep

SIZES = (4, 8, 64, 512, 1024)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its store."""
    folder = tmp_path_factory.mktemp("exported") / "store"
    asked = config(
        Truth(noise=0.05, memory_ends_at=1024),
        batch_sizes=BatchSizes(SIZES),
        learning_rates=LearningRates("grid", (0.0625, 0.25, 1.0)),
        budget=Budget(steps=700),
        seeds=3,
    )
    assert run_sweep(folder, asked) == "complete"
    return folder


def read(folder: Path) -> tuple[Sweep, list[RunRecord]]:
    """Return the sweep and its runs."""
    with Store(folder) as opened:
        return opened.sweep(SWEEP_ID), opened.runs(SWEEP_ID)
