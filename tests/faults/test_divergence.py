"""Training that breaks: diverged at the step where it did, in documents that are JSON."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bsx.schema import Ingredient, RunStatus
from bsx.store import Store
from tests.here import Shell, here
from tests.train_setup import group, recipe, trained

__all__ = ["here"]

STEPS = 12
# Its outputs are as they should be, but for the training step AT, where one is no number.
BREAKS = """
import torch
from torch import nn


class Net(nn.Linear):
    def __init__(self, input_shape, output_size, at, value):
        super().__init__(input_shape[0], output_size)
        self.at, self.value, self.steps = at, value, 0

    def forward(self, x):
        outputs = super().forward(x)
        if not self.training:
            return outputs
        self.steps += 1
        return outputs * (self.value if self.steps == self.at else 1.0)
"""


@pytest.mark.parametrize("at", [1, 2, 7, STEPS])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_run_is_diverged_at_the_step_whose_loss_is_no_number(
    here: Shell, at: int, value: str
) -> None:
    Path("net.py").write_text(BREAKS)
    args = {"at": at, "value": float(value)}
    (record,) = trained(
        group(recipe(model=Ingredient("net.py:Net", args), steps=STEPS), [(0.1, 0)])
    )
    assert record.status is RunStatus.DIVERGED
    assert record.stopped_at == at - 1  # steps that were finite
    assert record.final == {}
    assert all(point.step < at for point in record.curve)
    assert all(math.isfinite(point.train_loss) for point in record.curve)


def steps_until_broken(rate: float, x: torch.Tensor, y: torch.Tensor) -> int:
    """Return how many steps of a linear regression on all samples have a finite loss."""
    torch.manual_seed(0)
    model = nn.Linear(x.shape[1], 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    for step in range(1000):
        loss = nn.functional.mse_loss(model(x).squeeze(1), y)
        if not math.isfinite(loss.item()):
            return step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    raise AssertionError("it does not break")


@pytest.mark.parametrize("engine", ["loop", "lanes"])
def test_weights_that_explode_are_diverged_where_a_hand_written_loop_breaks(
    here: Shell, engine: str
) -> None:
    """Weights grow by one factor at each step: within one step of the other's initial weights."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2)).astype(np.float32)
    y = (x @ [1.0, 2.0] + 0.1 * rng.normal(size=80)).astype(np.float32)
    np.savez("line.npz", x=x, y=y)
    code, out, err = here.bsx(
        "sweep", "--dataset", "npz:line.npz", "--dataset-arg", "task=regression", "--model",
        "logistic", "--optimizer-arg", "momentum=0", "--batch-sizes", "64", "--seeds", "2",
        "--learning-rate", "1000", "--steps", "200", "--engine", engine, "--executor", "inline",
        "--threads", "1", "--format", "json",
    )  # fmt: skip
    assert code == 0, err
    document = json.loads(out, parse_constant=lambda word: pytest.fail(word))
    (row,) = document["batch_sizes"]
    assert row["status"] == "diverged" and row["diverged_fraction"] == 1
    with Store("bsx-runs") as store:
        records = store.runs(document["sweep_id"])
    z = torch.from_numpy((x - x[:64].mean(0)) / x[:64].std(0))
    expected = steps_until_broken(1000, z[:64], torch.from_numpy((y - y.mean()) / y.std())[:64])
    assert [record.status for record in records] == [RunStatus.DIVERGED] * 2
    assert all(abs(record.stopped_at - expected) <= 1 for record in records)
    assert all(math.isfinite(p.validation_loss) for r in records for p in r.curve)


@pytest.mark.parametrize("said", ["NaN", "Infinity", "-Infinity", "nan", "1e999"])
def test_a_program_that_reports_no_number_is_diverged_there(here: Shell, said: str) -> None:
    Path("train.py").write_text(
        "for step in (2, 4, 6, 8):\n"
        f"    loss = '{said}' if step == 6 else 1 / step\n"
        '    print(f\'{{"step": {step}, "val_loss": {loss}}}\')\n'
    )
    code, out, err = here.bsx(
        "sweep", "--command", f"{sys.executable} train.py {{batch_size}}", "--train-samples", "64",
        "--batch-sizes", "4", "--executor", "inline", "--format", "json",
    )  # fmt: skip
    assert code in (0, 5), err
    document = json.loads(out, parse_constant=lambda word: pytest.fail(word))
    (row,) = document["batch_sizes"]
    if said == "nan":  # no JSON: that line says nothing, and the next ones go on
        return
    assert row["status"] == "diverged"
    with Store("bsx-runs") as store:
        (record,) = store.runs(document["sweep_id"])
    assert [point.step for point in record.curve] == [2, 4]
