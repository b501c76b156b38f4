"""The plain loop against one written by hand."""

from __future__ import annotations

import math

import pytest
import torch

from bsx.data import open_dataset
from bsx.models import build_model
from bsx.schema import Ingredient, RunStatus
from bsx.train.batches import SampleOrder
from tests.oracles import train_by_hand
from tests.train_setup import DATA, group, recipe, trained

PAIRS = {
    "logistic, sgd": ("logistic", {}, "sgd", {}),
    "logistic, momentum": ("logistic", {}, "sgd", {"momentum": 0.9, "weight_decay": 1e-3}),
    "mlp, adam": ("mlp", {"hidden": (8, 6)}, "adam", {}),
    "mlp with batchnorm, rmsprop": ("mlp", {"hidden": (8,), "norm": "batch"}, "rmsprop", {}),
    "mlp with dropout, adagrad": ("mlp", {"hidden": (8,), "dropout": 0.3}, "adagrad", {}),
    "user's own": ("tests.user_code:Branching", {}, "tests.user_code:NormalizedDescent", {}),
}
OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}


@pytest.mark.parametrize("drop_last", [False, True], ids=["keep", "drop"])
@pytest.mark.parametrize("pair", PAIRS)
def test_the_loop_equals_one_written_by_hand_bit_for_bit(pair: str, drop_last: bool) -> None:
    from tests.user_code import NormalizedDescent

    model_name, model_args, optimizer_name, optimizer_args = PAIRS[pair]
    of = recipe(
        model=Ingredient(model_name, model_args),
        optimizer=Ingredient(optimizer_name, optimizer_args),
        tail="drop" if drop_last else "keep",
        batch_size=22,  # 96 = 4 × 22 + 8
    )
    [record] = trained(group(of, [(0.05, 3)]))
    splits = open_dataset("blobs", DATA, validation=0.1, test=0.1, seed=0)
    model = build_model(model_name, model_args, input_shape=(5,), output_size=3, seed=3)
    made = OPTIMIZERS.get(optimizer_name, NormalizedDescent)
    optimizer = made(model.parameters(), lr=0.05, **optimizer_args)
    by_hand = train_by_hand(
        model,
        optimizer,
        (splits.train.inputs, splits.train.targets),
        (splits.validation.inputs, splits.validation.targets),
        order_of=lambda epoch: SampleOrder(96, 96, "keep", [3]).rows(epoch)[0],
        batch_size=22,
        seed=3,
        evaluate_at=[point.step for point in record.curve],
        drop_last=drop_last,
    )
    assert by_hand.steps[-1] == of.steps
    assert [p.train_loss for p in record.curve] == by_hand.train_losses
    assert [p.validation_loss for p in record.curve] == by_hand.validation_losses
    assert [p.metrics["accuracy"] for p in record.curve] == by_hand.accuracies
    assert [p.samples_seen for p in record.curve] == by_hand.samples_seen
    assert record.final["validation"]["loss"] == by_hand.validation_losses[-1]


def test_evaluating_more_often_changes_nothing_of_the_training() -> None:
    """Evaluation draws no random number and leaves BatchNorm's statistics alone."""
    model = Ingredient("mlp", {"hidden": (8,), "norm": "batch", "dropout": 0.2})
    rare = recipe(model=model, evaluation_spacing=3.0)
    often = recipe(model=model, evaluation_spacing=1.01)
    [few], [many] = trained(group(rare, [(0.05, 0)])), trained(group(often, [(0.05, 0)]))
    assert len(few.curve) < len(many.curve)
    assert few.final == many.final


def test_a_run_is_evaluated_on_as_many_samples_as_are_asked_for() -> None:
    few, every = recipe(evaluation_samples=3), recipe(evaluation_samples=10**6)
    [of_few], [of_all] = trained(group(few, [(0.05, 0)])), trained(group(every, [(0.05, 0)]))
    assert {round(3 * p.metrics["accuracy"], 6) for p in of_few.curve} <= {0, 1, 2, 3}
    assert of_all.curve[-1].validation_loss == of_all.final["validation"]["loss"]
    assert of_few.final == of_all.final


def test_a_longer_budget_begins_with_the_same_curve() -> None:
    short, long = recipe(steps=20), recipe(steps=40)
    [a], [b] = trained(group(short, [(0.05, 0)])), trained(group(long, [(0.05, 0)]))
    values = {p.step: (p.train_loss, p.validation_loss) for p in b.curve}
    for point in a.curve[:-1]:  # the last stands where the budget ends, on no common grid
        assert values[point.step] == (point.train_loss, point.validation_loss)


def test_training_time_leaves_evaluation_out_and_only_grows() -> None:
    [record] = trained(group(recipe(), [(0.05, 0)]))
    seconds = [point.train_seconds for point in record.curve]
    assert seconds == sorted(seconds)
    assert 0 < seconds[-1] <= record.train_seconds


def test_a_run_that_diverges_says_after_which_step() -> None:
    of = recipe(model=Ingredient("mlp", {"hidden": (8, 8)}), optimizer=Ingredient("sgd"))
    [record] = trained(group(of, [(1e30, 0)]))
    assert record.status is RunStatus.DIVERGED
    assert record.final == {}
    assert 0 < record.stopped_at < of.steps
    assert all(point.step <= record.stopped_at for point in record.curve)
    assert all(math.isfinite(point.train_loss) for point in record.curve)


def test_a_run_whose_weights_break_at_the_last_step_is_diverged_too() -> None:
    """The loss of a step is that before its update: the last update shows in the evaluation."""
    of = recipe(model=Ingredient("mlp", {"hidden": (8, 8)}), optimizer=Ingredient("sgd"), steps=1)
    [record] = trained(group(of, [(1e38, 0)]))
    assert record.status is RunStatus.DIVERGED
    assert record.stopped_at == 1
