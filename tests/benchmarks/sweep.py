"""A whole sweep against the same runs one after another, side by side.

``python -m tests.benchmarks.sweep default``: the default sweep, all of it, against the loop of
every tutorial (a DataLoader, one run after another). Of each size one run of that loop is timed,
without any evaluation, and counted as often as the sweep has runs of that size.

``python -m tests.benchmarks.sweep optuna --images FILE``: the time to an answer for a multilayer
perceptron on images (an npz file as Fashion-MNIST comes, or whatever ``bsx`` reads) against Optuna:
its grid sampler over the same sizes, rates and seeds, its trials in SQLite, each a loop over
tensors that lie on the device, evaluated at the same steps on as many samples.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from bsx.arithmetic import CURVE_SAMPLES, evaluation_steps, steps_per_epoch
from bsx.data import Samples, open_dataset
from bsx.models import build_model

RATES = tuple(2.0**n for n in range(-9, -2))
SIZES = tuple(2**n for n in range(1, 12))
SEEDS = 3


def main() -> None:
    """Print the seconds of both sides and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=("default", "optuna"))
    parser.add_argument("--images", default="digits")
    parser.add_argument("--subset", type=int, default=30_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    for _ in range(given.rounds):
        if given.case == "default":
            against_dataloader()
        else:
            against_optuna(given.images, given.subset, given.epochs)


def against_dataloader() -> None:
    """Time ``bsx sweep``, and of each of its sizes one run of a DataLoader loop."""
    ours, found = swept([])
    data = open_dataset("digits", {}, validation=0.1, test=0.1, seed=0)
    theirs, runs = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        planned = json.loads(bsx(folder, ["--dry-run", "--format", "json"]))
    for row in planned["batch_sizes"]:
        seconds = dataloader_run(data.train, row["batch_size"], row["steps"])
        theirs += seconds * row["runs"]
        runs += row["runs"]
    recommended = found["recommendation"]["batch_size"]
    print(
        f"default sweep {ours:.1f} s (recommends {recommended}); the {runs} runs of its first "
        f"round in a DataLoader loop {theirs:.0f} s: {theirs / ours:.1f} times",
        flush=True,
    )


def dataloader_run(train: Any, batch_size: int, steps: int) -> float:
    """Return the seconds of one run in the loop of every tutorial."""
    assert isinstance(train, Samples)
    dataset = torch.utils.data.TensorDataset(train.inputs, train.targets)
    loader = torch.utils.data.DataLoader(dataset, batch_size, shuffle=True)
    model = model_of(train, 10).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    began, done = time.perf_counter(), 0
    while done < steps:
        for inputs, targets in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            done += 1
            if done == steps:
                break
    return time.perf_counter() - began


def against_optuna(images: str, subset: int, epochs: int) -> None:
    """Time both to their answer: which of the sizes and rates ends best, over all seeds."""
    ours, _ = swept(
        [
            *("--dataset", images, "--model", "mlp", "--subset", str(subset)),
            *("--batch-sizes", ",".join(map(str, SIZES)), "--seeds", str(SEEDS)),
            *("--learning-rate", ",".join(map(str, RATES)), "--epochs", str(epochs)),
        ]
    )
    theirs = searched(images, subset, epochs)
    runs = len(SIZES) * len(RATES) * SEEDS
    print(
        f"{runs} runs: bsx {ours:.0f} s, Optuna {theirs:.0f} s: {theirs / ours:.1f} times",
        flush=True,
    )


def searched(images: str, subset: int, epochs: int) -> float:
    """Return the seconds that Optuna's grid search takes."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    began = time.perf_counter()
    data = open_dataset(images, {}, validation=0.1, test=0.1, seed=0, subset=subset)
    curve = data.validation.at_most(CURVE_SAMPLES)
    train = data.train
    assert isinstance(train, Samples) and isinstance(curve, Samples)

    def objective(trial: Any) -> float:
        size = trial.suggest_categorical("batch_size", SIZES)
        rate = trial.suggest_categorical("learning_rate", RATES)
        seed = trial.suggest_categorical("seed", range(SEEDS))
        steps = epochs * steps_per_epoch(len(train), size, "keep")
        return single_run(train, curve, size, rate, seed, steps)

    grid = {"batch_size": SIZES, "learning_rate": RATES, "seed": range(SEEDS)}
    with tempfile.TemporaryDirectory() as folder:
        study = optuna.create_study(
            storage=f"sqlite:///{folder}/trials.db",
            sampler=optuna.samplers.GridSampler(grid),
            direction="minimize",
        )
        study.optimize(objective)
    return time.perf_counter() - began


def single_run(
    train: Samples, curve: Samples, batch_size: int, rate: float, seed: int, steps: int
) -> float:
    """Train one model on tensors on the device; return its last loss on validation."""
    torch.manual_seed(seed)
    model = model_of(train, 10, seed).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    evaluate_at = set(evaluation_steps(steps, 1.05))
    order, place, loss = torch.randperm(len(train)), 0, float("nan")
    for step in range(1, steps + 1):
        if place >= len(train):
            order, place = torch.randperm(len(train)), 0
        rows = order[place : place + batch_size]
        place += batch_size
        optimizer.zero_grad()
        F.cross_entropy(model(train.inputs[rows]), train.targets[rows]).backward()
        optimizer.step()
        if step in evaluate_at:
            with torch.no_grad():
                outputs = model.eval()(curve.inputs)
                loss = float(F.cross_entropy(outputs, curve.targets))
                (outputs.argmax(1) == curve.targets).float().mean().item()
            model.train()
    return loss if loss == loss else 1e9


def model_of(train: Samples, classes: int, seed: int = 0) -> torch.nn.Module:
    """Return bsx's own multilayer perceptron for these samples."""
    shape = tuple(train.inputs.shape[1:])
    return build_model("mlp", {}, input_shape=shape, output_size=classes, seed=seed)


def swept(options: Sequence[str]) -> tuple[float, Any]:
    """Return the seconds of a whole ``bsx sweep`` in a store of its own, and what it says."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        text = bsx(folder, [*options, "--format", "json"])
        return time.perf_counter() - began, json.loads(text)


def bsx(folder: str, options: Sequence[str]) -> str:
    """Run ``bsx sweep`` and return its standard output."""
    command = [sys.executable, "-m", "bsx", "sweep", "--store", folder, "--quiet", *options]
    environment = {**os.environ, "XDG_CACHE_HOME": str(Path(folder) / "cache")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stdout


if __name__ == "__main__":
    main()
