"""What bsx.NoiseScale costs: a training step with and without it, side by side.

Run it with ``python -m tests.benchmarks.noise_scale``. Every way trains a model of its own, all in
turn in each round, so that a busy machine slows all alike; the ratio is taken round by round, and
its interval is by how much the rounds differ.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

import bsx
from bsx.stats.speed_ratio import throughput_ratio

ROUNDS, ROUND_SECONDS = 9, 0.2
SIZES = (32, 256)
PASSES = 4  # micro-batches of a step

Step = Callable[[], None]


def mlp() -> nn.Module:
    """784-512-512-10: many weights and little work for each."""
    layers = (nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return nn.Sequential(nn.Flatten(), *layers)


def cnn() -> nn.Module:
    """Two convolutions as in Shallue et al. 2019: few weights and much work for each."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(1024, 10)),
    )


def step_of(build: Callable[[], nn.Module], batch_size: int, passes: int, every: int) -> Step:
    """Return a training step in so many passes; ``every`` 0 is without the noise scale."""
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    inputs, labels = torch.randn(batch_size, 1, 28, 28), torch.randint(10, (batch_size,))
    parts = list(zip(inputs.chunk(passes), labels.chunk(passes), strict=True))
    noise = bsx.NoiseScale(model.parameters(), batch_size, every=every) if every else None

    def step() -> None:
        optimizer.zero_grad()
        for x, y in parts:
            (F.cross_entropy(model(x), y) / passes).backward()
            if noise and passes > 1:
                noise.after_micro_batch(len(x), weight=1 / passes)
        if noise:
            noise.observe()
        optimizer.step()

    return step


def seconds(step: Step) -> float:
    """Return the seconds of a step, the mean over a round."""
    began, steps = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < ROUND_SECONDS:
        step()
        steps += 1
    return passed / steps


def main() -> None:
    """Print the milliseconds of a step and what the noise scale adds, for every case."""
    torch.set_num_threads(1)  # threads that wait for a busy core would drown what is measured
    print(f"torch {torch.__version__}, 1 thread; 95 % intervals")
    print("model  batch  passes   without       with, more time        1 draw of 10, more time")
    for build in (mlp, cnn):
        for size in SIZES:
            for passes in (1, PASSES):
                ways = [step_of(build, size, passes, every) for every in (0, 1, 10)]
                for step in ways:
                    step()
                drawn: list[list[float]] = [[] for _ in ways]
                for turn in range(ROUNDS):
                    for way in (0, 1, 2) if turn % 2 else (2, 1, 0):
                        drawn[way].append(seconds(ways[way]))
                line = f"{build.__name__:5} {size:6} {passes:7}"
                line += f"{1000 * statistics.median(drawn[0]):7.2f} ms"
                for times in drawn[1:]:
                    found = throughput_ratio([[t] for t in times], [[t] for t in drawn[0]])
                    assert found is not None and None not in (found.value, found.low, found.high)
                    value, low, high = (100 * (x - 1) for x in (found.value, found.low, found.high))
                    line += f"{1000 * statistics.median(times):8.2f} ms"
                    line += f" {value:+5.1f} % ({low:+.1f} to {high:+.1f})"
                print(line)


if __name__ == "__main__":
    main()
