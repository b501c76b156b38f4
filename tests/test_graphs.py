"""Steps played back: what a recording repeats is what would have been computed.

A recording on a GPU repeats kernels on the memory and with the numbers that they had. ``Tape`` does
that with torch's operations on the CPU, so that whatever a step takes from Python is found out.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from bsx.schema import Ingredient, Point, Recipe, RunStatus, Sampling, Training, Trial
from bsx.train import graphs
from bsx.train.graphs import Play, Played
from bsx.train.lanes import Lanes
from bsx.train.session import Session
from tests.contracts.test_trainers import MEMBERS, MODELS, values
from tests.train_setup import group, recipe, trained

WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "item", "equal", "is_nonzero"}


class Tape(TorchDispatchMode):
    """What torch was asked for, in order, and by which numbers and tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self.played = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute and remember."""
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out

    def play(self) -> None:
        """Ask for all of it again: of what was made on the way, for what is made now."""
        now: dict[int, Tensor] = {}

        def put(value: Any) -> Any:
            return now.get(id(value), value) if isinstance(value, Tensor) else value

        for func, args, kwargs, out in self.calls:
            came = func(*tree_map(put, args), **tree_map(put, kwargs))
            pairs = zip(tree_leaves(out), tree_leaves(came), strict=True)
            now |= {id(old): new for old, new in pairs if isinstance(old, Tensor)}
        self.played += 1


@pytest.fixture
def tapes(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    """The recordings that lanes make from now on."""
    made: list[Tape] = []

    def record(step: Callable[[], object]) -> Play:
        made.append(Tape())
        with made[-1]:
            step()
        return made[-1].play

    monkeypatch.setattr("bsx.train.lanes.recorder", lambda _device: record)
    monkeypatch.setattr(graphs, "RECORDED_AFTER", 3)
    return made


SGD = {"momentum": 0.9, "weight_decay": 1e-3}
CASES: dict[str, Recipe] = {
    **{name: recipe(model=model) for name, model in MODELS.items()},
    "plain descent": recipe(optimizer=Ingredient("sgd")),
    "nesterov and decay": recipe(optimizer=Ingredient("sgd", {**SGD, "nesterov": True})),
    "a wide grid": recipe(model=MODELS["mlp, two layers"], batch_size=32),
    "a last batch that takes the rest in": recipe(batch_size=20, tail="merge"),
    "in passes": recipe(training=Training(micro_batch_size=5)),
    "augmented": recipe(sampling=Sampling(augment=("noise",))),
}


@pytest.mark.parametrize("case", CASES)
def test_steps_that_are_played_back_come_to_the_same_bits(case: str, tapes: list[Tape]) -> None:
    of = group(CASES[case], MEMBERS, "lanes")
    with pytest.MonkeyPatch.context() as without:
        without.setattr("bsx.train.lanes.recorder", lambda _device: None)
        computed = trained(of)
    assert not tapes
    played = trained(of)
    assert sum(tape.played for tape in tapes) > 20
    for one, other in zip(computed, played, strict=True):
        assert values(one).tobytes() == values(other).tobytes()


def test_lanes_of_their_own_momenta_and_lanes_that_diverge_are_played_back_alike(
    tapes: list[Tape],
) -> None:
    points: list[Point] = [
        Trial(0.02, (("momentum", 0.5),)),
        Trial(0.05, (("momentum", 0.9),)),
        Trial(2e37, (("momentum", 0.9),)),
    ]
    of = group(recipe(), [(point, seed) for point in points for seed in (0, 1)], "lanes")
    with pytest.MonkeyPatch.context() as without:
        without.setattr("bsx.train.lanes.recorder", lambda _device: None)
        computed = trained(of)
    played = trained(of)
    assert sum(tape.played for tape in tapes) > 20
    assert {r.status for r in played} == {RunStatus.COMPLETED, RunStatus.DIVERGED}
    assert [r.stopped_at for r in computed] == [r.stopped_at for r in played]
    for one, other in zip(computed, played, strict=True):
        assert values(one).tobytes() == values(other).tobytes()


@pytest.mark.parametrize(
    "changed",
    [
        {"optimizer": Ingredient("adam")},
        {"model": Ingredient("mlp", {"hidden": (8,), "dropout": 0.2})},
        {"training": Training(schedule="cosine")},
        {"training": Training(clip_norm=1.0)},
        {"model": Ingredient("tests.user_code:Branching")},
    ],
    ids=["adam", "dropout", "cosine", "clipped", "a user's model"],
)
def test_what_a_recording_could_not_repeat_is_computed(
    changed: dict[str, Any], tapes: list[Tape]
) -> None:
    trained(group(recipe(**changed), MEMBERS, "lanes"))
    assert sum(tape.played for tape in tapes) == 0


@pytest.mark.parametrize("case", CASES)
def test_nothing_in_a_step_waits_for_the_device(case: str, tapes: list[Tape]) -> None:
    trained(group(CASES[case], MEMBERS, "lanes"))
    asked = {call[0].overloadpacket.__name__ for tape in tapes for call in tape.calls}
    assert asked and not asked & WAITS


def adder(by: Callable[[], float]) -> tuple[Callable[..., None], Tensor]:
    """Return a step that adds its input times a number of Python's to what it keeps."""
    kept = torch.zeros(2)

    def step(_number: float, x: Tensor) -> None:
        kept.add_(x * by())

    return step, kept


def on_tape(step: Callable[[], object]) -> Play:
    """Record on the CPU."""
    tape = Tape()
    with tape:
        step()
    return tape.play


def test_a_recording_that_does_not_repeat_the_step_is_not_used() -> None:
    numbers = iter(range(1000))
    step, kept = adder(lambda: float(next(numbers)))
    played = partial(Played(on_tape), step, lambda: [kept])
    for _ in range(60):
        played(1.0, torch.ones(2))
    computed = [float(n) for n in range(61)]
    computed.remove(float(graphs.RECORDED_AFTER))  # which the recording took
    assert kept.tolist() == [sum(computed)] * 2


def test_a_step_that_cannot_be_recorded_is_computed_and_none_is_taken_twice() -> None:
    def refuses(step: Callable[[], object]) -> Play:
        step()
        raise RuntimeError("operation not permitted when stream is capturing")

    step, kept = adder(lambda: 1.0)
    played = partial(Played(refuses), step, lambda: [kept])
    for _ in range(60):
        played(1.0, torch.ones(2))
    assert kept.tolist() == [60.0, 60.0]


def test_numbers_that_are_not_finite_are_repeated_too() -> None:
    step, kept = adder(lambda: float("nan"))
    tapes: list[Play] = []

    def record(step: Callable[[], object]) -> Play:
        tapes.append(on_tape(step))
        return tapes[-1]

    played = partial(Played(record), step, lambda: [kept])
    for _ in range(60):
        played(1.0, torch.ones(2))
    assert len(tapes) == 1 and kept.isnan().all()


def test_lanes_are_let_go_without_the_collector_and_with_them_what_their_data_hold() -> None:
    of = group(recipe(), MEMBERS, "lanes")
    gc.disable()
    try:
        lanes = Lanes(Session(of), of)
        for _ in range(30):
            lanes.step()
        gone = weakref.ref(lanes)
        del lanes
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_graphs_are_played_back_to_the_same_bits(  # pragma: no cover
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded: list[Play] = []
    on_cuda = graphs.recorder(torch.device("cuda"))
    assert on_cuda is not None

    def record(step: Callable[[], object]) -> Play:
        recorded.append(on_cuda(step))
        return recorded[-1]

    of = group(recipe(model=MODELS["mlp, two layers"]), MEMBERS, "lanes", device="cuda")
    monkeypatch.setattr("bsx.train.lanes.recorder", lambda _device: None)
    computed = trained(of)
    monkeypatch.setattr("bsx.train.lanes.recorder", lambda _device: record)
    played = trained(of)
    assert recorded
    for one, other in zip(computed, played, strict=True):
        assert values(one).tobytes() == values(other).tobytes()
