"""Branches on the noisy quadratic: their mean loss, and the critical size, in closed form.

Curvature and noise are known, so the expected loss of every branch is, and with it the size at
which the loss lies above the base size's by what 20 % more samples bring.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bsx.arithmetic import branch_evaluations
from bsx.data.synthetic import curvatures
from bsx.store import Store
from tests.here import bsx, document

DIMENSIONS, CONDITION, NOISE, DATA = 16, 10.0, 0.3, 3000
HELD_OUT = 60  # samples of validation and test each: their moments are exact all the same
BASE, SIZES, RATE = 4, (4, 8, 16, 32, 64), 0.13
STEPS, POINTS, LENGTH, SEEDS = 80, (10, 20, 40, 80), 512, 7
H = curvatures(DIMENSIONS, CONDITION)
FLOOR = float(NOISE**2 * H.sum() / 2)
N = DATA - 2 * HELD_OUT


def expected_loss(point: int, size: int, steps: int) -> float:
    """Return the expected loss after ``point`` steps of the trunk and ``steps`` of a branch.

    θ = Π(1 − η_i h) + Σ_i w_i x̄_i with w_i = η_i h Π_{j>i}(1 − η_j h). Batches are drawn without
    replacement, all within the first epoch: Var x̄_i = c²/B_i (N − B_i)/(N − 1), and two covary by
    −c²/(N − 1).
    """
    rates = np.concatenate([np.full(point, RATE), np.full(steps, RATE * size / BASE)])
    sizes = np.concatenate([np.full(point, BASE), np.full(steps, size)])
    assert (sizes.sum()) <= N
    factors = 1 - rates[None, :] * H[:, None]  # (dimensions, steps)
    after = np.cumprod(factors[:, ::-1], axis=1)[:, ::-1]
    weights = rates * H[:, None] * np.concatenate([after[:, 1:], np.ones((len(H), 1))], axis=1)
    shared = -(NOISE**2) / (N - 1)
    variance = NOISE**2 / sizes * (N - sizes) / (N - 1)
    spread = (weights**2 * (variance - shared)).sum(axis=1) + shared * weights.sum(axis=1) ** 2
    return FLOOR + float((H * (after[:, 0] ** 2 + spread)).sum()) / 2


def tail_loss(point: int, size: int, fewer: float = 1.0, like: int | None = None) -> float:
    """Return the expected loss averaged over the last quarter, or so many times before that."""
    places = [step * (like or size) for step in branch_evaluations(LENGTH, like or size)]
    at = [place / fewer for place in places if place >= 0.75 * LENGTH]
    whole = [0, *(step * size for step in branch_evaluations(LENGTH, size))]
    return float(np.mean(np.interp(at, whole, [expected_loss(point, size, p // size)
                                               for p in whole])))  # fmt: skip


def excess(point: int, size: int) -> float:
    """Return how far a size's expected loss is above that after 1/1.2 of the samples at BASE."""
    return tail_loss(point, size) - tail_loss(point, BASE, 1.2, like=size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sweep."""
    where = tmp_path_factory.mktemp("quadratic")
    part = str(HELD_OUT / DATA)
    result = bsx(
        "sweep", "--method", "branched", "--dataset", "quadratic",
        f"--dataset-arg=dimensions={DIMENSIONS}", f"--dataset-arg=samples={DATA}",
        f"--dataset-arg=condition={CONDITION:g}", f"--dataset-arg=noise={NOISE:g}",
        "--model", "quadratic", "--momentum", "0", "--batch-sizes", ",".join(map(str, SIZES)),
        "--learning-rate", str(RATE), "--steps", str(STEPS), "--branch-points", str(len(POINTS)),
        "--branch-samples", str(LENGTH), "--seeds", str(SEEDS), "--tolerance", "0",
        "--validation-fraction", part, "--test-fraction", part, "--threads", "1", "--quiet",
        "--executor", "inline", "--format", "json",
        cwd=where,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return where


def test_the_mean_loss_of_every_branch_is_the_closed_form(folder: Path) -> None:
    losses: dict[tuple[int, int, int], list[float]] = {}
    with Store(folder / "bsx-runs") as store:
        for record in store.runs(store.sweep().sweep_id):
            recipe = record.run.recipe
            assert recipe.trunk is not None
            for found in record.curve:
                key = recipe.trunk.steps, recipe.batch_size, found.step
                losses.setdefault(key, []).append(found.validation_loss)
    assert {point for point, _, _ in losses} == set(POINTS)
    deviations = []
    for (point, size, step), values in losses.items():
        assert len(values) == SEEDS
        error = float(np.mean(values)) - expected_loss(point, size, step)
        deviations.append(error / (float(np.std(values, ddof=1)) / math.sqrt(SEEDS) + 1e-6))
    assert np.abs(deviations).max() < 8  # some 200, correlated, of a t with 6 degrees of freedom
    assert np.sqrt(np.mean(np.square(deviations))) < 2


def test_what_is_called_better_or_worse_is_so_in_the_closed_form(folder: Path) -> None:
    decided = 0
    shown = document(bsx("show", "--format", "json", cwd=folder))["branched"]
    for point in shown["points"]:
        exact = {size: excess(point["step"], size) for size in SIZES}
        assert exact[BASE] < 0
        if point["margin_from"] != "samples":
            continue  # with a tolerance of 0: by chance no gain is seen
        for branch in point["branches"]:
            found, size = branch["excess"], branch["batch_size"]
            half = (found["high"] - found["low"]) / 2  # 2.4 standard errors
            assert found["value"] == pytest.approx(exact[size], abs=2 * half + 1e-6)
            if exact[size] > half:
                assert branch["verdict"] != "as_good"
                decided += branch["verdict"] == "worse"
            elif exact[size] < -half:
                assert branch["verdict"] != "worse"
                decided += branch["verdict"] == "as_good"
    assert decided >= len(POINTS)  # it is not only by saying nothing that nothing is wrong
