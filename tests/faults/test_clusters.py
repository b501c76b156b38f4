"""Clusters that lose workers, jobs that are preempted: nothing is lost, nothing done twice."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bsx.cli.app import run
from bsx.execute.job import _frames
from bsx.store import Store
from tests.clusters import two_cpus
from tests.faults.processes import STORE, attempts, curves, processes, wait_until

pytestmark = pytest.mark.slow

STEPS = 60
# Each step is put down with who takes it; while there is a file `slowly` it takes a while.
_MODEL = """
import math, os, pathlib, time
from torch import nn

class Slow(nn.Module):
    def __init__(self, input_shape, output_size):
        super().__init__()
        self.layer = nn.Linear(math.prod(input_shape), output_size)

    def forward(self, x):
        # the sweep tries a model before it has it trained
        if self.training and str(os.getpid()) != pathlib.Path("sweep").read_text():
            with open(f"steps-{len(x)}", "a") as file:
                file.write(f"{os.getpid()} ")
            if pathlib.Path("slowly").exists():
                pathlib.Path(f"{os.getpid()}").write_text(str(os.getpid()))
                os.replace(f"{os.getpid()}", f"pid-{len(x)}")
                time.sleep(0.1)
        return self.layer(x.flatten(1))
"""
# The loop takes the same bits whatever stands beside; two sizes, a thread each.
ASKED = ["sweep", "--model", "slow.py:Slow", "--batch-sizes", "16,32", "--learning-rate", "0.05",
         "--seeds", "2", "--steps", f"{STEPS}", "--engine", "loop", "--threads", "1",
         "--workers", "2", "--format", "json"]  # fmt: skip
# What a clock says and what follows from it, and what is known of one machine alone.
TIMINGS = ("seconds", "speed", "recommendation", "cautions", "environment", "sweep_id", "config",
           "memory_limit")  # fmt: skip


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """A Ray cluster of two CPUs on this machine."""
    with two_cpus():
        yield


@pytest.fixture(scope="module")
def inline(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the sweep comes to in one process: its document, and its curves."""
    folder = tmp_path_factory.mktemp("inline")
    code, document, err = swept(folder, "--executor", "inline")
    assert code == 0, err
    return document, curves(folder / STORE)


def untimed(document: Any) -> Any:
    """Leave out what a clock says, and what a machine is."""
    if isinstance(document, dict):
        return {k: untimed(v) for k, v in document.items() if k not in TIMINGS}
    if isinstance(document, list):
        return [untimed(one) for one in document]
    return document


def swept(
    folder: Path,
    *args: str,
    during: Callable[[Path], None] | None = None,
    stays_slow: bool = False,
    visits: int = 1,
) -> tuple[int, dict[str, Any], str]:
    """Run the sweep while ``during`` is done beside; return exit code, document and stderr.

    Training is slow until ``during`` is done, or to the end where it ``stays_slow``. Each size is
    visited once to be timed, before training begins: a visit is a job that imports torch first.
    """
    (folder / "slow.py").write_text(_MODEL)
    (folder / "sweep").write_text(str(os.getpid()))
    failed: list[BaseException] = []

    def beside() -> None:
        assert during is not None
        try:
            during(folder)
        except BaseException as error:
            failed.append(error)
        finally:
            if failed or not stays_slow:
                (folder / "slowly").unlink(missing_ok=True)

    thread = threading.Thread(target=beside)
    out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
    os.chdir(folder)
    try:
        if during is not None:
            (folder / "slowly").touch()
            thread.start()
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            patch.setattr("bsx.plan.timing._VISITS", visits)
            code = run([*ASKED, *args])
        if during is not None:
            thread.join()
    finally:
        os.chdir(before)
    assert not failed, (failed, err.getvalue())
    return code, json.loads(out.getvalue()) if code == 0 else {}, err.getvalue()


def training(folder: Path, size: int) -> int:
    """Wait until both sizes train side by side, and return who trains this one."""
    files = {one: folder / f"pid-{one}" for one in (16, 32)}

    def pids() -> dict[int, int]:
        found = {one: int(file.read_text()) for one, file in files.items() if file.exists()}
        both = set(found.values())
        return found if len(both) == 2 and both <= set(processes()) else {}

    wait_until(pids, 900, what="training")
    return pids()[size]


def kill_a_worker(folder: Path) -> None:
    """Kill the process that trains the smaller size."""
    os.kill(training(folder, 16), signal.SIGKILL)


def outcomes(folder: Path) -> list[list[str | None]]:
    """What became of the attempts of each unit."""
    of: dict[str, list[str | None]] = {}
    for unit, outcome in attempts(folder / STORE):
        of.setdefault(unit, []).append(outcome)
    return sorted(of.values(), key=str)


@pytest.mark.parametrize("executor", ["ray", "slurm"])
def test_a_worker_killed_on_a_cluster_is_tried_again_and_the_document_is_that_of_inline(
    executor: str,
    inline: tuple[dict[str, Any], dict[str, Any]],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if executor == "ray":
        request.getfixturevalue("ray_cluster")
    where = ["--executor", executor, *(["--slurm-cluster", "local"] * (executor == "slurm"))]
    code, document, err = swept(tmp_path, *where, during=kill_a_worker)
    assert code == 0, err
    assert err.count("was ended by SIGKILL") == 1
    assert err.count("trying again") == 1
    assert outcomes(tmp_path) == [["done"]] * 3 + [["failed", "done"]]
    assert untimed(document) == untimed(inline[0])
    assert curves(tmp_path / STORE) == inline[1]


def preempt(folder: Path) -> None:
    """Do what Slurm does to a job that it wants the machine of: SIGUSR2, here as submitit's."""
    trains = training(folder, 16)
    [told] = [file for file in folder.glob(f"{STORE}/slurm/*/*/told-0") if _trains(file, trains)]
    [job] = [content for _, (kind, content) in _frames(told.read_bytes(), 0) if kind == "begun"]
    (folder / "preempted").write_text(f"{trains}")
    os.kill(job, signal.SIGUSR2)
    wait_until((told.parent / "told-1").exists, 600, what="the job that is begun anew")


def _trains(file: Path, pid: int) -> bool:
    """Whether the job that tells to this file is the parent of a process."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    frames = [message for _, message in _frames(file.read_bytes(), 0)]
    return ("begun", parent) in frames


def test_a_preempted_job_is_queued_again_and_nothing_is_repeated(
    inline: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    where = ["--executor", "slurm", "--slurm-cluster", "local"]
    code, document, err = swept(tmp_path, *where, during=preempt)
    assert code == 0, err
    assert err.count("is queued again; it goes on by itself") == 1
    assert outcomes(tmp_path) == [["done"]] * 3 + [["requeued", "done"]]
    assert untimed(document) == untimed(inline[0])
    assert curves(tmp_path / STORE) == inline[1]
    steps = Counter((tmp_path / "steps-16").read_text().split())
    preempted = steps[(tmp_path / "preempted").read_text()]
    assert 0 < preempted < 2 * STEPS
    assert preempted in [2 * STEPS - count for count in steps.values()]  # who went on, the rest


@pytest.mark.parametrize("executor", ["ray", "slurm"])
def test_ctrl_c_keeps_what_was_finished_and_leaves_no_process_behind(
    executor: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if executor == "ray":
        request.getfixturevalue("ray_cluster")
    trained: list[int] = []

    def interrupt(folder: Path) -> None:
        trained.append(training(folder, 16))
        taken, who = folder / "steps-16", str(trained[0])  # some steps: there is a state to keep
        wait_until(lambda: taken.read_text().split().count(who) > 5, 120, "some steps")
        os.kill(os.getpid(), signal.SIGINT)

    where = ["--executor", executor, *(["--slurm-cluster", "local"] * (executor == "slurm"))]
    # slow to the end: at its full pace a unit can be done before it hears that it is to stop
    code, _, err = swept(tmp_path, *where, during=interrupt, stays_slow=True, visits=0)
    assert code == 4, err
    assert "Stopped by Ctrl-C" in err
    wait_until(lambda: not Path(f"/proc/{trained[0]}").exists(), 120, "the end of the worker")
    kept = list((tmp_path / STORE / "checkpoints").rglob("*.checkpoint"))
    assert len(kept) >= 1
    assert not list((tmp_path / STORE).glob("slurm/*"))
    with Store(tmp_path / STORE) as store:
        assert store.sweeps()[-1].status == "stopped"
