"""The noisy quadratic model: what it claims to be, and bsx's whole way through it as an oracle.

Curvature and noise are known, so the loss after t steps has a closed form, and steps-to-target can
be had by brute force without bsx.
"""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

from bsx.arithmetic import evaluation_steps
from bsx.data import open_dataset
from bsx.data.synthetic import curvatures
from bsx.errors import BsxError, ConfigError
from bsx.models import build_model
from bsx.store import Store
from bsx.tasks import build_task
from tests.here import bsx, document

DIMENSIONS, CONDITION, NOISE = 64, 10.0, 2.0
ARGS = {"dimensions": DIMENSIONS, "condition": CONDITION, "noise": NOISE}
SIZES, RATES, STEPS, SEEDS = (1, 4, 16, 64), (0.06, 0.2), 240, 20
HELD_OUT = {"validation": 0.01, "test": 0.01}  # few: their moments are exact all the same
H = curvatures(DIMENSIONS, CONDITION)
FLOOR = float(NOISE**2 * H.sum() / 2)  # the loss at θ = 0; at the start it is FLOOR + Σh/2
TARGET = FLOOR + 0.1 * float(H.sum()) / 2
GRID = np.array(evaluation_steps(STEPS, 1.05))


def points() -> np.ndarray:
    """Return the training part's x, shape (samples, DIMENSIONS)."""
    splits = open_dataset("quadratic", ARGS, **HELD_OUT, seed=0)
    found: np.ndarray = splits.train.targets.numpy() / splits.train.inputs.numpy()
    return found.astype(np.float64)


def exact_loss(rate: float, batch_size: int, samples: int) -> np.ndarray:
    """Return the expected loss at each evaluation, for steps of the first epoch.

    θ_t = (1 − ηh)^t + η h Σ_k (1 − ηh)^k x̄_k. Batches are drawn without replacement from points
    of mean 0 and variance c², so that means of two batches covary by −c²/(N − 1).
    """
    losses = []
    shared = -(NOISE**2) / (samples - 1)
    variance = NOISE**2 / batch_size * (samples - batch_size) / (samples - 1)
    for t in GRID:
        powers = (1 - rate * H)[:, None] ** np.arange(t)  # (dimensions, steps)
        spread = (variance - shared) * (powers**2).sum(1) + shared * powers.sum(1) ** 2
        theta2 = (1 - rate * H) ** (2 * t) + (rate * H) ** 2 * spread
        losses.append(FLOOR + float((H * theta2).sum()) / 2)
    return np.array(losses)


def brute_force(
    x: np.ndarray, batch_size: int, seeds: int, *, to_target: bool = False
) -> np.ndarray:
    """Return the loss of each seed and rate at each evaluation: (evaluations, seeds, rates).

    ``to_target`` ends it as soon as each of them has been at TARGET.
    """
    generator = np.random.default_rng(batch_size)
    reached = np.zeros((seeds, len(RATES)), dtype=bool)
    rates = np.array(RATES)[None, :, None]
    theta = np.ones((seeds, len(RATES), DIMENSIONS))
    order = np.stack(
        [generator.permutation(len(x))[: STEPS * batch_size] for _ in range(seeds)]
    ).reshape(seeds, -1, batch_size)
    assert order.shape[1] == STEPS  # all of it within the first epoch
    found = []
    for step in range(STEPS):
        mean = x[order[:, step]].mean(axis=1)  # (seeds, dimensions)
        theta -= rates * H * (theta - mean[:, None, :])
        if step + 1 in GRID:
            found.append(FLOOR + (H * theta**2).sum(axis=-1) / 2)
            reached |= found[-1] <= TARGET
            if to_target and reached.all():
                break
    return np.stack(found)


def first_steps(losses: np.ndarray) -> np.ndarray:
    """Return the first evaluated step at or below TARGET along axis 0; NaN where there is none."""
    below = losses <= TARGET
    return np.where(below.any(axis=0), GRID[below.argmax(axis=0)].astype(float), np.nan)


def test_the_mean_loss_of_every_part_is_the_closed_form() -> None:
    splits = open_dataset("quadratic", ARGS, validation=0.1, test=0.02, seed=0)
    theta = torch.linspace(-1, 2, DIMENSIONS)
    exact = float((torch.from_numpy(H) * (theta.double() ** 2 + NOISE**2)).sum()) / 2
    task = build_task("regression", output_size=DIMENSIONS)
    for part in (splits.train, splits.validation, splits.test):
        loss = task.loss((part.inputs * theta).double(), part.targets.double())
        assert float(loss) == pytest.approx(exact, rel=1e-6)


def test_a_step_of_the_model_is_a_step_down_the_bowl() -> None:
    splits = open_dataset("quadratic", ARGS, **HELD_OUT, seed=0)
    model = build_model(
        "quadratic", {}, input_shape=splits.input_shape, output_size=splits.output_size, seed=3
    )
    (theta,) = model.parameters()
    assert torch.equal(theta, torch.ones(DIMENSIONS))
    batch = torch.arange(5)
    task = build_task("regression", output_size=DIMENSIONS)
    loss = task.loss(model(splits.train.inputs[batch]), splits.train.targets[batch])
    (gradient,) = torch.autograd.grad(loss, theta)
    mean = torch.from_numpy(points()[:5].mean(axis=0))
    expected = torch.from_numpy(H) * (1 - mean)
    torch.testing.assert_close(gradient.double(), expected, rtol=1e-4, atol=1e-5)


def test_the_closed_form_is_the_mean_of_brute_force() -> None:
    losses = brute_force(points(), 16, 200)
    for column, rate in enumerate(RATES):
        of_rate = losses[:, :, column]
        error = of_rate.mean(axis=1) - exact_loss(rate, 16, 19_600)
        standard_error = of_rate.std(axis=1) / math.sqrt(of_rate.shape[1])
        assert np.abs(error / standard_error).max() < 4  # 81 evaluations, correlated


def test_the_model_is_refused_for_other_data() -> None:
    with pytest.raises(ConfigError, match="take --dataset quadratic"):
        build_model("quadratic", {}, input_shape=(4,), output_size=3, seed=0)


@pytest.mark.parametrize(
    "args", [{"samples": 3}, {"condition": 0.5}, {"noise": 0}, {"dimensions": 0}]
)
def test_a_quadratic_that_cannot_be_is_refused(args: dict[str, float]) -> None:
    with pytest.raises(BsxError, match=f"--dataset-arg {next(iter(args))}"):
        open_dataset("quadratic", args, validation=0.1, test=0.1, seed=0)


@pytest.mark.slow
def test_steps_to_target_match_brute_force_and_the_closed_form(tmp_path: Path) -> None:
    given = [f"--dataset-arg={key}={value:g}" for key, value in ARGS.items()]
    result = bsx(
        "sweep", "--dataset", "quadratic", *given, "--model", "quadratic",
        "--optimizer", "sgd", "--momentum", "0", "--steps", str(STEPS), "--seeds", str(SEEDS),
        "--batch-sizes", ",".join(map(str, SIZES)), "--learning-rate", ",".join(map(str, RATES)),
        "--validation-fraction", "0.01", "--test-fraction", "0.01",
        "--target", f"mse={TARGET!r}", "--threads", "1", "--format", "json",
        cwd=tmp_path,
    )  # fmt: skip
    rows = {row["batch_size"]: row for row in document(result)["batch_sizes"]}
    mean_losses = _mean_losses(tmp_path / "bsx-runs")
    x = points()
    for size in SIZES:
        steps = first_steps(brute_force(x, size, 1000, to_target=True))
        means = [math.inf if np.isnan(s).any() else np.exp(np.log(s).mean()) for s in steps.T]
        best = int(np.argmin(means))
        measured = rows[size]["to_target"][0]
        assert measured["learning_rate"] == RATES[best]
        assert measured["steps"]["n"] == SEEDS
        assert measured["steps"]["value"] == pytest.approx(means[best], rel=0.10)
        # Where the seeds' mean loss crosses: as in the closed form, to one evaluation.
        exact = int((exact_loss(RATES[best], size, len(x)) <= TARGET).argmax())
        there = int((mean_losses[size, RATES[best]] <= TARGET).argmax())
        assert abs(there - exact) <= 1, (size, GRID[there], GRID[exact])


def _mean_losses(store: Path) -> dict[tuple[int, float], np.ndarray]:
    """Return the seeds' mean validation loss at each evaluation, by batch size and rate."""
    curves = defaultdict(list)
    with Store(store) as opened:
        for record in opened.runs(opened.sweep().sweep_id):
            key = record.run.recipe.batch_size, record.run.learning_rate
            curves[key].append([point.validation_loss for point in record.curve])
    assert all(len(seeds) == SEEDS for seeds in curves.values())
    return {key: np.array(seeds).mean(axis=0) for key, seeds in curves.items()}
