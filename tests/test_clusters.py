"""More than one machine or device: what is asked for, as far as no cluster is needed to see it."""

from __future__ import annotations

import builtins
import dataclasses
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bsx import registry
from bsx.config import read_sweep
from bsx.errors import ConfigError, Stopped
from bsx.execute.apart import ApartExecutor, Message
from bsx.execute.base import Requeued
from bsx.execute.job import GO, STOP, Job, Orders, Told, _append, _frames, _left, _order
from bsx.execute.relay import Place, relay
from bsx.schema import Cluster, Group, Record, SpeedUnit, SweepConfig, Unit
from tests import fakes
from tests.contracts.test_executors import fake_unit, silent
from tests.here import Shell, here  # noqa: F401
from tests.train_setup import recipe


def asked(**flags: Any) -> SweepConfig:
    """Return the sweep that these flags ask for."""
    return read_sweep(flags, {}, None)[0]


def test_a_cluster_is_no_part_of_the_question() -> None:
    plain = asked()
    ray = asked(executor="ray", ray_address="auto")
    slurm = asked(
        executor="slurm",
        slurm_partition="gpu",
        slurm_time="2h",
        slurm_gpus="1",
        slurm_args=("account=mine",),
        slurm_folder="shared",
        slurm_cluster="local",
    )
    assert ray.question() == slurm.question() == plain.question()
    assert ray.cluster.ray_address == "auto"
    assert slurm.cluster == Cluster(None, "local", "shared", "gpu", 7200.0, 1, {"account": "mine"})


def test_several_devices_are_part_of_it_and_one_is_as_it_was() -> None:
    assert "devices" not in asked().question()
    assert asked(devices="2").question()["devices"] == 2


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"ray_address": "auto"}, "--ray-address has no meaning without --executor ray"),
        ({"slurm_time": "1h", "executor": "ray"}, "--slurm-time has no meaning without"),
        ({"devices": "2", "engine": "lanes"}, "--devices 2 and --engine lanes"),
        ({"devices": "2", "device": "mps"}, "--devices 2 and --device mps"),
        ({"devices": "2", "speed_loop": "dataloader"}, "--devices 2 and --speed-loop dataloader"),
        ({"devices": "2", "method": "branched", "base_batch_size": "16"}, "--method branched"),
        ({"devices": "0"}, "--devices"),
    ],
)
def test_what_does_not_fit_together_is_refused(flags: Mapping[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        asked(**flags)


def test_batchnorm_on_several_devices_is_refused(here: Shell) -> None:  # noqa: F811
    code, _, err = here.bsx("sweep", "--devices", "2", "--model-arg", "norm=batch", "--steps", "1")
    assert code == 2
    assert "--devices 2" in err
    assert "norm=layer" in err


@pytest.mark.parametrize(("name", "library"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_library_that_is_missing_is_named_with_its_extra(
    name: str, library: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    true_import = builtins.__import__

    def without(module: str, *args: Any, **kwargs: Any) -> Any:
        if module == library:
            raise ImportError(module)
        return true_import(module, *args, **kwargs)

    executor = registry.load("executor", name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=rf"pip install 'bsx\[{name}\]'"):
        executor.of(asked(executor=name), tmp_path)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_ray_cluster_that_nobody_reaches_is_told_at_once_by_its_address(
    scheme: str,
    here: Shell,  # noqa: F811
) -> None:
    pytest.importorskip("ray")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"{scheme}127.0.0.1:{taken.getsockname()[1]}"
        began = time.monotonic()
        code, out, err = here.bsx("sweep", "--executor", "ray", "--ray-address", address)
        took = time.monotonic() - began
    assert (code, out) == (2, "")
    assert err.startswith(f"bsx: error: --ray-address {address}: no Ray cluster is reached there")
    assert "give HOST:PORT as `ray start --head` printed it" in err
    assert took < 20  # Ray itself would try for minutes
    assert not (here.folder / "bsx-runs").exists()


def test_slurm_without_slurm_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="no sbatch"):
        registry.load("executor", "slurm").of(asked(executor="slurm"), tmp_path)


def test_what_bsx_asks_slurm_for_itself_is_not_asked_for_twice(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    config = asked(executor="slurm", slurm_cluster="local", slurm_args=("cpus_per_task=4",))
    with pytest.raises(ConfigError, match="--slurm-arg cpus_per_task=4"):
        registry.load("executor", "slurm").of(config, tmp_path)


def test_a_job_asks_for_the_threads_and_devices_of_its_unit() -> None:
    pytest.importorskip("submitit")
    from bsx.execute.slurm import parameters

    cluster = Cluster(
        slurm_partition="gpu",
        slurm_seconds=5400.0,
        slurm_args={"account": "mine", "licenses": "x"},
    )
    unit = dataclasses.replace(fake_unit("train"), threads=4, device="cuda", devices=2)
    assert parameters(unit, cluster) == {
        "name": "bsx-trainer",
        "timeout_min": 90,
        "cpus_per_task": 4,
        "gpus_per_node": 2,
        "slurm_partition": "gpu",
        "slurm_account": "mine",
        "slurm_additional_parameters": {"licenses": "x"},
    }
    timed = SpeedUnit(recipe(), 0.1, "device", "cpu", 8, "there")
    assert parameters(timed, cluster)["slurm_exclusive"] is True
    assert "gpus_per_node" not in parameters(timed, cluster)


def test_jobs_at_once_are_bounded_and_have_their_own_threads(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    from bsx.execute.slurm import SlurmExecutor

    executor = SlurmExecutor(None, Cluster(slurm_cluster="local"), tmp_path)
    facts = fakes.facts(workers=100, threads=2)
    placed = executor.placed(facts, asked(executor="slurm", threads="4"))
    assert (placed.workers, placed.threads, placed.threads_each) == (16, 4, 4)
    config = dataclasses.replace(asked(executor="slurm"), workers=3)
    assert executor.placed(facts, config).workers == 3


# --- what a job and its coordinator tell each other -----------------------------------------


def test_what_is_told_comes_in_order_and_half_a_message_is_awaited(tmp_path: Path) -> None:
    told, file = Told(tmp_path), tmp_path / "told-0"
    assert list(told.news()) == []
    _append(file, ("begun", 1))
    _append(file, ("report", (0.5, None)))
    assert list(told.news()) == [("begun", 1), ("report", (0.5, None))]
    _append(tmp_path / "whole", ("done", None))
    whole = (tmp_path / "whole").read_bytes()
    for end in range(len(whole)):
        file.write_bytes(file.read_bytes()[: _size_of_two(tmp_path)] + whole[:end])
        assert list(told.news()) == []
    with file.open("ab") as more:
        more.write(whole[-1:])
    assert list(told.news()) == [("done", None)]


def _size_of_two(folder: Path) -> int:
    content = (folder / "told-0").read_bytes()
    return [end for end, _ in _frames(content, 0)][1]


def test_a_job_that_is_begun_anew_is_heard_from_there(tmp_path: Path) -> None:
    told = Told(tmp_path)
    _append(tmp_path / "told-0", ("begun", 1))
    with (tmp_path / "told-0").open("ab") as file:
        file.write(b"cut off")
    _append(tmp_path / "told-1", ("begun", 2))
    assert list(told.news()) == [("begun", 1), ("requeued", None), ("begun", 2)]


def test_records_that_came_home_are_not_trained_again(tmp_path: Path) -> None:
    unit = fake_unit("train_one_by_one")
    first, *_ = fakes.train_one_by_one(unit, silent)
    _append(tmp_path / "told-0", ("records", first))
    left = _left(unit, [tmp_path / "told-0"])
    assert isinstance(left, Group)
    assert left.runs == unit.runs[1:]
    assert _left(unit, []) is unit


def test_orders_are_read_as_they_are_given_and_a_folder_that_is_gone_is_the_end(
    tmp_path: Path,
) -> None:
    orders = Orders(tmp_path)
    order, beat = _order(tmp_path)
    assert order == GO
    orders.give(STOP)
    assert _order(tmp_path)[0] == STOP
    assert _order(tmp_path)[1] != beat
    assert _order(tmp_path / "gone")[0] == "end"


def test_a_job_that_was_called_off_before_it_began_does_nothing(tmp_path: Path) -> None:
    Orders(tmp_path).give("end")
    Job(fake_unit("train"), str(tmp_path), Place.here(), None)()
    assert list(tmp_path.glob("told-*")) == []


# --- the far side ---------------------------------------------------------------------------


def far(unit: Unit, to_end: bool = False) -> list[tuple[str, object]]:
    """Return what a unit tells from the far side."""
    told: list[tuple[str, object]] = []
    order = threading.Event()
    if to_end:
        order.set()
    relay(unit, None, lambda kind, content: told.append((kind, content)), order, once=True)
    return told


def test_the_far_side_tells_all_that_a_unit_tells() -> None:
    unit = fake_unit("train_one_by_one")
    told = far(unit)
    assert [kind for kind, _ in told] == ["report", "records"] * 2 + ["done"]


def test_the_far_side_ends_a_unit_that_is_to_end() -> None:
    (*_, (kind, error)) = far(fake_unit("train"), to_end=True)
    assert kind == "error"
    assert isinstance(error, Stopped)


class Scripted(ApartExecutor[int]):
    """Units that tell what a test says."""

    waits = True

    def __init__(self, *mail: Message[int], patience: float | None = None) -> None:
        super().__init__(patience)
        self.coming = [mail[:1], *([one] for one in mail[1:])] if mail else []
        self.ended: list[int] = []
        self.asked: list[int] = []

    def _begin(self, unit: Unit) -> int:
        return len(self._running)

    def _listen(self, seconds: float | None) -> Any:
        return self.coming.pop(0) if self.coming else ()

    def _ask_to_end(self, handle: int) -> None:
        self.asked.append(handle)

    def _end(self, handle: int) -> None:
        self.ended.append(handle)


def test_a_unit_that_waits_for_a_machine_is_not_taken_for_one_that_hangs() -> None:
    executor = Scripted(patience=0.0)
    executor.start(fake_unit("train"), silent)
    executor.coming = [(), (), [Message(0, "done")]]
    assert executor.wait()[1] is None


def test_a_unit_that_is_put_off_is_told_and_goes_on() -> None:
    put_off = Requeued("preempted")
    records: list[Record] = []
    executor = Scripted(
        Message(0, "begun"),
        Message(0, "waits"),
        Message(0, "requeued", put_off),
        Message(0, "begun"),
        Message(0, "records", records),
        Message(0, "done"),
    )
    executor.start(fake_unit("train"), silent)
    assert [executor.wait()[1] for _ in range(3)] == [put_off, records, None]


def test_what_has_not_begun_is_ended_at_once_and_what_keeps_state_is_asked() -> None:
    executor = Scripted(Message(1, "begun"), Message(1, "report", (0.1, None)))
    keeps = dataclasses.replace(fake_unit("train"), checkpoints="there")
    executor.start(fake_unit("train"), silent)
    executor.start(keeps, silent)

    def stop(_fraction: float, _best: float | None) -> None:
        raise Stopped("a test")

    executor._running[1].report = stop
    with pytest.raises(Stopped):
        executor.wait()
    executor.coming = [[Message(1, "records", ["last"])], [Message(1, "done")]]
    assert executor.stop() == [(keeps, ["last"])]
    assert (executor.asked, executor.ended) == ([1], [0, 1])
