"""What every executor keeps to, whatever becomes of a unit."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bsx import registry
from bsx.errors import ConfigError, Stopped
from bsx.execute.base import Executor, UnitError, ran_out_of_memory
from bsx.schema import Cluster, Group, Ingredient, Record
from tests import fakes
from tests.clusters import two_cpus
from tests.train_setup import group, recipe, trained

ON_CLUSTERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("ray", "slurm")]
EXECUTORS = ["inline", "workers", *ON_CLUSTERS]
APART = ["workers", *ON_CLUSTERS]  # those with processes of their own
COORDINATOR = """
import sys
from bsx import registry
from tests import fakes
from tests.contracts.test_executors import fake_unit

if __name__ == "__main__":
    unit = fake_unit("write_pid_and_wait", file=sys.argv[1])
    with registry.load("executor", "workers")() as executor:
        for _ in executor.run(unit, lambda fraction, best: None):
            pass
"""


def silent(_fraction: float, _best: float | None) -> None:
    """Take note of nothing."""


def fake_unit(worker: str, **args: Any) -> Group:
    """Return a unit whose worker is one of the fakes."""
    of = fakes.recipe(model=Ingredient("fake", args))
    module = "fakes" if worker.startswith("train") else "bad_workers"
    return Group(of, ((0.1, 0), (0.1, 1)), f"tests.{module}:{worker}", "cpu", 1, round=0)


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Executor]:
    """Each executor in turn, none of whose children outlives the test."""
    yield from made(request, tmp_path)


@pytest.fixture(params=APART)
def apart(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Executor]:
    """Each executor whose units have processes of their own."""
    yield from made(request, tmp_path)


def made(request: pytest.FixtureRequest, folder: Path) -> Iterator[Executor]:
    """Make the executor of the name that the test is given."""
    if request.param == "ray":
        yield request.getfixturevalue("on_ray")
    else:
        with of_name(request.param, folder) as one:
            yield one
    assert multiprocessing.active_children() == []
    assert list(folder.glob("slurm*")) == []


def of_name(name: str, folder: Path) -> Executor:
    """Return an executor as a sweep asks for it."""
    cluster = Cluster(slurm_cluster="local")
    asked = dataclasses.replace(fakes.config(), hang_seconds=None, cluster=cluster)
    made: Executor = registry.load("executor", name).of(asked, folder)
    return made


@pytest.fixture(scope="module")
def on_ray(ray_cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """One executor for all tests, as for all units of a sweep: an actor imports torch once."""
    with of_name("ray", tmp_path_factory.mktemp("ray")) as one:
        yield one


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """A Ray cluster of two CPUs on this machine, gone before another module starts its own."""
    with two_cpus():
        yield


@pytest.fixture
def workers() -> Iterator[Executor]:
    """The executor with processes of its own."""
    with registry.load("executor", "workers")() as made:
        yield made
    assert multiprocessing.active_children() == []


def gone(pid: int) -> bool:
    """Say whether a process has ended (one that nobody has waited for has ended too)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def wait_for(condition: Callable[[], bool], seconds: float = 240) -> bool:
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_records_come_home_in_the_batches_they_are_stored_in(executor: Executor) -> None:
    together = [len(batch) for batch in executor.run(fake_unit("train"), silent)]
    apart = [len(batch) for batch in executor.run(fake_unit("train_one_by_one"), silent)]
    assert (together, apart) == ([2], [1, 1])


def test_what_comes_home_is_what_was_measured(executor: Executor) -> None:
    unit = fake_unit("train")
    [records] = executor.run(unit, silent)
    [expected] = fakes.train(unit, silent)
    assert list(records) == list(expected)


def test_a_real_unit_gives_the_same_numbers_wherever_it_runs(executor: Executor) -> None:
    unit = group(recipe(), [(0.05, 0), (0.1, 0)], "lanes")
    [records] = executor.run(unit, silent)
    for there, here in zip(records, trained(unit), strict=True):
        assert isinstance(there, type(here))
        assert there.final == here.final
        assert [p.validation_loss for p in there.curve] == [p.validation_loss for p in here.curve]


def test_progress_comes_home(executor: Executor) -> None:
    heard: list[tuple[float, float | None]] = []
    list(executor.run(fake_unit("train"), lambda fraction, best: heard.append((fraction, best))))
    assert heard == [(0.5, fakes.TARGET), (1.0, fakes.TARGET)]


def test_an_exception_is_told_with_its_traceback_and_what_came_before_it_is_good(
    executor: Executor,
) -> None:
    came: list[Sequence[Record]] = []
    with pytest.raises(UnitError) as failed:
        came.extend(executor.run(fake_unit("raise_error"), silent))
    assert failed.value.reason == "ZeroDivisionError: a bug"
    assert "tests/bad_workers.py" in failed.value.detail
    assert not failed.value.out_of_memory
    assert not failed.value.worth_retrying


def test_records_before_a_failure_are_handed_over(executor: Executor) -> None:
    running = executor.run(fake_unit("raise_error"), silent)
    assert len(next(running)) == 1
    with pytest.raises(UnitError):
        next(running)


def test_what_a_person_can_mend_passes_through(executor: Executor) -> None:
    with pytest.raises(ConfigError, match="mend it"):
        list(executor.run(fake_unit("raise_config_error"), silent))


def test_a_worker_that_is_not_there_is_a_config_error(executor: Executor) -> None:
    with pytest.raises(ConfigError, match="no_such_worker"):
        list(executor.run(fake_unit("no_such_worker"), silent))


def test_running_out_of_memory_is_told_apart(executor: Executor) -> None:
    with pytest.raises(UnitError) as failed:
        list(executor.run(fake_unit("run_out_of_memory"), silent))
    assert failed.value.out_of_memory


def test_stopping_ends_the_unit(executor: Executor) -> None:
    def stop(_fraction: float, _best: float | None) -> None:
        raise Stopped("a test")

    with pytest.raises(Stopped):
        list(executor.run(fake_unit("train_one_by_one"), stop))


def test_the_next_unit_runs_after_one_that_failed(executor: Executor) -> None:
    with contextlib.suppress(UnitError):
        list(executor.run(fake_unit("raise_error"), silent))
    assert len(list(executor.run(fake_unit("train"), silent))) == 1


def test_memory_errors_of_torch_are_known() -> None:
    class OutOfMemoryError(RuntimeError):
        pass

    assert ran_out_of_memory(MemoryError())
    assert ran_out_of_memory(OutOfMemoryError("CUDA out of memory"))
    said = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4e18"
    assert ran_out_of_memory(RuntimeError(said))
    assert not ran_out_of_memory(RuntimeError("shapes do not match"))


def test_torch_itself_running_out_of_memory_is_an_outcome() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError) as failed:
        torch.empty(2**60)
    assert ran_out_of_memory(failed.value)


def test_a_worker_that_was_killed_is_worth_another_try(apart: Executor) -> None:
    with pytest.raises(UnitError) as failed:
        list(apart.run(fake_unit("kill_itself"), silent))
    assert "SIGKILL (killed from outside)" in failed.value.reason
    assert failed.value.worth_retrying
    assert failed.value.killed


@pytest.mark.parametrize(
    ("worker", "said"),
    [
        ("segfault", "SIGSEGV (a segmentation fault"),
        ("abort", "SIGABRT (it aborted itself"),
        ("bus_error", "SIGBUS (a bus error"),
    ],
)
def test_what_ended_a_worker_is_told_by_its_meaning(
    workers: Executor, worker: str, said: str
) -> None:
    with pytest.raises(UnitError) as failed:
        list(workers.run(fake_unit(worker), silent))
    assert said in failed.value.reason
    assert failed.value.worth_retrying
    assert not failed.value.out_of_memory
    assert not failed.value.killed


def test_a_worker_that_left_without_a_word_is_a_failure(apart: Executor) -> None:
    with pytest.raises(UnitError) as failed:
        list(apart.run(fake_unit("leave"), silent))
    assert "exit code 7" in failed.value.reason
    assert not failed.value.worth_retrying


def test_the_worker_ends_with_its_unit_even_when_no_one_reads_on(
    apart: Executor, tmp_path: Path
) -> None:
    file = tmp_path / "pid"

    def stop_when_it_works(_fraction: float, _best: float | None) -> None:
        if file.exists():
            raise Stopped("a test")

    with pytest.raises(Stopped):
        list(apart.run(fake_unit("write_pid_and_wait", file=str(file)), stop_when_it_works))
    assert wait_for(lambda: gone(int(file.read_text())))
    running = apart.run(fake_unit("train_one_by_one"), silent)
    next(running)
    running.close()  # type: ignore[attr-defined]


def test_every_unit_has_a_process_of_its_own(workers: Executor, tmp_path: Path) -> None:
    pids = []
    for number in range(2):
        file = tmp_path / f"pid{number}"

        def stop(_fraction: float, _best: float | None) -> None:
            raise Stopped("a test")

        with pytest.raises(Stopped):
            list(workers.run(fake_unit("write_pid_and_wait", file=str(file)), stop))
        pids.append(int(file.read_text()))
    assert len({*pids, os.getpid()}) == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_worker_dies_when_its_coordinator_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    script = tmp_path / "coordinator.py"
    script.write_text(COORDINATOR)
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    coordinator = subprocess.Popen([sys.executable, str(script), str(file)], env=environment)
    try:
        assert wait_for(file.exists)
        assert not gone(int(file.read_text()))
    finally:
        coordinator.send_signal(signal.SIGKILL)
        coordinator.wait()
    assert wait_for(lambda: gone(int(file.read_text())))


def test_units_travel_as_they_are() -> None:
    import pickle

    unit = dataclasses.replace(fake_unit("train"), predicted_seconds=3.0)
    assert pickle.loads(pickle.dumps(unit)) == unit
    assert pickle.loads(pickle.dumps(UnitError("a", "b", out_of_memory=True))).reason == "a"
