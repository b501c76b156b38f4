"""The energy of a step, where the device counts it: all of it that needs no GPU."""

from __future__ import annotations

import math
from itertools import count
from typing import Any

import pytest
import torch

from bsx.measure.energy import DRAWS, counter, counter_of, joules_per_step
from bsx.render.document import speed_of
from bsx.schema import RunStatus, SpeedRecord
from bsx.stats.speeds import speed_summary


def record(**changes: Any) -> SpeedRecord:
    known: dict[str, Any] = {"step_seconds": (0.01, 0.01, 0.011), "peak_memory_bytes": 77}
    return SpeedRecord("unit", 32, "device", RunStatus.COMPLETED, **{**known, **changes})


def test_a_cpu_has_no_counter() -> None:
    assert counter(torch.device("cpu")) is None


def test_where_no_driver_answers_there_is_no_counter_and_no_error() -> None:
    pytest.importorskip("pynvml")
    assert counter_of("GPU-00000000-0000-0000-0000-000000000000") is None


def test_the_energy_of_a_step_is_what_the_counter_moved_on_by_over_its_steps() -> None:
    steps = count()
    taken = [0]
    settled = []

    def step() -> None:
        taken[0] = next(steps) + 1

    found = joules_per_step(
        lambda: 5.0 + 0.25 * taken[0], step, 0.1, lambda: settled.append(taken[0])
    )
    assert found == pytest.approx((0.25,) * DRAWS)
    assert taken[0] == DRAWS * 10  # a second of steps each
    assert len(settled) == 2 * DRAWS  # nothing is left to do whenever the counter is read


def test_a_counter_that_fails_on_the_way_leaves_the_energy_unknown() -> None:
    assert joules_per_step(lambda: math.nan, lambda: None, 1.0, lambda: None) == ()


def test_energy_is_told_by_the_sample_with_the_range_of_its_draws() -> None:
    speed = speed_summary([record(step_joules=(3.2, 3.3, 3.1))], 32, "device", 10)
    assert speed is not None and speed.sample_joules is not None
    found = speed.sample_joules
    assert (found.value, found.low, found.high, found.n) == pytest.approx(
        (0.1, 3.1 / 32, 3.3 / 32, 3)
    )
    document = speed_of(speed)
    assert document is not None and document["sample_joules"]["value"] == pytest.approx(0.1)


def test_what_is_not_counted_is_unknown() -> None:
    speed = speed_summary([record()], 32, "device", 10)
    assert speed is not None and speed.sample_joules is None
    document = speed_of(speed)
    assert document is not None and document["sample_joules"] is None
