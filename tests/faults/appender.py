"""A program that stores results as the coordinator does, and says of each when it is stored.

``python -m tests.faults.appender FOLDER FIRST COUNT [--seconds S]``: units number FIRST to
FIRST + COUNT - 1, or for so long, each of two runs. The number of a unit is printed when the store
has taken it. Where DISK_TO is set, the number of synchronizations until then is printed with it
(see disk.c).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import sys
import time
from pathlib import Path

from bsx.errors import StoreError
from bsx.schema import (
    CurvePoint,
    Facts,
    Ingredient,
    Recipe,
    Run,
    RunRecord,
    RunStatus,
    Split,
    SweepConfig,
)
from bsx.store import Store
from bsx.store.encoding import from_json

SWEEP_ID = "aaa111"
RECIPE = Recipe(
    dataset=Ingredient("fake"),
    fingerprint="0" * 20,
    split=Split(),
    model=Ingredient("fake"),
    optimizer=Ingredient("sgd"),
    task="classification",
    batch_size=16,
    steps=20,
    tail="keep",
)


def record(seed: int) -> RunRecord:
    """Return the record of a run; it follows from the seed."""
    points = tuple(
        CurvePoint(step, step / 7, 16 * step, step / 3, 2 / (step + seed + 1), 1 / (step + 1),
                   {"accuracy": 1 - 1 / (step + 1)})
        for step in range(1, 21)
    )  # fmt: skip
    return RunRecord(
        Run(RECIPE, 0.1, seed),
        RunStatus.COMPLETED,
        points,
        {"test": {"accuracy": 1 / (seed + 1)}},
        20,
        7.0,
        {"torch": "2"},
    )


def unit(number: int) -> list[RunRecord]:
    """Return the records of a unit: all or none are stored."""
    return [record(2 * number), record(2 * number + 1)]


def begin(store: Store) -> None:
    """Begin a sweep; what was asked is taken from a stored one, as making it takes long imports."""
    old = Path(__file__).with_name("stores") / "version-1.sqlite3"
    with contextlib.closing(sqlite3.connect(old)) as db:
        config, facts = db.execute("SELECT config, facts FROM sweeps").fetchone()
    store.begin_sweep(SWEEP_ID, from_json(SweepConfig, config), from_json(Facts, facts), {})


def main() -> int:
    """Store units, one after another."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--seconds", type=float)
    given = parser.parse_args()
    number, end = given.first, given.first + given.count
    until = None if given.seconds is None else time.monotonic() + given.seconds
    try:
        with Store(given.folder, create=True) as store:
            begin(store)
            while number < end if until is None else time.monotonic() < until:
                store.append(SWEEP_ID, f"unit {number}", unit(number))
                print(number, *_synchronizations(), flush=True)
                number += 1
    except StoreError as error:
        print("bsx: error:", error, file=sys.stderr)
        return error.exit_code
    return 0


def _synchronizations() -> list[int]:
    disk = os.environ.get("DISK_TO")
    return [] if disk is None else [len(list(Path(disk).iterdir()))]


if __name__ == "__main__":
    sys.exit(main())
