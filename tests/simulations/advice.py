"""Does the advice hold on fresh seeds? Ten real sweeps a data set, against one with 30 seeds.

    python -m tests.simulations.advice FOLDER --data DIR

Each data set is swept once with 130 seeds, all at the same rates. The first 30 are the reference,
and every five (or ten) of the others a sweep of their own: the very runs that ``bsx sweep`` would
train for those seeds, analysed as it analyses them, with the target that it chooses for them. The
time of a step is that of one line for all, so that a busy machine disturbs nothing. The regret is
by which share the recommended size takes longer to that target than the fastest size, both as the
reference measured them. What is stored in FOLDER is not run again; FOLDER/advice.json gets every
number, and the table of docs/statistics.md is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bsx import plan
from bsx.analyze import analyze
from bsx.schema import Analysis, Recipe, RunRecord, SpeedRecord, Sweep, TargetSpec
from bsx.stats.step_model import fit_line
from bsx.store import Store

REFERENCE, SWEEPS, MOST_SEEDS = 30, 10, 10
ALL_SEEDS = REFERENCE + SWEEPS * MOST_SEEDS
SMALL_REGRET = 0.05

_LETTERS = "letter-recognition/letter-recognition.data"
# What is swept; DATA stands for the folder of --data
QUESTIONS: Mapping[str, str] = {
    "letters": f"--dataset csv:DATA/{_LETTERS} --dataset-arg target=0 --subset 6000 "
    "--batch-sizes 4,16,64,256 --learning-rate 0.02,0.08,0.32 --epochs 5 --min-steps 100",
    "adult": "--dataset csv:DATA/adult/adult-train.csv --dataset-arg target=14 "
    "--dataset-arg missing=most-frequent --subset 6000 "
    "--batch-sizes 4,16,64,256 --learning-rate 0.005,0.02,0.08 --epochs 4 --min-steps 60",
    "digits": "--batch-sizes 4,16,64,256 --learning-rate 0.02,0.08,0.32 --epochs 6 --min-steps 60",
}
_COMMON = (
    *("--validation-fraction", "0.2", "--test-fraction", "0.1", "--quiet"),
    *("--executor", "inline", "--engine", "lanes", "--threads", "1"),
)


@dataclass(frozen=True)
class Advice:
    """What one sweep recommended, and what the reference makes of it.

    ``regret`` counts from the fastest size that the reference admits by its quality, ``of_all``
    from the fastest of all; ``with_rate`` is the regret with the recommended rate too. None where
    the reference does not know it.
    """

    seeds: tuple[int, ...]
    target: float | None
    batch_size: int | None
    learning_rate: float | None
    indifferent: tuple[int, ...]
    reason: str | None
    fits: bool
    regret: float | None = None
    of_all: float | None = None
    with_rate: float | None = None
    admitted: bool | None = None  # by the reference

    @property
    def holds(self) -> bool:
        """Whether the regret is small."""
        return self.regret is not None and self.regret < SMALL_REGRET


@dataclass(frozen=True)
class Swept:
    """A data set with all runs of it."""

    sweep: Sweep
    recipes: tuple[Recipe, ...]
    runs: tuple[RunRecord, ...]
    speeds: tuple[SpeedRecord, ...]

    def of(self, seeds: Sequence[int], targets: Sequence[TargetSpec] = ()) -> Analysis:
        """Analyse the runs of some seeds."""
        config = replace(self.sweep.config, seeds=len(seeds))
        runs = [record for record in self.runs if record.run.seed in seeds]
        return analyze(config, self.sweep.facts, self.recipes, runs, self.speeds, targets)

    @property
    def step_seconds(self) -> dict[int, float]:
        """The time of a step, by batch size."""
        return {record.batch_size: median(record.step_seconds) for record in self.speeds}


def advised(swept: Swept, seeds: Sequence[int]) -> Advice:
    """Return what a sweep of these seeds recommends, and its regret."""
    found = swept.of(seeds)
    target, advice = found.targets[0] if found.targets else None, found.recommendation
    said = Advice(
        tuple(seeds),
        target.threshold if target else None,
        advice.batch_size if advice else None,
        advice.learning_rate if advice else None,
        advice.indifferent if advice else (),
        advice.reason.code if advice else None,
        target is not None and target.verdict == "fitted",
    )
    if target is None or advice is None or target.threshold is None:
        return said
    reference = swept.of(range(REFERENCE), [TargetSpec(target.metric, target.threshold)])
    times = _times(reference, swept.step_seconds)
    good = _admitted(reference)
    mine = times.get(advice.batch_size)
    rivals = [time for size, time in times.items() if size in good]
    if mine is None or not rivals:
        return said
    own = _time_at(reference, advice.batch_size, advice.learning_rate, swept.step_seconds)
    return replace(
        said,
        regret=max(mine / min(rivals) - 1, 0.0),
        of_all=mine / min(times.values()) - 1,
        with_rate=None if own is None else own / min(rivals) - 1,
        admitted=advice.batch_size in good,
    )


def _times(reference: Analysis, step_seconds: Mapping[int, float]) -> dict[int, float]:
    """Return the reference's seconds to the target, by batch size, as measured."""
    return {
        row.batch_size: row.to_target[0].steps.value * step_seconds[row.batch_size]
        for row in reference.batch_sizes
        if row.to_target[0].steps and row.to_target[0].steps.value is not None
    }


def _time_at(
    reference: Analysis, size: int, rate: float | None, step_seconds: Mapping[int, float]
) -> float | None:
    """Return the reference's seconds to the target at one size and rate."""
    [row] = [row for row in reference.batch_sizes if row.batch_size == size]
    for tried in row.learning_rates:
        steps = tried.to_target[0].steps
        if tried.learning_rate == rate and steps and steps.value is not None:
            return steps.value * step_seconds[size]
    return None


def _admitted(reference: Analysis) -> set[int]:
    """Return the sizes that the reference chose among."""
    advice = reference.recommendation
    if advice is None:
        return set()
    return {*advice.reason.values.get("admitted", ()), advice.batch_size}


def swept(name: str, folder: Path, data: str) -> Swept:
    """Sweep a data set, or take up what is stored of it."""
    words = QUESTIONS[name].replace("DATA", data).split()
    command = ["sweep", "--name", name, *words, *_COMMON, "--seeds", str(ALL_SEEDS)]
    subprocess.run(
        [sys.executable, "-m", "bsx", *command, "--store", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with Store(folder) as store:
        sweep = store.sweep(name)
        recipes = plan.recipes(sweep.config, sweep.facts)
        speeds = on_a_line(store.speeds(sweep.sweep_id))
        return Swept(sweep, recipes, tuple(store.runs(sweep.sweep_id)), speeds)


def on_a_line(speeds: Sequence[SpeedRecord]) -> tuple[SpeedRecord, ...]:
    """Return the speeds as the line α + βB says them, through the fastest draw of each size.

    A busy machine slows some draws down, and never speeds one up.
    """
    timed = [record for record in speeds if record.step_seconds]
    sizes = np.array([record.batch_size for record in timed], dtype=float)
    fastest = np.array([min(record.step_seconds) for record in timed])
    alpha, beta = (float(found[0]) for found in fit_line(sizes, fastest[None, :]))
    return tuple(replace(r, step_seconds=(alpha + beta * r.batch_size,) * 3) for r in timed)


def groups(seeds: int) -> Iterator[range]:
    """Yield the seeds of each of the sweeps of so many seeds, ten at most."""
    count = min(SWEEPS, (ALL_SEEDS - REFERENCE) // seeds)
    for number in range(count):
        first = REFERENCE + number * seeds
        yield range(first, first + seeds)


def line(name: str, found: Sequence[Advice]) -> str:
    """Write what the sweeps of one data set came to."""
    sizes = sorted(a.batch_size for a in found if a.batch_size is not None)
    regrets = sorted(a.regret for a in found if a.regret is not None)
    with_rate = sum(a.with_rate is not None and a.with_rate < SMALL_REGRET for a in found)
    indifferent = sorted(1 + len(a.indifferent) for a in found)
    cells = (
        name,
        len(found[0].seeds),
        ", ".join(f"{size} × {sizes.count(size)}" for size in dict.fromkeys(sizes)),
        ", ".join(sorted({f"{a.target:g}" for a in found if a.target is not None})),
        f"{sum(a.holds for a in found)} of {len(found)}",
        f"{100 * median(regrets):.1f} %" if regrets else "–",
        f"{100 * regrets[-1]:.1f} %" if regrets else "–",
        f"{with_rate} of {len(found)}",
        f"{median(indifferent):g} ({indifferent[0]} to {indifferent[-1]})",
    )
    return f"| {' | '.join(map(str, cells))} |"


HEAD = ("data", "seeds", "recommended", "targets", "regret < 5 %", "median", "largest",
        "with rate", "indifference set")  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", default="data", help="the folder of the data sets")
    parser.add_argument("--only", default="", help="data sets whose name holds this")
    parser.add_argument("--seeds", default="5,10", help="of a sweep, e.g. 3,5,10")
    asked = parser.parse_args()
    raw: dict[str, Any] = {}
    print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}")
    for name in QUESTIONS:
        if asked.only not in name:
            continue
        of = swept(name, asked.folder, asked.data)
        for seeds in map(int, asked.seeds.split(",")):
            found = [advised(of, group) for group in groups(seeds)]
            print(line(name, found), flush=True)
            raw[f"{name}, {seeds} seeds"] = [asdict(advice) for advice in found]
        raw[f"{name}, seconds per step"] = of.step_seconds
    (asked.folder / "advice.json").write_text(json.dumps(raw, indent=1))


if __name__ == "__main__":
    main()
