"""The trivial prediction that a model must beat, against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bsx.schema import Baseline, Objective
from bsx.tasks import baseline as room
from bsx.tasks import build_task, score_baseline

CLASSES = torch.tensor([0, 0, 1, 2])  # frequencies 1/2, 1/4, 1/4


def scored(
    kind: str, train: Tensor, validation: Tensor, test: Tensor, size: int, **asked: str
) -> Baseline:
    """Score the task's own trivial prediction."""
    targets = {"validation": validation, "test": test}
    return score_baseline(kind, Objective(**asked), train, targets, size)  # type: ignore[arg-type]


def test_of_classes_it_is_always_the_most_frequent_one() -> None:
    found = scored("classification", CLASSES, torch.tensor([0, 1, 1]), torch.tensor([2, 0]), 3)
    assert found.name == "most frequent class"
    assert found.validation["accuracy"] == pytest.approx(1 / 3)
    assert found.validation["balanced-accuracy"] == pytest.approx(1 / 2)  # of 0 all, of 1 none
    assert found.validation["f1"] == pytest.approx((2 / 4 + 0) / 2)
    assert found.validation["loss"] == pytest.approx((math.log(2) + 2 * math.log(4)) / 3)
    assert found.test["accuracy"] == pytest.approx(1 / 2)
    assert found.test["loss"] == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_among_the_top_are_the_most_frequent_classes() -> None:
    train = torch.tensor([3, 3, 3, 1, 1, 0, 2])
    validation = torch.tensor([1, 1, 3, 0, 2])
    found = scored("classification", train, validation, validation, 4, metric="top-2")
    assert found.validation["top-2"] == pytest.approx(3 / 5)


def test_the_auroc_of_what_never_differs_is_one_half_or_means_nothing() -> None:
    train, mixed, pure = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), torch.tensor([1, 1])
    found = scored("classification", train, mixed, pure, 2)
    assert found.validation["auroc"] == 0.5
    assert found.test["auroc"] is None
    several = scored("classification", CLASSES, mixed, mixed, 3, metric="auroc")
    assert several.validation["auroc"] == 0.5


def test_a_class_that_training_never_saw_has_a_finite_loss() -> None:
    found = scored(
        "classification", torch.tensor([0, 0, 1]), torch.tensor([2]), torch.tensor([0]), 3
    )
    assert found.validation["loss"] == pytest.approx(math.log(3.5 / 0.5))
    assert found.test["loss"] == pytest.approx(math.log(3.5 / 2))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("mse", (0.5**2 + 2 * 0.25**2) / 3),
        ("binary", (math.log(2) + 2 * math.log(4 / 3)) / 3),
    ],
)
def test_another_loss_is_that_of_the_frequencies_too(loss: str, expected: float) -> None:
    zeros = torch.tensor([0, 0])
    found = scored("classification", CLASSES, zeros, zeros, 3, loss=loss)
    assert found.validation["loss"] == pytest.approx(expected)
    assert found.validation["accuracy"] == 1


def test_of_labels_it_is_how_often_each_is_there() -> None:
    train = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])  # 3/4 and 1/4
    validation = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    found = scored("multi-label", train, validation, validation, 2, metric="auroc")
    assert found.name == "label frequencies"
    losses = [-math.log(3 / 4) * 2, -math.log(1 / 4) - math.log(3 / 4)]
    assert found.validation["loss"] == pytest.approx(sum(losses) / 4)
    assert found.validation["exact-match"] == pytest.approx(1 / 2)
    assert found.validation["f1"] == pytest.approx((1 + 0) / 2)
    assert found.validation["auroc"] == 0.5  # of the second label; the first is always there


def test_a_label_that_is_never_or_always_there_in_training_has_a_finite_loss() -> None:
    train = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    found = scored("multi-label", train, 1 - train, train, 2)
    assert found.validation["loss"] == pytest.approx(math.log(4))
    assert found.test["loss"] == pytest.approx(math.log(4 / 3))


def test_of_text_it_is_the_frequencies_of_the_characters() -> None:
    train = torch.tensor([[0, 0], [1, 2]])  # 1/2, 1/4, 1/4
    validation = torch.tensor([[0, 1], [2, 0], [0, 0]])
    found = scored("language-modelling", train, validation, validation[:1], 3)
    bits = (4 * 1 + 2 * 2) / 6
    assert found.name == "character frequencies"
    assert found.validation["bits-per-character"] == pytest.approx(bits)
    assert found.validation["perplexity"] == pytest.approx(2**bits)
    assert found.validation["loss"] == pytest.approx(bits * math.log(2))
    assert found.validation["accuracy"] == pytest.approx(4 / 6)
    assert found.test["bits-per-character"] == pytest.approx(1.5)


@pytest.mark.parametrize("columns", [None, 1, 3])
def test_of_numbers_it_is_the_mean_of_training(columns: int | None) -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (50,) if columns is None else (50, columns)
    targets = 3 + torch.randn(shape, generator=generator)
    train, validation, test = targets[:30], targets[30:40], targets[40:]
    found = scored("regression", train, validation, test, columns or 1)
    errors = validation.double() - train.double().mean(dim=0)
    assert found.name == "mean of the training targets"
    assert found.validation["mse"] == pytest.approx(float(errors.square().mean()))
    assert found.validation["mae"] == pytest.approx(float(errors.abs().mean()))
    assert found.validation["loss"] == pytest.approx(float(errors.square().mean()))
    r2 = 1 - errors.square().mean(dim=0) / validation.double().var(dim=0, correction=0)
    assert found.validation["r2"] == pytest.approx(float(r2.mean()))
    assert found.validation["r2"] <= 0


def test_what_means_nothing_on_a_part_is_none_there() -> None:
    train, same = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0])
    found = scored("regression", train, train, same, 1)
    assert found.validation["r2"] == 0
    assert found.test["r2"] is None
    assert found.test["mse"] == pytest.approx(0.25)


def test_a_rule_of_the_data_is_scored_in_place_of_the_mean() -> None:
    validation, test = torch.tensor([1.0, 3.0]), torch.tensor([[2.0], [5.0]])
    rule = (
        "last value",
        {"validation": torch.tensor([0.0, 1.0]), "test": torch.tensor([[2.0], [2]])},
    )
    found = score_baseline(
        "regression",
        Objective(loss="l1"),
        torch.tensor([9.0]),
        {"validation": validation, "test": test},
        1,
        rule,
    )
    assert found.name == "last value"
    assert found.validation == {"loss": 1.5, "mse": 2.5, "mae": 1.5, "r2": -1.5}
    assert found.test["mse"] == 4.5


@pytest.mark.parametrize("kind", ["classification", "language-modelling", "regression"])
def test_many_samples_are_scored_in_chunks_as_all_at_once(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(1)
    shape = (101, 4) if kind == "language-modelling" else (101,)
    targets = torch.randint(0, 5, shape, generator=generator)
    if kind == "regression":
        targets = targets.float()
    at_once = scored(kind, targets, targets, targets, 5)
    monkeypatch.setattr(room, "CHUNK", 16)
    assert scored(kind, targets, targets, targets, 5).validation == pytest.approx(
        at_once.validation
    )


def test_every_metric_of_the_task_is_there_beside_the_loss() -> None:
    found = scored("classification", CLASSES, CLASSES, CLASSES, 3)
    names = {name for name, _, _ in build_task("classification", output_size=3).metrics}
    assert set(found.validation) == set(found.test) == names | {"loss"}
