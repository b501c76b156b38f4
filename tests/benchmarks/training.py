"""Samples per second through training: bsx against its peers, side by side in one run.

Run it with ``python -m tests.benchmarks.training mlp``; Lightning and JAX take part where they are
installed (the extra ``bench``). Every program trains the same model on the same data with SGD and
momentum; rounds are taken in turn and medians compared, so that a busy machine slows all alike.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time

import torch
from torch import nn

from bsx.execute import preload  # noqa: F401  the allocator as a worker has it
from bsx.models import build_model
from bsx.schema import Group, Ingredient, Recipe, Split
from bsx.train.lanes import Lanes
from bsx.train.session import Session
from tests.benchmarks import data, peers

SIZES = (2, 8, 32, 128, 512)
RATES, SEEDS = (0.01, 0.02, 0.05, 0.1), range(4)
ROUND_SECONDS = 0.7


def bsx_lanes(model: str, dataset: str, batch_size: int, threads: int) -> peers.Program:
    """Return a function that takes one step of 16 lanes and says how many samples that were."""
    recipe = Recipe(
        dataset=Ingredient(f"tests.benchmarks.data:{dataset}"),
        fingerprint="",
        split=Split(),
        model=Ingredient(model),
        optimizer=Ingredient("sgd", {"momentum": 0.9}),
        task="classification",
        batch_size=batch_size,
        steps=10**6,
        tail="drop",
    )
    members = tuple((rate, seed) for rate in RATES for seed in SEEDS)
    group = Group(recipe, members, "lanes", "cpu", threads, 0)
    lanes = Lanes(Session(group), group)
    counter = iter(range(10**9))

    def step() -> tuple[int, float]:
        began = time.perf_counter()
        lanes.step(next(counter))
        return batch_size * len(members), time.perf_counter() - began

    return step


def measure(programs: dict[str, peers.Program], rounds: int) -> dict[str, float]:
    """Return the median of samples per second of each program, taken in turn."""
    drawn: dict[str, list[float]] = {name: [] for name in programs}
    for program in programs.values():
        for _ in range(3):
            program()
    for _ in range(rounds):
        for name, program in programs.items():
            samples, seconds = 0, 0.0
            while seconds < ROUND_SECONDS:
                seen, took = program()
                samples, seconds = samples + seen, seconds + took
            drawn[name].append(samples / seconds)
    return {name: statistics.median(values) for name, values in drawn.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    given = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    for size in map(int, given.sizes.split(",")):
        programs = {"bsx": bsx_lanes("mlp", "flat_images", size, threads)}
        for name, peer in peers.PEERS.items():
            with contextlib.suppress(ImportError):
                programs[name] = peer(data.flat_images, mlp, size)
        found = measure(programs, given.rounds)
        ratios = "  ".join(f"{n} {v / 1e3:.1f}k ({found['bsx'] / v:.2f})" for n, v in found.items())
        print(f"{size:5d}  {ratios}", flush=True)


def mlp() -> nn.Module:
    """784-128-10, as bsx builds it."""
    return build_model("mlp", {}, input_shape=(784,), output_size=10, seed=0)


if __name__ == "__main__":
    main()
