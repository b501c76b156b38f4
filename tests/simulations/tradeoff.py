"""Do the intervals, the verdict and the advice keep their promise? 200 synthetic sweeps a line.

Run it with ``python -m tests.simulations.tradeoff``; ``--repeats 50`` for a quick look.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable

import numpy as np

from tests.simulations.sweeps import SHAPES, World, covers, hyperbola, regret, swept, width

SEEDS = (3, 5, 10)
LINE = "{:<44} {:>5} {:>9} {:>9} {:>9} {:>8} {:>14} {:>14}"


def line(
    name: str,
    seeds: int,
    repeats: int,
    world_of: Callable[[np.random.Generator], tuple[World, float | None]],
) -> str:
    """Run the sweeps of one line and write it."""
    rng = np.random.default_rng([seeds, repeats, len(name)])
    covered, poor, told, widths = 0, 0, 0, []
    kinds: Counter[str] = Counter()
    small: list[tuple[float, float]] = []
    for _ in range(repeats):
        world, truth = world_of(rng)
        sweep = swept(world, rng)
        critical = sweep.tradeoff.critical_batch_size
        told += critical is not None and critical.value is not None
        if sweep.tradeoff.verdict == "poor_fit":
            poor += 1
            kinds[str(sweep.tradeoff.departure)] += 1
        if truth is not None:
            covered += covers(sweep.tradeoff, truth)
            widths.append(width(sweep.tradeoff))
        ratio = math.exp(rng.uniform(math.log(20), math.log(1000)))  # alpha/beta
        small.append(regret(world, sweep, ratio, 1.0, rng))
    by_size = sum(r < 0.05 for r, _ in small) / repeats
    in_all = sum(r < 0.05 for _, r in small) / repeats
    print(name, seeds, dict(kinds)) if kinds else None
    return LINE.format(
        name,
        seeds,
        f"{covered / repeats:.1%}" if widths else "",
        f"{np.median(widths):.2f}" if widths else "",
        f"{poor / repeats:.1%}",
        f"{told / repeats:.0%}",
        f"{by_size:.1%}",
        f"{in_all:.1%}",
    )


def _hyperbolas(
    seeds: int, **changes: float
) -> Callable[[np.random.Generator], tuple[World, float | None]]:
    def draw(rng: np.random.Generator) -> tuple[World, float | None]:
        b_crit = math.exp(rng.uniform(math.log(16), math.log(256)))
        return World(hyperbola(b_crit), seeds, **changes), b_crit  # type: ignore[arg-type]

    return draw


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    print(
        LINE.format(
            "truth",
            "seeds",
            "covered",
            "width",
            "poor fit",
            "told",
            "regret < 5 %",
            "with its rate",
        )
    )
    for seeds in SEEDS:
        cases = {
            "hyperbola, spread 0.1": _hyperbolas(seeds),
            "hyperbola, spread 0.2": _hyperbolas(seeds, spread=0.2, shared=0.2),
            "hyperbola, spread 0.1, seeds unpaired": _hyperbolas(seeds, shared=0.0),
            "hyperbola, spread 0.1, budget 1500 steps": _hyperbolas(seeds, budget=1500),
            "hyperbola, spread 0.2, budget 700 steps": _hyperbolas(seeds, spread=0.2, budget=700),
        }
        for spread in (0.1, 0.2):
            for name, curve in SHAPES.items():
                cases[f"{name}, spread {spread}"] = lambda _, c=curve, s=spread: (
                    World(c, seeds, spread=s),
                    None,
                )
        for name, case in cases.items():
            if asked.only in name:
                print(line(name, seeds, asked.repeats, case), flush=True)


if __name__ == "__main__":
    main()
