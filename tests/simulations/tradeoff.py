"""Do the intervals, the verdict and the advice keep their promise? 200 synthetic sweeps a line.

Run it with ``python -m tests.simulations.tradeoff``; ``--repeats 20`` for a quick look. It prints
the table of docs/statistics.md.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from tests.simulations.sweeps import SHAPES, World, covers, hyperbola, regret, swept, width

SEEDS = (3, 5, 10)
SMALL_REGRET = 0.05
_FORM = "| {:<31} | {:>6} | {:>5} | {:>7} | {:>6} | {:>8} | {:<17} | {:>5} | {:>6} | {:>9} |"
HEAD = ("truth", "spread", "seeds", "covered", "width", "poor fit", "called", "told", "regret",
        "with rate")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A line of the table; without a curve hyperbolas are drawn, of B_crit from 16 to 256."""

    name: str
    world: World
    is_hyperbola: bool = True

    def drawn(self, rng: np.random.Generator) -> tuple[World, float | None]:
        """Return a world, and its critical batch size where it has one."""
        if not self.is_hyperbola:
            return self.world, None
        b_crit = math.exp(rng.uniform(math.log(16), math.log(256)))
        return replace(self.world, curve=hyperbola(b_crit)), b_crit


def cases(seeds: int) -> Iterator[Case]:
    """Yield what is simulated with so many seeds."""
    plain = World(hyperbola(), seeds)
    yield Case("hyperbola, seeds unpaired", replace(plain, shared=0.0))
    yield Case("hyperbola, ends ± 0.5 points", replace(plain, ending=0.005))
    for spread, budget in ((0.1, 1500), (0.2, 700)):
        world = replace(plain, spread=spread)
        yield Case("hyperbola", world)
        yield Case(f"hyperbola, {budget:,} steps at most", replace(world, budget=budget))
        for name, curve in SHAPES.items():
            yield Case(name, replace(world, curve=curve), is_hyperbola=False)


def line(case: Case, repeats: int) -> str:
    """Run the sweeps of one line and write it."""
    rng = np.random.default_rng([*case.name.encode(), case.world.seeds, repeats])
    covered = told = small = small_in_all = 0
    widths: list[float] = []
    called: Counter[str] = Counter()
    for _ in range(repeats):
        world, truth = case.drawn(rng)
        sweep = swept(world, rng)
        critical = sweep.tradeoff.critical_batch_size
        told += critical is not None and critical.value is not None
        if sweep.tradeoff.verdict == "poor_fit":
            called[str(sweep.tradeoff.departure)] += 1
        if truth is not None:
            covered += covers(sweep.tradeoff, truth)
            widths.append(width(sweep.tradeoff))
        alpha = math.exp(rng.uniform(math.log(20), math.log(1000)))  # in samples' time
        of_size, in_all = regret(world, sweep, alpha, 1.0, rng)
        small += of_size < SMALL_REGRET
        small_in_all += in_all < SMALL_REGRET
    share = _share_of(repeats)
    most = called.most_common(1)
    return _FORM.format(
        case.name,
        case.world.spread,
        case.world.seeds,
        share(covered) if widths else "",
        f"× {np.median(widths):.2f}" if widths else "",
        share(called.total()),
        f"{most[0][0]} {share(most[0][1])}" if most and not widths else "",
        share(told),
        share(small),
        share(small_in_all),
    )


def _share_of(repeats: int) -> Callable[[int], str]:
    return lambda count: f"{100 * count / repeats:.0f} %"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--only", default="", help="lines whose name holds this")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    asked = parser.parse_args()
    print(_FORM.format(*HEAD))
    print(_FORM.format(*("---" for _ in HEAD)))
    for seeds in asked.seeds:
        for case in cases(seeds):
            if asked.only in case.name:
                print(line(case, asked.repeats), flush=True)


if __name__ == "__main__":
    main()
