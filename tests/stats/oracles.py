"""Sweeps with a known answer, and slow, obvious versions of what ``bsx.stats`` computes.

The synthetic runs obey S(B) = S_min·(1 + B_crit/B): the metric of a run rises along a fixed curve
of step/S, where S is the run's own number of steps to the target, so that every threshold gives a
hyperbola and the target itself gives exactly the one that was asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bsx.schema import (
    BatchSizes,
    Budget,
    CurvePoint,
    Facts,
    Ingredient,
    LearningRates,
    Metric,
    Recipe,
    Run,
    RunRecord,
    RunStatus,
    SpeedRecord,
    Split,
    SweepConfig,
)

Array = NDArray[np.float64]

ACCURACY = Metric("accuracy", higher_is_better=True, bounded=True)
SAMPLES = 1437
RATES = tuple(2.0**p for p in range(-8, 1))


def config(**changes: object) -> SweepConfig:
    """Return what the default sweep on digits asks for, with changes."""
    values: dict[str, object] = {
        "dataset": Ingredient("digits"),
        "model": Ingredient("mlp"),
        "optimizer": Ingredient("sgd", {"momentum": 0.9}),
        "batch_sizes": BatchSizes(),
        "learning_rates": LearningRates(),
        "budget": Budget(),
        "seeds": 5,
        "split": Split(),
        "tail": "keep",
        "speed_loop": "device",
        "targets": (),
        "tolerance": 0.005,
        "device": "cpu",
        "threads": 1,
        "executor": "inline",
        "within_seconds": None,
        "name": None,
    }
    return SweepConfig(**(values | changes))  # type: ignore[arg-type]


def facts(metric: Metric = ACCURACY) -> Facts:
    """Return what is known of digits and the MLP."""
    return Facts(
        dataset_name="digits",
        fingerprint="f" * 20,
        train_samples=SAMPLES,
        validation_samples=180,
        test_samples=180,
        input_shape=(64,),
        classes=10,
        task="classification",
        metrics=(metric,),
        parameters=9610,
        has_batchnorm=False,
        sample_floats=500,
        trainer="lanes",
        device="cpu",
        threads=1,
    )


def recipe(batch_size: int, steps: int = 4000, tail: str = "keep") -> Recipe:
    """Return the recipe of one batch size."""
    asked = config()
    return Recipe(
        dataset=asked.dataset,
        fingerprint="f" * 20,
        split=asked.split,
        model=asked.model,
        optimizer=asked.optimizer,
        task="classification",
        batch_size=batch_size,
        steps=steps,
        tail=tail,
    )


def evaluation_steps(last: int, ratio: float = 1.05) -> list[int]:
    """Return log-spaced steps 1, 2, … ``last``, at most ``ratio`` apart where whole steps allow."""
    steps = [1]
    while steps[-1] < last:
        steps.append(min(last, max(steps[-1] + 1, math.floor(steps[-1] * ratio))))
    return steps


def run_record(
    what: Recipe,
    rate: float,
    seed: int,
    steps_to_target: float | None,
    *,
    target: float = 0.95,
    ceiling: float = 0.98,
    status: RunStatus = RunStatus.COMPLETED,
) -> RunRecord:
    """Return a run whose accuracy rises to ``ceiling`` and is ``target`` at ``steps_to_target``.

    accuracy(step) = ceiling·(1 − exp(−κ·step/S)); None never gets off the ground.
    """
    kappa = -math.log(1 - target / ceiling)
    scale = math.inf if steps_to_target is None else steps_to_target
    curve = []
    for step in evaluation_steps(what.steps):
        accuracy = ceiling * -math.expm1(-kappa * step / scale)
        curve.append(
            CurvePoint(
                step,
                step * what.batch_size / SAMPLES,
                step * what.batch_size,
                step * 1e-3,
                1 - accuracy,
                1 - accuracy,
                {"accuracy": accuracy},
            )
        )
    last = curve[-1].metrics["accuracy"]
    final = {
        "train": {"loss": 0.9 - last * 0.9, "accuracy": min(1.0, last + 0.01)},
        "validation": {"loss": 1 - last, "accuracy": last},
        "test": {"loss": 1 - last, "accuracy": last - 0.01},
    }
    if status is not RunStatus.COMPLETED:
        curve, final = curve[:3], {}
    return RunRecord(Run(what, rate, seed), status, tuple(curve), final, curve[-1].step)


def log_steps(
    sizes: Sequence[int],
    seeds: int,
    rng: np.random.Generator,
    *,
    s_min: float = 50.0,
    b_crit: float = 64.0,
    spread: float = 0.2,
    shared: float = 0.0,
    curve: Callable[[Array], Array] | None = None,
) -> Array:
    """Draw log steps-to-target with noise of each run and noise that a seed shares: (seeds, sizes).

    ``curve`` takes batch sizes to steps, where the truth is to be no hyperbola.
    """
    b = np.asarray(sizes, dtype=float)
    truth = np.log(curve(b) if curve else s_min * (1 + b_crit / b))
    own = rng.normal(0.0, spread, (seeds, len(b)))
    return truth + own + rng.normal(0.0, shared, (seeds, 1))


def sweep_records(
    sizes: Sequence[int],
    seeds: int = 5,
    rng: np.random.Generator | None = None,
    *,
    rates: Sequence[float] = RATES,
    steps: int = 6000,
    spread: float = 0.1,
    **truth: float,
) -> tuple[list[Recipe], list[RunRecord]]:
    """Return recipes and records of a whole sweep with a valley of learning rates at each size.

    The best rate grows with the batch size up to a limit; a rate four times as high diverges.
    """
    rng = rng or np.random.default_rng(0)
    logs = log_steps(sizes, seeds, rng, spread=spread, **truth)
    recipes = [recipe(b, steps) for b in sizes]
    records = []
    for column, what in enumerate(recipes):
        best = min(2.0**-6 * what.batch_size**0.5, 0.125)
        for rate in rates:
            off = math.log2(rate / best)
            for seed in range(seeds):
                needed = math.exp(logs[seed, column] + 0.15 * off**2 + rng.normal(0, 0.02))
                status = RunStatus.DIVERGED if off >= 2 else RunStatus.COMPLETED
                records.append(run_record(what, rate, seed, needed, status=status))
    return recipes, records


def speed_records(
    sizes: Sequence[int],
    rng: np.random.Generator,
    *,
    fixed: float = 1e-3,
    per_sample: float = 1e-5,
    spread: float = 0.02,
    draws: int = 7,
) -> list[SpeedRecord]:
    """Return speeds that obey seconds per step = fixed + per_sample·B, with noise."""
    return [
        SpeedRecord(
            f"speed-{b}",
            b,
            "device",
            RunStatus.COMPLETED,
            tuple(float(x) for x in (fixed + per_sample * b) * rng.lognormal(0, spread, draws)),
            1_000_000 + 1000 * b,
        )
        for b in sizes
    ]


def slow_first_crossing(
    steps: Sequence[int], values: Sequence[float], metric: Metric, threshold: float, k: int
) -> int | None:
    """Look at every window of ``k`` evaluations, from the first on."""
    for start in range(len(steps) - k + 1):
        window = values[start : start + k]
        if all(metric.reaches(value, threshold) for value in window):
            return steps[start]
    return None


def slow_fit(sizes: Sequence[int], logs: Array) -> tuple[float, float]:
    """Fit log(a + b/B) to the mean log steps by scipy's least squares: (a, b)."""
    from scipy import optimize

    b = np.asarray(sizes, dtype=float)
    mean = logs.mean(axis=0)
    start = [mean.min(), mean[0] + math.log(b[0])]
    found = optimize.least_squares(
        lambda p: np.logaddexp(p[0], p[1] - np.log(b)) - mean, start, xtol=1e-14, ftol=1e-14
    )
    return math.exp(found.x[0]), math.exp(found.x[1])
