"""Gradients by batch size, against all that can be enumerated."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from bsx.measure.gradients import directions
from bsx.schema import Ingredient, Training
from bsx.stats.directions import gradients_of
from bsx.train.session import Session
from tests import train_setup
from tests.measure import frozen

DATA = {"samples": 40, "classes": 3, "features": 4, "spread": 2.0}


@pytest.fixture(scope="module")
def small() -> tuple[Session, torch.nn.Module, Tensor]:
    """A logistic regression on 32 samples, and the gradients of all of them."""
    session = Session(frozen.unit(train_setup.recipe(dataset=Ingredient("blobs", DATA))))
    model = session.model(0)
    return session, model, frozen.sample_gradients(model, *frozen.everything(session))


def test_the_full_gradient_is_the_mean_over_the_training_set(
    small: tuple[Session, torch.nn.Module, Tensor],
) -> None:
    session, model, gradients = small
    norm, _ = directions(session, model, (), 0, 0)
    assert norm == pytest.approx(float(gradients.mean(0).norm()), rel=1e-5)


@pytest.mark.parametrize("size", [1, 2])
def test_cosines_and_deviations_have_the_mean_of_all_batches_that_can_be_drawn(
    small: tuple[Session, torch.nn.Module, Tensor], size: int
) -> None:
    session, model, gradients = small
    full = gradients.mean(0)
    rows = list(product(range(len(gradients)), repeat=size))
    batches = gradients[torch.tensor(rows)].mean(1)  # (batches, weights)
    cosine = float((batches @ full / batches.norm(dim=1) / full.norm()).mean())
    deviation = float((batches - full).square().sum(1).mean())
    _, trace = frozen.square_and_trace(gradients)
    assert deviation == pytest.approx(trace / size)
    found = [directions(session, model, (size,), seed, 0)[1][0] for seed in range(8)]
    for name, exact in (("cosines", cosine), ("deviations", deviation)):
        draws = torch.tensor([value for one in found for value in getattr(one, name)]).double()
        error = float(draws.std()) / math.sqrt(len(draws))
        assert abs(float(draws.mean()) - exact) < 4 * error


def test_micro_batches_and_whole_batches_have_the_same_gradients() -> None:
    found = []
    for training in (Training(), Training(micro_batch_size=3)):
        session = Session(frozen.unit(train_setup.recipe(training=training)))
        found.append(directions(session, session.model(0), (4, 16), 0, 0))
    (one, sizes), (other, parts) = found
    assert one == pytest.approx(other, rel=1e-5)
    for a, b in zip(sizes, parts, strict=True):
        assert a.cosines == pytest.approx(b.cosines, rel=1e-4, abs=1e-6)


def test_larger_batches_point_more_nearly_along_the_full_gradient() -> None:
    from bsx.schema import DiagnosticRecord, Observation, Run

    of = frozen.taught_recipe()
    session = Session(frozen.unit(of))
    norm, found = directions(session, frozen.frozen(session), (4, 16, 64, 256), 0, 0)
    seen = (Observation(0, 0, full_norm=norm, directions=found),)
    record = DiagnosticRecord("", Run(of, 0.05, 0), "gradients", "completed", seen)
    gradients = gradients_of(record, frozen.SAMPLES)
    assert gradients is not None
    [point] = gradients.points
    cosines = [d.cosine.value for d in point.directions]
    assert cosines == sorted(cosines)
    power = point.variance_exponent
    assert power is not None and power.value == pytest.approx(-1, abs=0.15)
    assert point.settles_at is not None


def test_where_the_gradient_is_infinite_nothing_is_said() -> None:
    session = Session(frozen.unit(frozen.taught_recipe()))
    model = session.model(1)
    with torch.no_grad():
        next(model.parameters()).fill_(float("inf"))
    assert directions(session, model, (4,), 0, 0) == (None, ())
