"""How long the coordinator takes to see that a plan of 10,000 runs is finished, and its memory.

Run it with ``python -m tests.benchmarks.resume``. A store is filled with 10,000 runs of 130
evaluations each; then a process of its own takes it up, as `bsx sweep` does, and looks for what is
missing. The target is under 2 seconds, without the time to import torch.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bsx import plan
from bsx.config import read_sweep
from bsx.facts import look
from bsx.outcomes import stored_runs
from bsx.schema import CostModel, CurvePoint, Facts, Recipe, Run, RunRecord, RunStatus, SweepConfig
from bsx.store import Store

SEEDS = 100  # of 10 batch sizes and 10 learning rates
POINTS = 130
ROUNDS = 5
TARGET = 2.0


def asked() -> tuple[SweepConfig, Facts, tuple[Recipe, ...]]:
    """Return the default sweep with many seeds."""
    config, _ = read_sweep({"seeds": SEEDS}, {}, None)
    facts = look(config)
    return config, facts, plan.recipes(config, facts)


def finished(run: Run) -> RunRecord:
    """Return a run that came to its end; the rates in the middle of the grid end best."""
    drawn = random.Random(run.run_id)
    best = 0.97 - 0.02 * abs(run.learning_rate - 0.03)
    curve = []
    for place in range(1, POINTS + 1):
        accuracy = best - 0.8 / place + drawn.gauss(0, 0.002)
        metrics = {"accuracy": accuracy}
        curve.append(CurvePoint(place, place / 10, 100 * place, place / 100, 1.0, 1.0, metrics))
    ends = {"loss": 0.1, "accuracy": best}
    final = {"train": ends, "validation": ends, "test": ends}
    return RunRecord(run, RunStatus.COMPLETED, curve, final, POINTS, 1.0, {"torch": "2"})


def fill(folder: Path) -> int:
    """Store what the sweep asks for, round by round; return how many runs that is."""
    config, facts, recipes = asked()
    records: dict[str, RunRecord] = {}
    with Store(folder, create=True) as store:
        store.begin_sweep("resumed", config, facts, {})
        while coming := plan.next_round(config, facts, recipes, records, CostModel(1e-3, 1e-6)):
            for group in coming.groups:
                found = [finished(run) for run in group.runs]
                store.append("resumed", group.unit_id, found)
                records |= {record.run_id: record for record in found}
    return len(records)


def take_up(folder: Path) -> None:
    """Look for what is missing; print the seconds, those of the processor, and the MB added."""
    config, facts, recipes = asked()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, busy = time.perf_counter(), time.process_time()
    with Store(folder) as store:
        found = stored_runs(store, config, facts, recipes)
        missing = plan.next_round(config, facts, recipes, found, CostModel(1e-3, 1e-6))
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert missing is None
    print(seconds, busy, added / 1024)


def main() -> None:
    """Fill a store once and take it up several times, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--take-up", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.take_up:
        take_up(given.take_up)
        return
    with tempfile.TemporaryDirectory() as folder:
        runs = fill(Path(folder))
        drawn = []
        for _ in range(ROUNDS):
            command = [sys.executable, "-m", "tests.benchmarks.resume", "--take-up", folder]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            drawn.append([float(word) for word in told.split()])
    seconds, busy, memory = (statistics.median(values) for values in zip(*drawn, strict=True))
    every = ", ".join(f"{s:.2f}" for s, _, _ in drawn)
    print(f"{runs} runs: {seconds:.2f} s ({every}), of the processor {busy:.2f} s")
    print(f"memory at its highest: +{memory:.0f} MB")
    print(f"target: under {TARGET} s")


if __name__ == "__main__":
    main()
