"""What several devices train is what one trains, and none of their processes is left behind."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bsx import registry
from bsx.errors import ProcessEnded, Stopped
from bsx.execute.workers import WorkersExecutor
from bsx.schema import Group, Ingredient, RunRecord, RunStatus, SpeedUnit, Training
from bsx.train.ranks import Rank
from tests.contracts.test_trainers import values
from tests.here import Shell, here
from tests.train_setup import group, recipe, trained

__all__ = ["here"]

TANH = Ingredient("mlp", {"hidden": (8, 6), "activation": "tanh"})


@pytest.fixture(autouse=True)
def torch_is_imported_once() -> Iterator[None]:
    """Processes are forked from a server that has imported torch; none is left behind."""
    WorkersExecutor().prepare()
    yield
    assert multiprocessing.active_children() == []


def devices(of: Any, members: Any, number: int = 2, **changes: Any) -> Group:
    """Return a group that trains on several devices, a thread each."""
    return group(of, members, "devices", devices=number, threads=number, **changes)


def both(of: Any, number: int = 2) -> tuple[list[RunRecord], list[RunRecord]]:
    """Return what one device and what several make of two runs."""
    members = [(0.05, 0), (0.1, 1)]
    return trained(group(of, members, "loop")), trained(devices(of, members, number))


@pytest.mark.parametrize("samples", range(8))
def test_shares_are_the_whole_batch_and_differ_by_one_at_most(samples: int) -> None:
    shares = [list(range(samples))[Rank(number, 3).share(samples)] for number in range(3)]
    assert [one for share in shares for one in share] == list(range(samples))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float64", 1e-9), ("float32", 1e-4)], ids=str
)
def test_two_processes_train_what_one_does_over_50_steps(precision: str, tolerance: float) -> None:
    """96 = 5 × 19 + 1: uneven shares at every step, and a tail of which one device has nothing."""
    of = recipe(model=TANH, batch_size=19, steps=50, precision=precision)
    alone, together = both(of)
    for one, two in zip(alone, together, strict=True):
        assert (one.run, one.status) == (two.run, two.status)
        assert one.run_id == two.run_id
        np.testing.assert_allclose(values(one), values(two), rtol=tolerance, atol=tolerance)
    assert together[0].environment["devices"] == 2
    assert together[0].environment["trainer"] == "devices"
    assert "devices" not in alone[0].environment


@pytest.mark.slow
def test_micro_batches_penalties_and_clipping_are_those_of_the_whole_batch() -> None:
    training = Training(micro_batch_size=4, clip_norm=0.3, l2=0.01, schedule="cosine", warmup=0.1)
    of = recipe(
        model=TANH,
        batch_size=20,
        steps=50,
        precision="float64",
        optimizer=Ingredient("adam", {"weight_decay": 1e-3}),
        training=training,
    )
    for one, three in zip(*both(of, number=3), strict=True):
        np.testing.assert_allclose(values(one), values(three), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_a_run_that_diverges_is_recorded_and_the_next_is_trained() -> None:
    of = recipe(model=Ingredient("mlp", {"hidden": (8, 6)}), optimizer=Ingredient("sgd"))
    records = trained(devices(of, [(1e30, 0), (0.05, 0)]))
    assert [r.status for r in records] == [RunStatus.DIVERGED, RunStatus.COMPLETED]


@pytest.mark.slow
def test_several_devices_go_on_from_their_checkpoint_to_the_same_bits(tmp_path: Path) -> None:
    model = Ingredient("mlp", {"hidden": (8,), "dropout": 0.3})
    of = devices(recipe(model=model, steps=60), [(0.05, 0)])
    [whole] = trained(of)
    of = dataclasses.replace(of, checkpoints=str(tmp_path))

    def stop(fraction: float, _best: float | None) -> None:
        if fraction > 0.5:
            raise Stopped("a test")

    with pytest.raises(Stopped):
        list(registry.worker("trainer", "devices")(of, stop))
    assert len(list(tmp_path.glob("*.checkpoint"))) == 1
    fractions: list[tuple[float, float | None]] = []
    [resumed] = trained(of, fractions)
    assert min(fraction for fraction, _ in fractions) > 0.5
    assert values(resumed).tobytes() == values(whole).tobytes()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_a_device_that_dies_fails_the_unit(number: int, tmp_path: Path) -> None:
    """Each says which process it is, and waits; then one is killed."""
    killed: list[int] = []

    def kill(_fraction: float, _best: float | None) -> None:
        if not killed:
            [child] = [p for p in multiprocessing.active_children() if p.name.endswith(name)]
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            killed.append(child.pid)

    name = f"device {number + 1}"
    of = devices(recipe(steps=10**6), [(0.05, 0)])
    with pytest.raises(ProcessEnded, match=f"device {number + 1} of 2 was ended by SIGKILL"):
        list(registry.worker("trainer", "devices")(of, kill))


@pytest.mark.slow
def test_what_one_device_raises_is_raised(tmp_path: Path) -> None:
    model = Ingredient("tests.user_code:no_such_model")
    with pytest.raises(Exception, match="no_such_model"):
        trained(devices(recipe(model=model), [(0.05, 0)]))


@pytest.mark.slow
def test_the_loop_of_several_devices_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = SpeedUnit(recipe(), 0.001, "device", "cpu", 2, "here", worker="speed-devices", devices=2)
    assert unit.unit_id != dataclasses.replace(unit, devices=1, worker="speed").unit_id
    reports: list[float] = []
    worker = registry.worker("measure", unit.worker)
    [[record]] = worker(unit, lambda fraction, _best: reports.append(fraction))
    assert record.status is RunStatus.COMPLETED
    assert len(record.step_seconds) == unit.draws
    assert min(record.step_seconds) > 0
    assert record.environment["devices"] == 2
    assert reports[-1] == 1.0
    assert torch.get_num_threads() >= 1


OFTEN = """
import bsx.train.checkpoint as checkpoint
checkpoint.Interval.__init__.__defaults__ = (0.0, 0.9)  # a checkpoint at every sign of life

from torch import nn

class Net(nn.Sequential):
    def __init__(self, input_shape, output_size):
        super().__init__(nn.Flatten(), nn.Linear(64, 1000), nn.ReLU(), nn.Linear(1000, 10))
"""


@pytest.mark.slow
def test_checkpoints_of_a_run_on_several_devices_are_written_by_one(here: Shell) -> None:
    (here.folder / "often.py").write_text(OFTEN)
    code, _, err = here.bsx(
        "sweep", "--model", "often.py:Net", "--batch-sizes", "32", "--learning-rate", "0.01",
        "--seeds", "1", "--epochs", "8", "--devices", "2", "--device", "cpu", "--threads", "2",
    )  # fmt: skip
    assert code == 0, err
