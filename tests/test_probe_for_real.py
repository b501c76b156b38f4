"""``bsx probe`` with real children on real data: what it measures, holds and leaves alone."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bsx import plan, registry
from bsx.config import read_sweep
from bsx.execute.base import Executor
from bsx.facts import describe_machine, look
from bsx.probe import Prober
from bsx.render.progress import QuietProgress
from bsx.schema import Facts, MemoryRecord, Probe, RunStatus, SweepConfig
from tests.here import Shell, here, numbers
from tests.probes import MODELS, SAMPLE

__all__ = ["here"]  # a fixture

QUICK = ["--threads", "1", "--max", "6"]


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time each size in one round."""
    monkeypatch.setattr("bsx.probe.ROUNDS", 1)


@pytest.fixture
def workers() -> Iterator[Executor]:
    """The executor that a probe uses."""
    with registry.load("executor", "workers")() as executor:
        yield executor


def asked(model: str, folder: Path) -> tuple[SweepConfig, Facts]:
    """Return a probe of one of the models whose needs are known."""
    (folder / "models.py").write_text(MODELS, encoding="utf-8")
    config, _ = read_sweep({"model": f"{folder / 'models.py'}:{model}", "threads": "1"}, {}, None)
    return config, look(config)


def attempted(size: int, limit: int | None, to: tuple[SweepConfig, Facts], by: Executor) -> Any:
    """Return the record of one size under a limit."""
    unit = plan.memory_unit(plan.probe_recipe(*to, size), to[1], limit)
    ((record,),) = by.run(unit, lambda *_: None)
    assert isinstance(record, MemoryRecord)
    return record


def probed(to: tuple[SweepConfig, Facts], by: Executor, **changes: Any) -> Probe:
    """Run a probe."""
    config, facts = to
    given = {"limit_bytes": None, "limit_source": "user", "most": None, **changes}
    machine = describe_machine("cpu")
    return Prober(config, facts, machine, by, QuietProgress(), **given).run()


@pytest.mark.usefixtures("once")
def test_the_document_says_what_was_measured_and_is_what_is_saved(here: Shell) -> None:
    code, out, err = here.bsx("probe", *QUICK, "--save", "speed.json", "--format", "json")
    assert code == 0, err
    document = json.loads(out)
    assert document == json.loads(Path("speed.json").read_text(encoding="utf-8"))
    assert all(map(math.isfinite, numbers(document)))
    assert (document["largest"], document["stopped_by"]) == (6, "max")
    assert [row["batch_size"] for row in document["batch_sizes"]] == [1, 2, 4, 6]
    for row in document["batch_sizes"]:
        assert row["status"] == "ok"
        assert len(row["step_seconds_draws"]) == 14
        assert 0 < row["speed"]["step_seconds"]["value"] < 60
        assert 2**24 < row["peak_memory_bytes"]["value"] < document["limit_bytes"]
        assert 0 < row["share_of_best"] <= 1
    assert document["step_model"]["alpha"]["value"] > 0
    code, out, err = here.bsx("probe", *QUICK, "--get", "largest", "--quiet")
    assert (code, out, err) == (0, "6\n", "")


def random_state() -> tuple[Any, ...]:
    """Return the state of every generator that this process shares with its user."""
    return random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()


@pytest.mark.usefixtures("once")
def test_the_random_state_of_the_caller_is_left_alone(here: Shell) -> None:
    torch.manual_seed(1)
    before = random_state()
    code, _, err = here.bsx("probe", "--threads", "1", "--max", "1")
    assert code == 0, err
    assert random_state() == before


@pytest.mark.usefixtures("once")
def test_batchnorm_is_probed_from_two_samples_on(here: Shell) -> None:
    args = ("--model-arg", "norm=batch", "--threads", "1", "--max", "3", "--format", "jsonl")
    code, out, err = here.bsx("probe", *args)
    assert code == 0, err
    assert [json.loads(line)["batch_size"] for line in out.splitlines()] == [2, 3]


@pytest.mark.usefixtures("once")
def test_the_largest_that_fits_is_the_exhaustive_truth(tmp_path: Path, workers: Executor) -> None:
    to = asked("Large", tmp_path)
    at_eight = attempted(8, None, to, workers)
    at_twelve = attempted(12, None, to, workers)
    assert at_twelve.peak_memory_bytes - at_eight.peak_memory_bytes == pytest.approx(
        4 * SAMPLE, rel=0.05
    )
    limit = at_twelve.peak_memory_bytes + SAMPLE + SAMPLE // 2
    tried = {size: attempted(size, limit, to, workers) for size in range(9, 18)}
    fitting = [size for size, record in tried.items() if record.status is RunStatus.COMPLETED]
    found = probed(to, workers, limit_bytes=limit)
    assert found.largest == max(fitting) == 13
    assert found.stopped_by == "memory"
    assert max(size.batch_size for size in found.timed) == 13


def test_a_size_far_above_the_limit_cannot_take_the_machine_along(
    tmp_path: Path, workers: Executor
) -> None:
    found = probed(asked("Large", tmp_path), workers, limit_bytes=2**28)  # torch takes more
    (only,) = found.sizes
    assert (only.status, found.largest) == ("out_of_memory", None)
    with pytest.raises(Exception, match="memory") as raised:
        attempted(1000, 2**29, asked("Large", tmp_path), workers)  # 12 GB
    assert getattr(raised.value, "out_of_memory", False)


@pytest.mark.usefixtures("once")
def test_a_child_that_is_killed_is_out_of_memory(tmp_path: Path, workers: Executor) -> None:
    found = probed(asked("Killed", tmp_path), workers, most=8)
    assert (found.largest, found.stopped_by) == (2, "memory")
    assert {s.batch_size: s.status for s in found.sizes}[4] == "out_of_memory"


@pytest.mark.usefixtures("once")
def test_a_size_that_fails_ends_with_the_exit_code_of_units_that_failed(here: Shell) -> None:
    Path("models.py").write_text(MODELS, encoding="utf-8")
    code, out, err = here.bsx("probe", "--model", "models.py:Fails", *QUICK)
    assert code == 5, err
    assert "The largest batch size that runs is 3" in out
    assert "4 fails with ValueError: no 4 samples" in out


def test_where_nothing_fits_the_program_ends_well_and_get_finds_nothing(here: Shell) -> None:
    args = ("probe", "--threads", "1", "--max-memory", "100MiB")
    code, out, err = here.bsx(*args)
    assert code == 0, err
    assert "Nothing fits: batch size 1 already needs" in out
    assert "the 100 MiB of --max-memory" in " ".join(out.split())
    code, out, err = here.bsx(*args, "--get", "largest")
    assert (code, out) == (1, "")
    assert "--get largest: there is no value" in err
