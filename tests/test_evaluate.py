"""When curves are measured, and on what."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from bsx.arithmetic import evaluation_steps
from bsx.data import Samples
from bsx.tasks import build_task
from bsx.train import evaluate as module
from bsx.train.evaluate import evaluate
from tests.fakes import evaluation_grid

SPACING = 1.05


@given(st.integers(1, 100_000))
def test_evaluations_are_at_most_five_percent_apart(total: int) -> None:
    steps = evaluation_steps(total, SPACING)
    assert steps[0] == 1
    assert steps[-1] == total
    for a, b in itertools.pairwise(steps):
        assert a < b <= max(a + 1, a * SPACING)


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_the_grid_is_the_same_for_every_budget(short: int, long: int) -> None:
    short, long = sorted((short, long))
    a, b = evaluation_steps(short, SPACING), evaluation_steps(long, SPACING)
    assert a[:-1] == b[: len(a) - 1]


@given(st.integers(1, 20_000), st.floats(1.001, 3))
def test_the_fakes_measure_on_the_same_grid(total: int, spacing: float) -> None:
    assert evaluation_grid(total, spacing) == evaluation_steps(total, spacing)


def test_a_thousand_steps_are_evaluated_about_a_hundred_times() -> None:
    assert 80 < len(evaluation_steps(1000, SPACING)) < 120


@pytest.mark.parametrize("samples", [1, 7, 8, 9, 21])
def test_evaluation_covers_every_sample_once(samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVALUATION_BATCH", 8)
    seen: list[int] = []

    def forward(inputs: Tensor) -> Tensor:
        seen.extend(inputs[:, 0].int().tolist())
        assert len(inputs) <= 8
        return torch.stack([inputs[:, 0], -inputs[:, 0]], dim=1)

    inputs = torch.arange(samples, dtype=torch.float32).unsqueeze(1)
    targets = torch.arange(samples) % 2
    found = evaluate(forward, Samples(inputs, targets), build_task("classification"))
    assert seen == list(range(samples))
    outputs = torch.stack([inputs[:, 0], -inputs[:, 0]], dim=1)
    assert float(found["loss"]) == pytest.approx(float(F.cross_entropy(outputs, targets)))
    assert float(found["accuracy"]) == pytest.approx(float((targets == 0).double().mean()))


def test_the_values_of_lanes_are_those_of_each_model() -> None:
    torch.manual_seed(0)
    models = [nn.Linear(4, 3) for _ in range(3)]
    samples = Samples(torch.randn(50, 4), torch.arange(50) % 3)
    task = build_task("classification")
    stacked = evaluate(lambda x: torch.stack([m(x) for m in models]), samples, task)
    for lane, model in enumerate(models):
        alone = evaluate(model, samples, task)
        for name, value in alone.items():
            assert stacked[name].shape == (3,)
            torch.testing.assert_close(stacked[name][lane], value)


def test_evaluation_keeps_no_graph() -> None:
    samples = Samples(torch.randn(5, 4), torch.arange(5) % 2)
    found = evaluate(nn.Linear(4, 2), samples, build_task("classification"))
    assert not any(value.requires_grad for value in found.values())
