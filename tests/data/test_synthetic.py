"""Data made on the spot."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bsx.data import open_dataset
from bsx.data.synthetic import sine_mixture, spirals
from bsx.errors import BsxError


def test_spirals_have_as_many_arms_as_classes() -> None:
    made = spirals(samples=300, classes=5)
    assert made.inputs.shape == (300, 2)
    assert torch.bincount(made.targets).tolist() == [60] * 5


def test_spirals_without_noise_are_told_apart_by_angle_and_radius() -> None:
    made = spirals(samples=500, classes=3, turns=1.0, noise=0.0)
    radius = made.inputs.norm(dim=1)
    turn = torch.atan2(made.inputs[:, 1], made.inputs[:, 0]) / (2 * torch.pi)
    arm = torch.remainder((turn - radius) * 3, 3)  # what remains when the winding is undone
    away = torch.minimum((arm - made.targets).abs(), 3 - (arm - made.targets).abs())
    assert float(away.max()) < 1e-3


def test_a_line_cannot_part_the_spirals_but_neighbours_can() -> None:
    made = spirals(samples=1000, turns=1.5, noise=0.05)
    x, y = made.inputs, made.targets
    design = torch.cat([x, torch.ones(1000, 1)], dim=1)
    weights = torch.linalg.lstsq(design, 2.0 * y[:, None] - 1).solution
    linear = float(((design @ weights)[:, 0] > 0).eq(y.bool()).float().mean())
    nearest = torch.cdist(x, x).fill_diagonal_(9.0).argmin(dim=1)
    assert linear < 0.75
    assert float(y[nearest].eq(y).float().mean()) > 0.9


def test_the_seed_decides_the_data() -> None:
    assert torch.equal(spirals(seed=3).inputs, spirals(seed=3).inputs)
    assert not torch.equal(spirals(seed=3).inputs, spirals(seed=4).inputs)
    assert torch.equal(sine_mixture(data_seed=3).inputs, sine_mixture(data_seed=3).inputs)
    assert not torch.equal(sine_mixture(data_seed=3).inputs, sine_mixture(data_seed=4).inputs)


def test_a_sine_mixture_is_a_series_that_can_be_predicted_but_for_its_noise() -> None:
    made = sine_mixture(length=3000, window=40, noise=0.0)
    design = torch.cat([made.inputs, torch.ones(len(made.inputs), 1)], dim=1).double()
    solution = torch.linalg.lstsq(design, made.targets[:, None].double(), driver="gelsd").solution
    left = (design @ solution)[:, 0] - made.targets
    assert float(left.square().mean()) < 1e-4  # a sum of sines is a linear recurrence
    assert made.task == "regression"


def test_a_sine_mixture_takes_the_options_of_a_series() -> None:
    made = sine_mixture(length=500, window=12, horizon=4, stride=2)
    assert made.inputs.shape[1:] == (12,)
    assert made.targets.shape[1:] == (4,)


def test_diabetes_is_a_regression_in_units_of_its_own_spread() -> None:
    splits = open_dataset("diabetes", {}, validation=0.1, test=0.1, seed=0)
    assert splits.task == "regression"
    assert splits.input_shape == (10,)
    assert splits.output_size == 1
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 442
    assert abs(float(splits.train.targets.std(correction=0)) - 1) < 1e-4


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("spirals", {"classes": 1}, "classes=1: give a whole number of at least 2"),
        ("spirals", {"noise": -1}, "noise=-1: give a number at least 0"),
        ("spirals", {"turns": "many"}, "turns=many"),
        ("sine-mixture", {"window": 0}, "window=0"),
        ("sine-mixture", {"length": 30}, "give more rows or a smaller window"),
        ("sine-mixture", {"noise": "loud"}, "noise=loud"),
        ("blobs", {"spread": 0}, "spread=0: give a number above 0"),
    ],
)
def test_what_cannot_be_made_is_refused(name: str, args: dict[str, Any], said: str) -> None:
    with pytest.raises(BsxError) as refused:
        open_dataset(name, args, validation=0.1, test=0.1, seed=0)
    assert said in str(refused.value)
