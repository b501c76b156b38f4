"""Memory that runs out, and processes that native code ends: recorded, and the sweep goes on."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bsx.store import Store
from tests.faults.processes import BSX, attempts, environment
from tests.here import Shell, here

__all__ = ["here"]

# What happens to a batch in training; what is timed and calibrated beforehand is training, too.
MODEL = """
import ctypes, math, os
import torch
from torch import nn

class Own(nn.Module):
    def __init__(self, input_shape, output_size):
        super().__init__()
        self.layer = nn.Linear(math.prod(input_shape), output_size)

    def forward(self, x):
        if self.training:
            {happens}
        return self.layer(x.flatten(1))
"""
CUDA = """if len(x) >= 24:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")"""
MUCH = "torch.empty(len(x), 25 * 2**20)"  # 100 MB a sample
TOUCHED = "torch.ones(len(x), 8 * 2**20)"  # 32 MB a sample, which the system must give
SEGFAULT = """if len(x) == 16:
                ctypes.string_at(0)"""
SWEEP = ["sweep", "--model", "own.py:Own", "--learning-rate", "0.05", "--seeds", "2", "--steps",
         "6", "--engine", "loop", "--threads", "1", "--workers", "1"]  # fmt: skip


def model(folder: Path, happens: str) -> Path:
    """Write a model into a folder."""
    (folder / "own.py").write_text(MODEL.format(happens=happens))
    return folder


def statuses(document: dict[str, Any]) -> dict[int, str]:
    """How each batch size fared."""
    return {row["batch_size"]: row["status"] for row in document["batch_sizes"]}


def swept(
    folder: Path, *args: str, limit: int | None = None, prefix: tuple[str, ...] = ()
) -> tuple[int, dict[str, Any], str]:
    """Run a sweep as a process, of so much address space at most."""

    def narrow() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = subprocess.run(
        [*prefix, *BSX, *SWEEP, *args, "--format", "json"], cwd=folder, env=environment(),
        capture_output=True, text=True, timeout=600, preexec_fn=narrow,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_on_a_device_that_is_full_larger_sizes_are_recorded_and_smaller_passes_train_them(
    here: Shell,
) -> None:
    model(here.folder, CUDA)
    sizes = (*SWEEP, "--executor", "inline", "--batch-sizes", "8,24,32", "--format", "json")
    code, out, err = here.bsx(*sizes)
    assert (code, statuses(json.loads(out))) == (
        0, {8: "ok", 24: "out_of_memory", 32: "out_of_memory"},
    )  # fmt: skip
    said = err.splitlines()
    once = "batch size 24: OutOfMemoryError: CUDA out of memory"
    assert sum(line.startswith(once) for line in said) == 1
    assert sum("Larger batch sizes are not tried" in line for line in said) == 1
    assert "Traceback" not in err
    assert here.bsx(*sizes)[1] == out  # settled: the same command trains nothing

    code, out, err = here.bsx(*sizes, "--allow-accumulation")
    document = json.loads(out)
    assert (code, set(statuses(document).values())) == (0, {"ok"})
    assert "in passes of 12, their gradients accumulated" in err
    found = [c["batch_size"] for c in document["cautions"] if c["code"] == "accumulated"]
    assert found == [24, 32]
    code, out, _ = here.bsx(*sizes, "--micro-batch-size", "12", "--store", "asked-for")
    for row, asked_for in zip(document["batch_sizes"], json.loads(out)["batch_sizes"], strict=True):
        if row["batch_size"] > 8:
            assert row["final"] == asked_for["final"]  # to the bit, as if it had been asked for


@pytest.mark.slow
def test_where_address_space_ends_the_size_is_recorded_and_the_sweep_goes_on(
    tmp_path: Path,
) -> None:
    model(tmp_path, MUCH)
    sizes = ("--batch-sizes", "4,64,128")
    code, document, err = swept(tmp_path, *sizes, limit=5 * 2**30)
    assert (code, statuses(document)) == (
        0, {4: "ok", 64: "out_of_memory", 128: "out_of_memory"},
    ), err  # fmt: skip
    assert "Larger batch sizes are not tried" in err


@pytest.mark.slow
def test_a_model_that_crashes_takes_down_its_own_attempts_only(tmp_path: Path) -> None:
    model(tmp_path, SEGFAULT)
    code, document, err = swept(tmp_path, "--batch-sizes", "8,16,32")
    assert (code, statuses(document)) == (5, {8: "ok", 16: "failed", 32: "ok"})
    lines = [line for line in err.splitlines() if line.startswith("batch size 16: the worker")]
    assert ["SIGSEGV (a segmentation fault" in line for line in lines] == [True, True]
    assert [line.endswith("; trying again") for line in lines] == [True, False]
    outcomes: dict[str, list[str | None]] = {}
    for known_by, outcome in attempts(tmp_path / "bsx-runs"):
        outcomes.setdefault(known_by, []).append(outcome)
    assert max(map(len, outcomes.values())) == 2  # bounded: the group, and its speed


def _removed(group: Path) -> None:
    """Remove a control group once the last of its processes is gone, which takes a moment."""
    for _ in range(300):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)
    group.rmdir()


@contextlib.contextmanager
def a_group_of(megabytes: int) -> Iterator[Path]:
    """Make a control group that holds so much memory, or skip the test."""
    for root, name in ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
                       (Path("/sys/fs/cgroup"), "memory.max")):  # fmt: skip
        made = root / f"bsx-test-{os.getpid()}"
        try:
            made.mkdir()
        except OSError:
            continue
        try:
            (made / name).write_text(str(megabytes * 2**20))
            with contextlib.suppress(OSError):
                (made / "memory.swap.max").write_text("0")
            yield made
        finally:
            _removed(made)
        return
    pytest.skip("no control group can be made here")


@pytest.mark.slow
def test_what_the_kernel_kills_for_want_of_memory_is_told_from_other_kills(tmp_path: Path) -> None:
    model(tmp_path, TOUCHED)
    with a_group_of(2000) as group:
        enter = f'echo $$ > {group}/cgroup.procs; exec "$@"'
        code, document, err = swept(
            tmp_path, "--batch-sizes", "4,128,256", prefix=("sh", "-c", enter, "sh")
        )
    assert (code, statuses(document)) == (
        0, {4: "ok", 128: "out_of_memory", 256: "out_of_memory"},
    ), err  # fmt: skip
    assert "SIGKILL (the system killed it because memory ran out)" in err
    with Store(tmp_path / "bsx-runs") as store:
        assert "failed" not in [outcome for _, outcome in store.attempts()]
