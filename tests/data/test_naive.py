"""A rule that the data bring, on its way through division and standardization to the facts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bsx.data import Dataset
from bsx.facts import look
from bsx.schema import Ingredient
from tests import fakes
from tests.data.opening import opened, refused

HERE = "tests.data.test_naive"
GUESSED = "tests.tasks.user_tasks:guessed"


def given(**fields: Any) -> Dataset:
    """Thirty samples, with fields of one's own."""
    usual: dict[str, Any] = {"inputs": torch.randn(30, 2), "targets": torch.arange(30.0)}
    return Dataset(**{**usual, "task": "regression", **fields})


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("scaled", [False, True])
def test_the_rule_is_divided_and_scaled_as_the_targets_are(columns: int, scaled: bool) -> None:
    splits = opened(GUESSED, columns=columns, scaled=scaled)
    assert splits.naive is not None
    name, parts = splits.naive
    assert name == "a guess"
    scale = torch.tensor(splits.target_scale or (1.0,), dtype=torch.float64)
    for part in ("validation", "test"):
        targets = getattr(splits, part).targets.double()
        assert parts[part].shape == targets.shape
        wrong = ((parts[part] - targets) * scale).abs()
        torch.testing.assert_close(wrong, torch.ones_like(wrong), atol=1e-5, rtol=0)


@pytest.mark.parametrize("scaled", [False, True])
def test_the_facts_hold_how_wrong_the_rule_is_in_the_units_of_the_metrics(scaled: bool) -> None:
    args = {"columns": 2, "scaled": scaled}
    facts = look(fakes.config(dataset=Ingredient(GUESSED, args), model=Ingredient("logistic")))
    assert facts.baseline is not None
    assert facts.baseline.name == "a guess"
    scales = facts.target_scale if scaled else (1.0, 1.0)
    assert len(scales) == 2
    assert bool(facts.target_scale) == scaled
    mse = sum(1 / scale**2 for scale in scales) / 2
    for part in (facts.baseline.validation, facts.baseline.test):
        assert part["mse"] == pytest.approx(mse, rel=1e-5)
        assert part["mae"] == pytest.approx(sum(1 / scale for scale in scales) / 2, rel=1e-5)


def test_a_scale_that_the_reader_tells_is_passed_on_and_not_applied() -> None:
    splits = opened(f"{HERE}:given", scaled_by=((2.0,), (8.0,)), naive=("zero", torch.zeros(30)))
    assert (splits.target_shift, splits.target_scale) == ((2.0,), (8.0,))
    assert splits.naive is not None
    assert not splits.naive[1]["test"].any()
    assert float(splits.train.targets.max()) > 20


def test_the_rule_is_no_part_of_the_datas_identity() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(30, 2)
    plain = opened(f"{HERE}:given", inputs=inputs)
    ruled = opened(f"{HERE}:given", inputs=inputs, naive=("zero", torch.zeros(30)))
    assert plain.fingerprint == ruled.fingerprint


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"naive": ("zero", torch.zeros(30, 1))},
            r"by the zero has shape (30, 1), the targets (30,)",
        ),
        ({"naive": ("void", torch.full((30,), torch.nan))}, "by the void is not all finite"),
        (
            {"naive": ("zero", torch.zeros(30)), "task": "classification"},
            "only a regression takes a naive prediction (zero)",
        ),
    ],
)
def test_a_rule_that_does_not_fit_the_targets_is_refused(fields: dict[str, Any], said: str) -> None:
    if fields.get("task") == "classification":
        fields = {**fields, "targets": torch.arange(30) % 3}
    assert said in refused(f"{HERE}:given", **fields)
