"""Trainers and measurements do with streamed data what they do with data that are held."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bsx import registry
from bsx.data import prepare
from bsx.errors import Stopped
from bsx.schema import Ingredient, RunStatus, Sampling, SpeedRecord, SpeedUnit, Training
from tests.contracts.test_executors import gone, wait_for
from tests.contracts.test_trainers import MEMBERS, TRAINERS, values
from tests.data.streams import HERE
from tests.data.test_images import pictures
from tests.train_setup import group, recipe, trained

ROOT = Path(__file__).parents[2]
MLP = Ingredient("mlp", {"hidden": (8,), "dropout": 0.2})
NOISE = Sampling(augment=("noise",))
WAYS: dict[str, dict[str, Any]] = {
    "map-style": {},
    "map-style, varied": {"sampling": NOISE, "model": MLP, "tail": "merge", "batch_size": 19},
    "map-style, by class": {"sampling": Sampling(class_skew=0.5), "precision": "float64"},
    "images of bytes": {
        "dataset": Ingredient(f"{HERE}:Pictures"),
        "sampling": Sampling(subset=80, augment=("flip", "crop")),
    },
    "without a length": {"dataset": Ingredient(f"{HERE}:OneByOne"), "batch_size": 50},
    "tokens": {
        "dataset": Ingredient(f"{HERE}:tokens"),
        "task": "language-modelling",
        "model": Ingredient("tests.user_code:Embedding"),
    },
    "micro-batches": {"training": Training(micro_batch_size=5)},
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what does not fit in memory in a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(prepare, "_open_now", {})


def assert_same_bits(trainer: str, **changes: Any) -> None:
    """Assert that runs come to the same numbers whether their data are held or streamed."""
    of = recipe(**{"dataset": Ingredient(f"{HERE}:Pairs"), **changes})
    held = trained(group(of, MEMBERS, trainer))
    streamed = trained(group(of, MEMBERS, trainer, streamed=True))
    for one, other in zip(held, streamed, strict=True):
        assert one.status is other.status is RunStatus.COMPLETED
        assert values(one).tobytes() == values(other).tobytes()
        assert (one.environment["streamed"], other.environment["streamed"]) == (False, True)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("way", [way for way in WAYS if way != "tokens"])
@pytest.mark.parametrize("trainer", TRAINERS)
def test_streamed_runs_come_to_the_same_bits(trainer: str, way: str) -> None:
    assert_same_bits(trainer, **WAYS[way])


@pytest.mark.parametrize("trainer", TRAINERS)
def test_folders_of_pictures_come_to_the_same_bits(trainer: str, tmp_path: Path) -> None:
    name = f"images:{pictures(tmp_path / 'pictures', classes='abc')}"
    assert_same_bits(trainer, dataset=Ingredient(name), steps=10)


def test_where_data_lie_is_no_part_of_a_groups_identity() -> None:
    of = recipe()
    assert group(of, MEMBERS, streamed=True).unit_id == group(of, MEMBERS).unit_id


def test_the_speed_of_streamed_data_is_that_of_the_loop_that_streams() -> None:
    of = recipe(dataset=Ingredient(f"{HERE}:Pairs"))
    unit = SpeedUnit(of, 1e-3, "stream", "cpu", threads=1, machine="")
    assert unit.streamed
    [[record]] = registry.worker("measure", "speed")(unit, lambda fraction, best: None)
    assert isinstance(record, SpeedRecord)
    assert record.loop == "stream"
    assert all(seconds > 0 for seconds in record.step_seconds)
    assert multiprocessing.active_children() == []


def test_a_worker_streams_what_its_coordinator_has_gone_through(tmp_path: Path) -> None:
    log = tmp_path / "log"
    args = {"log": str(log)}
    splits = prepare.open_dataset(
        f"{HERE}:Pairs", args, validation=0.1, test=0.1, seed=0, stream=True
    )
    log.unlink()
    of = recipe(dataset=Ingredient(f"{HERE}:Pairs", args), fingerprint=splits.fingerprint, steps=3)
    unit = group(of, MEMBERS, "lanes", streamed=True)
    with registry.load("executor", "workers")() as executor:
        [records] = executor.run(unit, lambda fraction, best: None)
    assert [r.final for r in records] == [r.final for r in trained(group(of, MEMBERS, "lanes"))]
    readers = {int(line.split()[0]) for line in log.read_text().splitlines()}
    assert os.getpid() in readers  # held here, for comparison
    assert len(readers) > 1


def readers_of(log: Path) -> set[int]:
    """Return the processes that have read items."""
    return (
        {int(line.split()[0]) for line in log.read_text().splitlines()} if log.exists() else set()
    )


def slow(log: Path) -> Any:
    """Return a unit whose data come slowly."""
    of = recipe(dataset=Ingredient(f"{HERE}:Slow", {"log": str(log)}), steps=10_000)
    return group(of, MEMBERS, "lanes", streamed=True)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """A file of who has read which item."""
    yield tmp_path / "log"


def test_what_fetches_ends_with_the_unit_that_is_stopped(log: Path) -> None:
    def stop(_fraction: float, _best: float | None) -> None:
        raise Stopped("a test")

    with registry.load("executor", "workers")() as executor, pytest.raises(Stopped):
        list(executor.run(slow(log), stop))
    assert wait_for(lambda: all(map(gone, readers_of(log))))


COORDINATOR = """
import sys
from pathlib import Path
from bsx import registry
from tests.contracts.test_streams import slow

if __name__ == "__main__":
    with registry.load("executor", "workers")() as executor:
        for _ in executor.run(slow(Path(sys.argv[1])), lambda fraction, best: None):
            pass
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_fetches_ends_with_a_coordinator_that_is_killed(log: Path, tmp_path: Path) -> None:
    script = tmp_path / "coordinator.py"
    script.write_text(COORDINATOR)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    coordinator = subprocess.Popen([sys.executable, str(script), str(log)], env=environment)
    try:
        assert wait_for(lambda: len(readers_of(log)) > 1)
    finally:
        coordinator.send_signal(signal.SIGKILL)
        coordinator.wait()
    assert wait_for(lambda: all(map(gone, readers_of(log))))


LARGE = """
import resource, sys
from pathlib import Path
from bsx.schema import Ingredient
from tests.data.streams import HERE
from tests.train_setup import group, recipe, trained


def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def large(samples, streamed):
    of = recipe(
        dataset=Ingredient(f"{HERE}:Large", {"samples": samples}),
        model=Ingredient("logistic"),
        steps=4,
    )
    return trained(group(of, [(1e-6, 0)], "loop", streamed=streamed))


large(30, True)  # what is imported and set up once is no part of what samples take
before = status("VmHWM:")
most = status("VmData:") + 450 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (most, most))
[record] = large(600, sys.argv[1] == "stream")
print(record.status, len(record.curve), (status("VmHWM:") - before) // 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits as of Linux")
def test_data_larger_than_the_memory_that_is_allowed_are_trained_on() -> None:
    """900 MB of samples, in a process that may take half of that."""

    def trying(how: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-c", LARGE, how], env=environment, capture_output=True, text=True
        )

    held = trying("hold")
    assert held.returncode != 0
    assert "can't allocate memory" in held.stderr
    streamed = trying("stream")
    assert streamed.returncode == 0, streamed.stderr
    status, points, peak = streamed.stdout.split()
    assert (status, points) == ("completed", "4")
    assert int(peak) < 450
