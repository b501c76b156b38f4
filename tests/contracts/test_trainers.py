"""What every trainer keeps to, and that lanes are the plain loop, only faster."""

from __future__ import annotations

import dataclasses
import math
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from bsx import registry
from bsx.arithmetic import evaluation_steps
from bsx.errors import Stopped
from bsx.models import Stacked, build_model
from bsx.schema import Ingredient, Point, Recipe, RunRecord, RunStatus, Trial
from bsx.tasks import build_task
from tests.train_setup import DATA, group, recipe, trained

TRAINERS = ["loop", "lanes"]
MODELS = {
    "logistic": Ingredient("logistic"),
    "mlp, two layers": Ingredient("mlp", {"hidden": (8, 6), "activation": "tanh"}),
    "mlp, layer norm": Ingredient("mlp", {"hidden": (8,), "norm": "layer"}),
    "mlp, batch norm": Ingredient("mlp", {"hidden": (8,), "norm": "batch"}),
}
OPTIMIZERS = {
    "momentum and decay": Ingredient("sgd", {"momentum": 0.9, "weight_decay": 1e-3}),
    "nesterov": Ingredient("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-3}),
    "dampening": Ingredient("sgd", {"momentum": 0.9, "dampening": 0.5}),
    "plain descent": Ingredient("sgd"),
    "adam": Ingredient("adam", {"weight_decay": 1e-3}),
    "rmsprop": Ingredient("rmsprop"),
    # Under BatchNorm the gradient of a bias is rounding alone, which a tiny eps would blow up.
    "adagrad": Ingredient("adagrad", {"eps": 1e-6}),
    "user's class": Ingredient("tests.user_code:NormalizedDescent"),
    "user's factory": Ingredient("tests.user_code:decaying_weights_only"),
}
# The others of torch.optim, with one model.
REST = ("adamw", "adamax", "nadam", "radam", "rprop", "adadelta", "asgd")
MEMBERS = [(0.01, 0), (0.01, 1), (0.05, 0), (0.05, 1)]


def values(record: RunRecord) -> np.ndarray:
    """Return all that a record measured but the time."""
    rows = [
        [p.step, p.epoch, p.samples_seen, p.train_loss, p.validation_loss, p.metrics["accuracy"]]
        for p in record.curve
    ]
    final = [value for _, part in sorted(record.final.items()) for value in part.values()]
    return np.array([*(x for row in rows for x in row), *final])


def assert_alike(one: list[RunRecord], other: list[RunRecord], tolerance: float) -> None:
    """Assert that two lists of records tell the same of the same runs."""
    assert [r.run for r in one] == [r.run for r in other]
    assert [r.status for r in one] == [r.status for r in other]
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(values(a), values(b), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_group_gives_a_complete_record_for_every_member(trainer: str) -> None:
    of = group(recipe(), MEMBERS, trainer)
    records = trained(of)
    assert [record.run for record in records] == list(of.runs)
    for record in records:
        assert record.status is RunStatus.COMPLETED
        assert [p.step for p in record.curve] == list(evaluation_steps(40, 1.2))
        assert record.curve[-1].samples_seen == 40 * 16  # 96 samples: no tail
        assert record.curve[-1].epoch == pytest.approx(40 * 16 / 96)
        assert set(record.final) == {"train", "validation", "test"}
        assert all(set(part) >= {"loss", "accuracy"} for part in record.final.values())
        assert record.final["validation"]["loss"] == pytest.approx(record.curve[-1].validation_loss)
        assert record.stopped_at == 40
        assert record.train_seconds > 0
        assert record.environment["trainer"] == trainer
        assert record.environment["torch"] == torch.__version__
        assert record.error is None


@pytest.mark.parametrize("trainer", TRAINERS)
def test_the_same_group_gives_the_same_bits_twice(trainer: str) -> None:
    model = Ingredient("mlp", {"hidden": (8,), "dropout": 0.2})
    of = group(recipe(model=model), MEMBERS, trainer)
    torch.manual_seed(99)
    first = trained(of)
    torch.manual_seed(7)
    second = trained(of)
    for a, b in zip(first, second, strict=True):
        assert values(a).tobytes() == values(b).tobytes()


@pytest.mark.parametrize("trainer", TRAINERS)
def test_seeds_and_rates_each_make_a_run_of_their_own(trainer: str) -> None:
    records = trained(group(recipe(), MEMBERS, trainer))
    assert len({values(record).tobytes() for record in records}) == len(MEMBERS)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_progress_is_told_and_stopping_is_heeded(trainer: str) -> None:
    reports: list[tuple[float, float | None]] = []
    trained(group(recipe(), MEMBERS, trainer), reports)
    fractions = [fraction for fraction, _ in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    bests = [best for _, best in reports if best is not None]
    assert bests == sorted(bests)

    def stop(_fraction: float, _best: float | None) -> None:
        raise Stopped("a test")

    with pytest.raises(Stopped):
        list(registry.worker("trainer", trainer)(group(recipe(), MEMBERS, trainer), stop))


@pytest.mark.parametrize("trainer", TRAINERS)
def test_diverged_runs_are_recorded_with_the_last_step_that_was_finite(trainer: str) -> None:
    model = MODELS["mlp, two layers"]
    of = recipe(model=model, optimizer=Ingredient("sgd"), precision="float64")
    of = dataclasses.replace(of, model=Ingredient("mlp", {"hidden": (8, 6)}))
    records = trained(group(of, [(0.05, 0), (1e200, 0), (1e200, 1)], trainer))
    assert [r.status for r in records] == ["completed", "diverged", "diverged"]
    for record in records[1:]:
        assert record.final == {}
        assert 0 < record.stopped_at < of.steps
        assert all(p.step <= record.stopped_at for p in record.curve)
        assert all(math.isfinite(p.train_loss) for p in record.curve)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_group_all_of_which_diverges_is_recorded(trainer: str) -> None:
    of = recipe(model=Ingredient("mlp", {"hidden": (8, 6)}), optimizer=Ingredient("sgd"))
    records = trained(group(of, [(1e30, 0), (1e30, 1)], trainer))
    assert [r.status for r in records] == ["diverged", "diverged"]


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("tail", ["keep", "drop", "merge"])
def test_the_tail_rule_is_kept_to(trainer: str, tail: str) -> None:
    of = recipe(batch_size=19, tail=tail, steps=12)  # 96 = 5 × 19 + 1
    [record] = trained(group(of, [(0.05, 0)], trainer))
    seen = {"keep": 2 * 96, "drop": 2 * 95 + 2 * 19, "merge": 2 * 96 + 2 * 19}[tail]
    assert record.curve[-1].samples_seen == seen


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_in_float64_loop_and_lanes_agree_over_200_steps(model: str, optimizer: str) -> None:
    of = recipe(
        model=MODELS[model],
        optimizer=OPTIMIZERS[optimizer],
        batch_size=20,  # 96 = 4 × 20 + 16
        steps=200,
        precision="float64",
        evaluation_spacing=1.5,
    )
    # All of a grid with one model; with the others a lane of each rate and seed.
    members = MEMBERS if model == "mlp, two layers" else MEMBERS[::3]
    looped, laned = (trained(group(of, members, trainer)) for trainer in TRAINERS)
    assert_alike(looped, laned, 1e-9)


@pytest.mark.parametrize("optimizer", ["momentum and decay", "nesterov", "adam"])
@pytest.mark.parametrize("model", MODELS)
def test_large_batches_that_lanes_take_a_part_at_a_time_are_whole_batches(
    model: str, optimizer: str
) -> None:
    of = recipe(
        dataset=Ingredient("blobs", {**DATA, "samples": 800}),
        model=MODELS[model],
        optimizer=OPTIMIZERS[optimizer],
        precision="float64",
        batch_size=300,  # 128 + 128 + 44
        steps=12,
    )
    looped, laned = (trained(group(of, MEMBERS, trainer)) for trainer in TRAINERS)
    assert_alike(looped, laned, 1e-9)


@pytest.mark.parametrize("optimizer", REST)
def test_the_other_optimizers_of_torch_agree_too(optimizer: str) -> None:
    of = recipe(
        model=MODELS["mlp, two layers"],
        optimizer=Ingredient(optimizer),
        steps=60,
        precision="float64",
        evaluation_spacing=1.5,
    )
    looped, laned = (trained(group(of, MEMBERS, trainer)) for trainer in TRAINERS)
    assert_alike(looped, laned, 1e-9)


def trial(rate: float, momentum: float | None = None, decay: float | None = None) -> Trial:
    """Return a trial with a momentum and a weight decay of its own, as far as they are given."""
    given = {"momentum": momentum, "weight_decay": decay}
    return Trial(rate, tuple((name, value) for name, value in given.items() if value is not None))


# Optimizer → trials that differ in all that it takes.
TUNED = {
    "momentum and decay": [trial(0.01, 0.95, 1e-3), trial(0.05, 0.6, 0.05), trial(0.05, 0.9, 1e-4)],
    "plain descent": [trial(0.05, 0.9, 0.1), trial(0.05, 0.3, 1e-4)],
    "nesterov": [trial(0.01, 0.95, 1e-3), trial(0.05, 0.6, 0.05)],
    "dampening": [trial(0.01, 0.95), trial(0.05, 0.6)],
    "adam": [trial(0.01, decay=1e-3), trial(0.01, decay=0.1)],
    "rmsprop": [trial(1e-3, 0.9, 1e-3), trial(1e-3, 0.5, 0.1)],
    "user's factory": [trial(0.01, 0.95), trial(0.01, 0.5)],
}


BY_VMAP = Ingredient("tests.user_code:Branching", {"width": 4})


@pytest.mark.parametrize("optimizer", TUNED)
@pytest.mark.parametrize("model", [*MODELS, "by vmap"])
def test_lanes_with_momenta_and_decays_of_their_own_agree_with_the_loop(
    model: str, optimizer: str
) -> None:
    of = recipe(
        model=MODELS.get(model, BY_VMAP),
        optimizer=OPTIMIZERS[optimizer],
        batch_size=20,
        steps=100,
        precision="float64",
        evaluation_spacing=1.5,
    )
    seeds = 2 if model == "mlp, two layers" else 1
    members = [(point, seed) for point in TUNED[optimizer] for seed in range(seeds)]
    looped, laned = (trained(group(of, members, trainer)) for trainer in TRAINERS)
    assert_alike(looped, laned, 1e-9)
    assert len({values(record).tobytes() for record in laned}) == len(members)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_trial_is_the_run_that_one_would_ask_for_by_hand(trainer: str) -> None:
    optimizer = Ingredient("sgd", {"momentum": 0.95, "weight_decay": 0.01})
    [by_hand] = trained(group(recipe(optimizer=optimizer), [(0.05, 0)], trainer))
    tried = trained(group(recipe(), [(trial(0.05, 0.95, 0.01), 0), (0.05, 1)], trainer))
    assert tried[0].run.run_id == by_hand.run.run_id
    np.testing.assert_allclose(values(tried[0]), values(by_hand), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [8, 20], ids=["streams", "grid"])
@pytest.mark.parametrize("optimizer", ["momentum and decay", "nesterov", "rmsprop"])
def test_a_trial_that_diverges_leaves_its_neighbours_alone(optimizer: str, size: int) -> None:
    of = recipe(
        model=Ingredient("mlp", {"hidden": (8, 6)}),
        optimizer=OPTIMIZERS[optimizer],
        precision="float64",
        batch_size=size,
    )
    healthy = [trial(0.01, 0.95, 1e-3), trial(0.05, 0.6, 0.05)]
    members = [
        (point, seed)
        for point in (healthy[0], trial(BROKEN, 0.9, 1e-3), healthy[1])
        for seed in range(2)
    ]
    mixed = trained(group(of, members, "lanes"))
    rest = [r for r in mixed if r.run.learning_rate != BROKEN]
    assert {r.status for r in mixed if r not in rest} == {RunStatus.DIVERGED}
    alone: list[tuple[Point, int]] = [one for one in members if one[0] in healthy]
    assert_alike(rest, trained(group(of, alone, "loop")), 1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_in_float32_the_gradients_of_one_step_agree(model: str) -> None:
    made = [
        build_model(MODELS[model].name, MODELS[model].args, input_shape=(5,), output_size=3, seed=s)
        for s in range(3)
    ]
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(3, 16, 5, generator=generator)
    targets = torch.randint(0, 3, (3, 16), generator=generator)
    task = build_task("classification")
    stacked = Stacked(made, (5,))
    outputs = stacked.forward(inputs, training=True).requires_grad_()
    losses = task.lane_losses(outputs, targets)
    stacked.backward(*torch.autograd.grad(losses.sum(), outputs))
    for lane, single in enumerate(made):
        loss = task.loss(single(inputs[lane]), targets[lane])
        torch.testing.assert_close(losses[lane], loss, rtol=1e-5, atol=1e-6)
        alone = torch.autograd.grad(loss, list(single.parameters()))
        for a, b in zip(stacked.of_lane(stacked.gradients, lane), alone, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


BROKEN = 1e200
LAYOUTS: dict[str, list[tuple[float, int]]] = {
    "at the end": [(0.01, 0), (0.01, 1), (0.05, 0), (BROKEN, 0)],
    "at the beginning": [(BROKEN, 0), (BROKEN, 1), (0.05, 0), (0.05, 1)],
    "between two rates": [(0.01, 0), (BROKEN, 0), (0.05, 0), (0.05, 1)],
    "a whole column of a grid": [
        (BROKEN, 0),
        (BROKEN, 1),
        (0.05, 0),
        (0.05, 1),
        (0.01, 0),
        (0.01, 1),
    ],
    "between lanes of one rate": [(0.05, 0), (0.05, 1), (BROKEN, 0), (0.05, 2)],
}


def _to_diverge(optimizer: str) -> Recipe:
    return recipe(
        model=Ingredient("mlp", {"hidden": (8, 6), "norm": "none"}),
        optimizer=OPTIMIZERS[optimizer],
        precision="float64",
    )


@cache
def _looped(optimizer: str, member: tuple[float, int]) -> RunRecord:
    """Train one run by the loop: what it comes to is the same in every layout."""
    [record] = trained(group(_to_diverge(optimizer), [member], "loop"))
    return record


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_lane_that_diverges_leaves_its_neighbours_alone(optimizer: str, layout: str) -> None:
    of = _to_diverge(optimizer)
    members = LAYOUTS[layout]
    healthy = [member for member in members if member[0] != BROKEN]
    mixed = trained(group(of, members, "lanes"))
    broken = [r for r in mixed if r.run.learning_rate == BROKEN]
    assert {r.status for r in broken} == {RunStatus.DIVERGED}
    rest = [r for r in mixed if r.run.learning_rate != BROKEN]
    assert_alike(rest, trained(group(of, healthy, "lanes")), 1e-9)
    assert_alike(rest, [_looped(optimizer, member) for member in healthy], 1e-9)


def test_a_lane_that_diverges_under_batchnorm_leaves_its_neighbours_alone() -> None:
    of = recipe(
        model=Ingredient("mlp", {"hidden": (8,), "norm": "batch"}),
        optimizer=Ingredient("sgd", {"momentum": 0.9, "weight_decay": 0.1}),
        precision="float64",
    )
    mixed = trained(group(of, [(0.05, 0), (1e300, 1), (0.05, 1)], "lanes"))
    assert mixed[1].status is RunStatus.DIVERGED
    assert_alike(mixed[::2], trained(group(of, [(0.05, 0), (0.05, 1)], "loop")), 1e-9)


def steps_to(record: RunRecord, loss: float) -> int:
    """Return the first evaluated step with validation loss at ``loss`` or below."""
    return next((p.step for p in record.curve if p.validation_loss <= loss), 10**6)


@pytest.mark.slow
def test_the_distribution_of_steps_to_target_is_the_same() -> None:
    """In float32 trajectories part; what 20 seeds need, taken together, does not."""
    from scipy.stats import ks_2samp

    data = {"samples": 400, "classes": 5, "features": 8, "spread": 1.0}
    of = recipe(
        dataset=Ingredient("blobs", data),
        model=Ingredient("mlp", {"hidden": (16,)}),
        optimizer=Ingredient("sgd", {"momentum": 0.9}),
        steps=150,
        evaluation_spacing=1.05,
    )
    members = [(0.05, seed) for seed in range(20)]
    found: dict[str, list[int]] = {}
    for trainer in TRAINERS:
        found[trainer] = [steps_to(r, 0.5) for r in trained(group(of, members, trainer))]
        assert max(found[trainer]) < 10**6
        assert len(set(found[trainer])) > 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ties: steps stand on a grid
        test: Any = ks_2samp(found["loop"], found["lanes"])
    assert test.pvalue > 0.05
