"""Every family learns through the plain loop; those that can be lanes give the same as lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bsx.models import CLAIMS, Stacked, can_stack
from bsx.schema import Ingredient, RunRecord, RunStatus
from tests.models import families
from tests.models.families import VARIANTS, built, identity
from tests.train_setup import group, recipe, trained

LARGE_ENOUGH = {"vgg": 32}  # pixels a side
EVERY_CLAIM = [(variant, kind) for variant in VARIANTS for kind in CLAIMS[variant[0]]]
STACKED = [
    ({"hidden": 8}),
    ({"hidden": 8, "depth": 2, "norm": "ghost", "ghost_size": 4}),
    ({"hidden": 8, "norm": "ghost", "ghost_size": 5}),  # 16 = 3 · 5 + 1: the tail joins
    ({"hidden": 8, "norm": "ghost", "ghost_size": 7}),  # 16 = 2 · 7 + 2: the tail stands alone
    ({"hidden": 8, "norm": "ghost", "ghost_size": 64, "activation": "silu"}),
]


def runs(variant: tuple[str, dict[str, Any]], kind: str, **changes: Any) -> list[RunRecord]:
    """Train a variant on the tiny data of a kind, in the plain loop."""
    name, args = variant
    data = {"side": LARGE_ENOUGH.get(name, 16)} if kind == "images" else {}
    of = recipe(
        dataset=Ingredient(f"tests.models.tiny:{kind}", data),
        model=Ingredient(name, args),
        task="language-modelling" if kind == "tokens" else "classification",
        optimizer=Ingredient("adam"),
        evaluation_spacing=4.0,
        **changes,
    )
    return trained(group(of, [(0.01, 0)]))


@pytest.mark.parametrize(
    ("variant", "kind"), EVERY_CLAIM, ids=[f"{identity(v)} on {kind}" for v, kind in EVERY_CLAIM]
)
def test_the_loss_falls_in_the_plain_loop(variant: tuple[str, dict[str, Any]], kind: str) -> None:
    _, args = variant
    slow = args.get("dropout") or args.get("activation") == "sigmoid" or args.get("norm") == "none"
    [record] = runs(variant, kind, steps=60 if slow else 20)
    assert record.status is RunStatus.COMPLETED
    losses = [point.train_loss for point in record.curve]
    assert losses[-1] < losses[0] - 0.01


@pytest.mark.parametrize("args", STACKED)
@pytest.mark.parametrize("batch_size", [16, 17])
def test_as_lanes_the_same_is_learned(args: dict[str, Any], batch_size: int) -> None:
    members = [(0.01, 0), (0.01, 1), (0.05, 0)]
    found = []
    for trainer in ("loop", "lanes"):
        of = recipe(
            model=Ingredient("mlp", args), batch_size=batch_size, steps=60, precision="float64"
        )
        found.append(trained(group(of, members, trainer)))
    for one, other in zip(*found, strict=True):
        assert one.status is other.status is RunStatus.COMPLETED
        for a, b in zip(one.curve, other.curve, strict=True):
            np.testing.assert_allclose(a.train_loss, b.train_loss, rtol=1e-9)
            np.testing.assert_allclose(a.validation_loss, b.validation_loss, rtol=1e-9)


@pytest.mark.parametrize("variant", VARIANTS, ids=identity)
def test_what_says_that_it_stacks_gives_the_same_outputs_and_gradients(
    variant: tuple[str, dict[str, Any]],
) -> None:
    name, args = variant
    stacks = False
    for kind in CLAIMS[name]:
        for shape in families.SHAPES[kind]:
            models = [built(name, shape, seed=seed, **args).double() for seed in range(2)]
            if args.get("dropout") or not can_stack(models[0], shape):
                continue
            stacks = True
            inputs = torch.randn(2, 37, *shape, dtype=torch.float64)
            stacked = Stacked(models, shape)
            outputs = stacked.forward(inputs, training=True)
            stacked.backward(2 * outputs)  # the slope of the sum of squares
            for lane, model in enumerate(models):
                alone = model(inputs[lane])
                torch.testing.assert_close(outputs[lane], alone)
                gradients = torch.autograd.grad(alone.square().sum(), list(model.parameters()))
                for a, b in zip(stacked.of_lane(stacked.gradients, lane), gradients, strict=True):
                    torch.testing.assert_close(a, b)
    assert stacks or name not in ("mlp", "logistic") or args.get("dropout")


def test_a_lane_that_diverges_under_ghost_norm_leaves_its_neighbours_alone() -> None:
    of = recipe(
        model=Ingredient("mlp", {"hidden": 8, "norm": "ghost", "ghost_size": 4}),
        precision="float64",
    )
    mixed = trained(group(of, [(0.05, 0), (1e300, 1), (0.05, 1)], "lanes"))
    alone = trained(group(of, [(0.05, 0), (0.05, 1)], "loop"))
    assert mixed[1].status is RunStatus.DIVERGED
    for one, other in zip(mixed[::2], alone, strict=True):
        losses = [[point.validation_loss for point in r.curve] for r in (one, other)]
        np.testing.assert_allclose(*losses, rtol=1e-9)


def test_a_frozen_model_trains_in_the_plain_loop_alone() -> None:
    model = built("mlp", (5,))
    assert can_stack(model, (5,))
    next(model.parameters()).requires_grad_(False)
    assert not can_stack(model, (5,))
