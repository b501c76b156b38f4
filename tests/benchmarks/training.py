"""Samples per second through training: bsx against its peers, side by side in one run.

Run it with ``python -m tests.benchmarks.training mlp``; Lightning and JAX take part where they are
installed (the extra ``bench``). Every program trains the same model on the same data with SGD and
momentum. bsx trains 16 runs (4 rates × 4 seeds) as it does in a sweep: by the trainer that was
measured to be quickest, in as many processes as there are threads. Rounds are taken in turn and
medians compared, so that a busy machine slows all alike. The limit is what neither the machine's
matrix product nor its memory traffic, measured in the same run, would allow more of.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bsx import registry
from bsx.execute.base import Executor, UnitError
from bsx.models import build_model
from bsx.schema import Group, Ingredient, Recipe, RunRecord, Sampling, Split, Training
from tests.benchmarks import data, machine, peers

SIZES = (2, 8, 32, 128, 512)
RATES, SEEDS = (0.001, 0.002, 0.005, 0.01), 4
ROUND_SECONDS = 1.5


@dataclass(frozen=True)
class Case:
    """One model on one kind of data."""

    model: str
    dataset: str
    task: str
    input_shape: tuple[int, ...]
    outputs: int
    loss: peers.Loss = F.cross_entropy
    peers: tuple[str, ...] = ("DataLoader", "Lightning")
    args: tuple[tuple[str, int], ...] = ()
    subset: int | None = 2_048  # what bsx trains on, so that its final evaluations are soon done

    def build(self) -> nn.Module:
        """Return the model as bsx builds it."""
        args = dict(self.args)
        return build_model(
            self.model, args, input_shape=self.input_shape, output_size=self.outputs, seed=0
        )

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Return inputs and targets."""
        made = getattr(data, self.dataset)()
        return made if isinstance(made, tuple) else (made.inputs, made.targets)


def of_tokens(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of every token."""
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


CASES = {
    "mlp": Case("mlp", "flat_images", "classification", (784,), 10,
                peers=("DataLoader", "Lightning", "JAX"), subset=None),
    "simple-cnn": Case("simple-cnn", "images", "classification", (1, 28, 28), 10),
    "gru": Case("gru", "windows", "regression", (24, 7), 1, F.mse_loss),
    "transformer": Case("transformer", "text", "language-modelling", (64,), 65, of_tokens),
}  # fmt: skip


def bsx(
    case: Case, batch_size: int, executor: Executor, workers: int, trainer: str, precision: str
) -> peers.Program:
    """Return a function that trains 16 runs for a while, in ``workers`` processes."""
    recipe = Recipe(
        dataset=Ingredient(f"tests.benchmarks.data:{case.dataset}"),
        fingerprint="",
        split=Split(validation=0.02, test=0.02),
        model=Ingredient(case.model, dict(case.args)),
        optimizer=Ingredient("sgd", {"momentum": 0.9}),
        task=case.task,
        batch_size=batch_size,
        steps=8,
        tail="drop",
        evaluation_spacing=1e9,  # at the first step and the last
        sampling=Sampling(subset=case.subset),
        training=Training(precision=precision),
    )
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    each = SEEDS // workers
    shares = [range(first, first + each) for first in range(0, SEEDS, each)]

    def trained(steps: int) -> tuple[int, float]:
        longer = dataclasses.replace(recipe, steps=steps)
        for seeds in shares:
            members = tuple((rate, seed) for rate in RATES for seed in seeds)
            group = Group(longer, members, trainer, "cpu", threads, 0)
            executor.start(group, lambda _fraction, _best: None)
        seconds: dict[str, float] = {}
        done = 0
        while done < len(shares):
            unit, told = executor.wait()
            done += told is None
            if isinstance(told, UnitError):
                raise told
            for record in told or ():
                assert isinstance(record, RunRecord)
                took = record.curve[-1].train_seconds - record.curve[0].train_seconds
                before = 0.0 if trainer == "lanes" else seconds.get(unit.unit_id, 0.0)
                seconds[unit.unit_id] = before + took  # lanes all tell of the same time
        return 16 * (steps - 1) * batch_size, max(seconds.values())

    steps = 8
    while (took := trained(steps)[1]) < ROUND_SECONDS / 2:
        steps = min(steps * 8, int(steps * ROUND_SECONDS / took) + 1)
    return lambda: trained(steps)


def quickest(
    case: Case, size: int, executor: Executor, workers: int, precision: str
) -> tuple[str, peers.Program]:
    """Return the quickest of bsx's own trainers, as a sweep would choose it."""
    able = {"mlp": ("lanes",), "simple-cnn": ("loop", "channels-last")}
    found = {}
    for trainer in able.get(case.model, ("loop", "lanes")):
        program = bsx(case, size, executor, workers, trainer, precision)
        samples, seconds = program()
        found[trainer] = (samples / seconds, program)
    trainer = max(found, key=lambda name: found[name][0])
    return trainer, found[trainer][1]


def measure(programs: dict[str, peers.Program], rounds: int) -> dict[str, float]:
    """Return the median of samples per second of each program, taken in turn."""
    drawn: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            samples, seconds = 0, 0.0
            while seconds < ROUND_SECONDS / 2:
                seen, took = program()
                samples, seconds = samples + seen, seconds + took
            drawn[name].append(samples / seconds)
    return {name: statistics.median(values) for name, values in drawn.items()}


def limits(case: Case, precision: str) -> Callable[[int], float]:
    """Return a function from a batch size to the samples per second that the machine allows.

    Its matrix product and the memory traffic of an update of 16 models are measured here and now.
    """
    model = case.build()
    inputs, targets = (part[:8] for part in case.tensors())
    per_sample = machine.operations(model, inputs, lambda out: case.loss(out, targets))
    peak = machine.matrix_peak(torch.bfloat16 if precision == "bfloat16" else torch.float32)
    traffic = machine.bandwidth(16 * sum(p.numel() for p in model.parameters()))
    print(
        f"machine: {peak / 1e9:.0f} GFLOP/s, {traffic / 1e9:.1f} GB/s; "
        f"{per_sample / 1e6:.2f} MFLOP a sample"
    )
    return lambda size: machine.most_samples(model, per_sample, size, peak, traffic)


def main() -> None:
    """Print one line a batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    given = parser.parse_args()
    case = CASES[given.case]
    workers = min(SEEDS, len(os.sched_getaffinity(0)))
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    make: Callable[[], Executor] = registry.load("executor", "workers")
    print(
        f"{given.case}, {given.precision}: thousand samples a second (bsx is so many times faster)"
    )
    share = limits(case, given.precision)
    with make() as executor:
        for size in map(int, given.sizes.split(",")):
            trainer, own = quickest(case, size, executor, workers, given.precision)
            programs = {f"bsx ({trainer})": own}
            for name in case.peers:
                with contextlib.suppress(ImportError):
                    programs[name] = peers.PEERS[name](case.tensors, case.build, size, case.loss)
            found = measure(programs, given.rounds)
            ours = found[f"bsx ({trainer})"]
            cells = [
                f"{n} {v / 1e3:.1f}" + f" ({ours / v:.2f})" * (v != ours) for n, v in found.items()
            ]
            cells.append(f"{ours / share(size):.0%} of the limit")
            print(f"{size:5d}  " + "  ".join(cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
