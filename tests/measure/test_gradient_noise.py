"""The noise scale as a sweep measures it: against exact ones, for every kind of normalization."""

from __future__ import annotations

import pytest
import torch

from bsx.measure.gradient import has_sample_gradients, mean_gradient, sample_gradients
from bsx.measure.gradient_noise import DRAWS, SAMPLES, noise_draws, part_size
from bsx.schema import Ingredient, NoiseDraws, Training
from bsx.stats.noise_scale import GradientNoise, gradient_noise
from bsx.train.session import Session
from tests import train_setup
from tests.measure import frozen


def estimated(draws: NoiseDraws) -> GradientNoise:
    return gradient_noise(draws.small, draws.big, draws.small_size, draws.big_size)


def covered(session: Session, part: int, repeats: int) -> tuple[int, int]:
    """Return in how many repeats the interval covers the exact noise scale, and is resolved."""
    model = frozen.frozen(session)
    gradients = frozen.sample_gradients(model, *frozen.everything(session))
    square, trace = frozen.square_and_trace(gradients)
    covers = resolved = 0
    for repeat in range(repeats):
        found = estimated(noise_draws(session, model, repeat, 0, part)).noise_scale
        low, high = found.low, found.high
        above, below = low is None or low <= trace / square, high is None or trace / square <= high
        covers += above and below
        resolved += found.value is not None
    return covers, resolved


@pytest.mark.slow
@pytest.mark.parametrize("part", [1, 8])
def test_the_interval_covers_the_exact_noise_scale_in_180_to_198_of_200(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each sample's gradient, and of micro-batches of 8, sixteen a draw."""
    monkeypatch.setattr("bsx.measure.gradient_noise.SAMPLES", 512 if part == 1 else 128)
    covers, resolved = covered(Session(frozen.unit(frozen.taught_recipe())), part, 200)
    assert 180 <= covers <= 198
    assert resolved > 190


def test_the_interval_covers_the_exact_noise_scale_in_most_of_10() -> None:
    covers, resolved = covered(Session(frozen.unit(frozen.taught_recipe())), 1, 10)
    assert covers >= 8
    assert resolved >= 9


def test_a_quadratic_bowl_of_known_noise_is_measured_as_it_is() -> None:
    """Loss ½ Σ h (θ − x)², x of mean 0 and deviation 1: ‖G‖² = Σ h²θ², tr Σ = Σ h²."""
    data = Ingredient("quadratic", {"samples": 5000, "dimensions": 4, "condition": 1})
    bowl = train_setup.recipe(
        dataset=data, model=Ingredient("quadratic", {"start": 0.5}), task="regression"
    )
    session = Session(frozen.unit(bowl))
    found = estimated(noise_draws(session, session.model(0), 0, 0))
    for estimate, exact in ((found.gradient_square, 1.0), (found.covariance_trace, 4.0)):
        assert estimate.value is not None and estimate.high is not None
        half = estimate.high - estimate.value
        assert abs(estimate.value - exact) < 2 * half  # four standard errors
        assert half < 0.1 * exact


def test_samples_gradients_are_what_one_finds_one_by_one() -> None:
    session = Session(frozen.unit(frozen.taught_recipe()))
    model = session.model(1)
    inputs, targets = frozen.everything(session)
    some = inputs[:7], targets[:7]
    assert has_sample_gradients(session, model)
    each = sample_gradients(session, model, *some)
    one_by_one = frozen.sample_gradients(model, *some)
    torch.testing.assert_close(each.double(), one_by_one, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(each.mean(0), mean_gradient(session, model, *some))


@pytest.mark.parametrize(
    ("args", "training", "expected"),
    [
        ({}, {}, 1),
        ({"norm": "layer"}, {}, 1),
        ({"dropout": 0.2}, {}, 1),
        ({"norm": "ghost", "ghost_size": 8}, {}, 8),  # chunks that know nothing of each other
        ({"norm": "batch"}, {}, 16),  # the batch
        ({"norm": "batch"}, {"micro_batch_size": 4}, 4),  # the pass
    ],
)
def test_there_is_a_gradient_of_each_sample_unless_the_batch_is_normalized(
    args: dict[str, object],
    training: dict[str, int],
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Ingredient("mlp", {"hidden": 8, **args})
    of = train_setup.recipe(model=model, training=Training(**training))
    session = Session(frozen.unit(of))
    built = session.model(0)
    assert part_size(session, built) == expected
    monkeypatch.setattr("bsx.measure.gradient_noise.DRAWS", 3)
    draws = noise_draws(session, built, 0, 0)
    assert (draws.small_size, draws.big_size) == (expected, SAMPLES)
    assert len(draws.small) == len(draws.big) == 3
    assert estimated(draws).covariance_trace.value is not None


def test_a_model_that_cannot_be_vectorized_is_measured_by_micro_batches() -> None:
    stubborn = Ingredient("tests.measure.frozen:Stubborn")
    session = Session(frozen.unit(train_setup.recipe(model=stubborn)))
    model = session.model(0)
    assert not has_sample_gradients(session, model)
    draws = noise_draws(session, model, 0, 0)
    assert (draws.small_size, draws.big_size, len(draws.big)) == (8, SAMPLES, DRAWS)


def test_equal_draws_for_equal_questions_and_others_for_others() -> None:
    session = Session(frozen.unit(frozen.taught_recipe()))
    model = session.model(1)
    first = noise_draws(session, model, 0, 5, 1)
    assert noise_draws(session, model, 0, 5, 1) == first
    assert noise_draws(session, model, 0, 6, 1) != first
    assert noise_draws(session, model, 1, 5, 1) != first


def test_draws_that_are_not_finite_are_left_out() -> None:
    session = Session(frozen.unit(frozen.taught_recipe()))
    model = session.model(1)
    with torch.no_grad():
        next(model.parameters()).fill_(float("inf"))
    draws = noise_draws(session, model, 0, 0, 1)
    assert draws.small == draws.big == ()
    assert "no draws" in estimated(draws).noise_scale.method
