"""Every way of taking a step means the same to the plain loop and to the lanes."""

from __future__ import annotations

from typing import Any

import pytest

from bsx.schema import Ingredient, Point, Sampling, Training, Trial
from tests.train_setup import group, recipe, trained

Members = list[tuple[Point, int]]

MEMBERS: Members = [(0.02, 0), (0.02, 1), (0.1, 0), (0.1, 1)]
TRIALS: Members = [
    (Trial(rate, (("momentum", momentum), ("weight_decay", decay))), seed)
    for rate, momentum, decay in ((0.02, 0.95, 1e-3), (0.1, 0.5, 0.05))
    for seed in range(2)
]

WAYS: dict[str, dict[str, Any]] = {
    "schedule": {"training": Training(schedule="cosine", warmup=0.2)},
    "one-cycle": {"training": Training(schedule="one-cycle")},
    "growing": {"training": Training(schedule="step", decay="batch-size", grow_to=60)},
    "growing in passes": {
        "training": Training(
            schedule="linear", warmup=0.2, decay="batch-size", grow_to=96, micro_batch_size=7
        ),
    },
    "clipping": {"training": Training(clip_norm=0.1)},
    "l1": {"training": Training(l1=1e-2)},
    "l2": {"training": Training(l2=1e-2)},
    "micro-batches": {"training": Training(micro_batch_size=5)},
    "noise": {"sampling": Sampling(augment=("noise",))},
    "by class": {"sampling": Sampling(order="by-class")},
    "skewed": {"sampling": Sampling(class_skew=0.5)},
}


def losses(trainer: str, members: Members = MEMBERS, **changes: Any) -> list[list[float]]:
    made = recipe(precision="float64", model=Ingredient("mlp", {"hidden": 8}), **changes)
    return [[p.train_loss for p in r.curve] for r in trained(group(made, members, trainer))]


@pytest.mark.parametrize("way", WAYS)
def test_loop_and_lanes_take_the_same_steps(way: str) -> None:
    for loop, lanes in zip(losses("loop", **WAYS[way]), losses("lanes", **WAYS[way]), strict=True):
        assert lanes == pytest.approx(loop, rel=1e-9)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_so_they_do_where_momentum_and_weight_decay_are_the_lanes_own(
    way: str, nesterov: bool
) -> None:
    optimizer = Ingredient("sgd", {"momentum": 0.9, "nesterov": nesterov})
    loops, laned = (
        losses(trainer, TRIALS, optimizer=optimizer, **WAYS[way]) for trainer in ("loop", "lanes")
    )
    for loop, lanes in zip(loops, laned, strict=True):
        assert lanes == pytest.approx(loop, rel=1e-9)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "micro-batches"])
def test_each_way_changes_the_steps(way: str) -> None:
    assert losses("lanes", **WAYS[way]) != losses("lanes")


def test_accumulation_changes_nothing_but_the_last_bits() -> None:
    for whole, split in zip(losses("loop"), losses("loop", **WAYS["micro-batches"]), strict=True):
        assert split == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("trainer", ["loop", "lanes"])
def test_bfloat16_learns_and_differs_from_float32(trainer: str) -> None:
    made = recipe(training=Training(precision="bfloat16"))
    half = [r.curve[-1].train_loss for r in trained(group(made, MEMBERS, trainer))]
    full = [r.curve[-1].train_loss for r in trained(group(recipe(), MEMBERS, trainer))]
    assert half != full
    assert half == pytest.approx(full, rel=0.1)
