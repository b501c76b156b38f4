"""What is measured on the way of a run leaves the run as it was, to the bit."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bsx.arithmetic import evaluation_steps
from bsx.measure.diagnostics import measure
from bsx.measure.gradient_noise import noise_draws
from bsx.measure.gradients import directions
from bsx.measure.sharpness import LossSurface, box_maximum, top_eigenvalue
from bsx.schema import MEASURES, DiagnosticRecord, Ingredient, RunRecord, Sampling, Training
from bsx.train.keeper import Keeper
from bsx.train.loop import train_run
from bsx.train.observers import Observer, log_spaced, thirds, undisturbed, unobserved
from bsx.train.session import Clock, Session
from tests import train_setup
from tests.measure import frozen

WORDY: dict[str, dict[str, Any]] = {
    "dropout": {"model": Ingredient("mlp", {"hidden": 8, "dropout": 0.3})},
    "batch norm": {"model": Ingredient("mlp", {"hidden": 8, "norm": "batch", "dropout": 0.3})},
    "ghost norm": {"model": Ingredient("mlp", {"hidden": 8, "norm": "ghost", "ghost_size": 4})},
    "noise on inputs": {"sampling": Sampling(augment=("noise",))},
    "micro-batches": {"training": Training(micro_batch_size=3, clip_norm=1.0, l2=0.01)},
    "adam": {"optimizer": Ingredient("adam")},
}


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many draws there are is of no matter here."""
    monkeypatch.setattr("bsx.measure.gradient_noise.DRAWS", 2)
    monkeypatch.setattr("bsx.measure.gradient_noise.SAMPLES", 32)
    monkeypatch.setattr("bsx.measure.gradients._MOST", 3)


def learned(record: RunRecord) -> Any:
    """What a run learned, clocks aside."""
    points = [
        (p.step, p.samples_seen, p.train_loss, p.validation_loss, p.metrics) for p in record.curve
    ]
    return record.status, points, record.final, record.stopped_at


def everything_measured(session: Session) -> tuple[Observer, list[int]]:
    """Return an observer that measures all there is, and the steps at which it did."""
    steps: list[int] = []

    def observe(model: nn.Module, step: int, samples_seen: int) -> None:
        if step in (0, 5, session.steps):
            steps.append(step)
            with undisturbed(model):
                random.random(), torch.rand(3)
                noise_draws(session, model, 0, step)
                directions(session, model, (4, 16), 0, step)
                surface = LossSurface(session, model)
                box_maximum(surface.loss_and_gradient, surface.here())
                top_eigenvalue(surface.curvature(surface.here()), len(surface.here()))

    return observe, steps


@pytest.mark.parametrize("changes", WORDY.values(), ids=WORDY)
def test_an_observed_run_is_the_run_that_it_would_be_alone_bit_for_bit(
    changes: dict[str, Any],
) -> None:
    of = train_setup.recipe(steps=12, **changes)
    found = []
    for observed in (False, True):
        session = Session(frozen.unit(of))
        observe, steps = everything_measured(session) if observed else (unobserved, [])
        random.seed(1)
        run = frozen.unit(of).run
        clock = Clock(session.device)
        keeper = Keeper(None, session.steps, lambda *_: None, clock)
        record = train_run(session, run, keeper, clock, observe)
        found.append((learned(record), random.random()))
        assert steps == ([0, 5, 12] if observed else [])
    assert found[0] == found[1]


def measured(measures: tuple[str, ...], **changes: Any) -> dict[str, DiagnosticRecord]:
    unit = frozen.unit(train_setup.recipe(**changes), measures, batch_sizes=(4, 16))
    [records] = measure(unit, lambda *_: None)
    return {record.measure: record for record in records}


def test_a_measurement_is_the_same_whatever_else_is_measured_beside_it() -> None:
    together = measured(MEASURES)
    assert set(together) == set(MEASURES)
    for name in MEASURES:
        alone = measured((name,))[name]
        assert alone.observations == together[name].observations
        assert alone.record_id == together[name].record_id


def test_the_noise_scale_is_measured_from_the_start_to_the_end() -> None:
    record = measured(("noise-scale",))["noise-scale"]
    steps = [seen.step for seen in record.observations]
    assert (steps[0], steps[1], steps[-1]) == (0, 1, 40)
    assert steps == sorted(set(steps))
    assert [seen.samples_seen for seen in record.observations][:2] == [0, 16]


def test_a_run_that_diverges_is_measured_as_far_as_it_comes() -> None:
    of = train_setup.recipe(model=Ingredient("mlp", {"hidden": 8}))
    unit = frozen.unit(of, MEASURES, batch_sizes=(4,), learning_rate=1e20)
    [records] = measure(unit, lambda *_: None)
    for record in records:
        assert record.status == "diverged"
        assert all(seen.step < 40 for seen in record.observations)


@given(st.integers(1, 10**6), st.integers(3, 20))
def test_points_are_evaluated_ones_with_both_ends(total: int, points: int) -> None:
    evaluated = evaluation_steps(total, 1.05)
    for found in (log_spaced(evaluated, points), thirds(evaluated)):
        assert found[0] == 0
        assert found[-1] == total
        assert list(found) == sorted(set(found))
        assert set(found[1:]) <= set(evaluated)
    assert len(log_spaced(evaluated, points)) <= points
    assert len(thirds(evaluated)) <= 3


def test_points_are_evenly_spaced_in_their_log() -> None:
    assert log_spaced(evaluation_steps(1000, 1.05), 5) == (0, 1, 10, 101, 1000)
    assert thirds(evaluation_steps(1000, 1.05)) == (0, 493, 1000)
