"""Box maximum and top eigenvalue, against bowls of which both are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bsx.data.synthetic import curvatures
from bsx.measure import sharpness
from bsx.measure.sharpness import LossSurface, box_maximum, top_eigenvalue
from bsx.schema import Ingredient
from bsx.train.observers import undisturbed
from bsx.train.session import Session
from tests import train_setup
from tests.measure import frozen

Array = NDArray[np.float64]


def bowl(curvature: Array, center: Array) -> Any:
    """Return ½ Σ h (x − c)² + 1 and its gradient."""

    def of(x: Array) -> tuple[float, Array]:
        return 1 + 0.5 * float(curvature @ (x - center) ** 2), curvature * (x - center)

    return of


@pytest.mark.parametrize("weights", [1, 7, 300])
def test_the_box_maximum_of_a_bowl_is_in_the_corner_farthest_from_its_bottom(weights: int) -> None:
    rng = np.random.default_rng(weights)
    curvature, at = rng.uniform(0.1, 5, weights), rng.standard_normal(weights)
    center = at + rng.choice([-1, 1], weights) * 0.1
    reach = 0.01 * (np.abs(at) + 1)
    start, _ = bowl(curvature, center)(at)
    most = 1 + 0.5 * float(curvature @ (np.abs(at - center) + reach) ** 2)
    found = box_maximum(bowl(curvature, center), at, epsilon=0.01)
    assert found == pytest.approx(100 * (most - start) / (1 + start), rel=1e-6)


def test_what_is_not_finite_is_no_maximum() -> None:
    def cliff(x: Array) -> tuple[float, Array]:
        over = bool(x[0] > 0.0005)
        return (np.inf if over else 1 + float(x[0])), np.ones(1)

    found = box_maximum(cliff, np.zeros(1))
    assert found is not None and 0 <= found < 100
    assert box_maximum(lambda x: (np.nan, x), np.zeros(1)) is None


@pytest.mark.parametrize("weights", [1, 2, 39, 41, 200])
def test_the_top_eigenvalue_is_the_largest_not_the_one_of_largest_size(weights: int) -> None:
    rng = np.random.default_rng(weights)
    basis, _ = np.linalg.qr(rng.standard_normal((weights, weights)))
    values = np.concatenate([[-50.0], rng.uniform(-1, 3, weights - 1)])[:weights]
    matrix = basis @ np.diag(values) @ basis.T
    found = top_eigenvalue(lambda v: matrix @ np.asarray(v).ravel(), weights)
    assert found == pytest.approx(values.max(), rel=2e-3)


def test_a_model_without_second_derivatives_has_no_eigenvalue() -> None:
    def product(_: Array) -> Array:
        raise RuntimeError("the derivative for 'aten::some_backward' is not implemented.")

    assert top_eigenvalue(product, 100) is None
    with pytest.raises(RuntimeError, match="memory"):
        top_eigenvalue(lambda _: (_ for _ in ()).throw(RuntimeError("memory")), 100)


def quadratic(dimensions: int, **changes: Any) -> Session:
    data = {"samples": 3000, "dimensions": dimensions, "condition": 10}
    of = train_setup.recipe(
        dataset=Ingredient("quadratic", data), model=Ingredient("quadratic", {"start": 0.5}),
        task="regression", **changes,
    )  # fmt: skip
    return Session(frozen.unit(of))


@pytest.mark.parametrize("dimensions", [4, 64])
def test_the_quadratic_sweep_has_the_hessian_it_was_made_with(dimensions: int) -> None:
    """Loss ½ Σ h (θ − x)²: the Hessian is diag(h), whose largest entry is 1."""
    session = quadratic(dimensions)
    surface = LossSurface(session, session.model(0))
    here = surface.here()
    product = surface.curvature(here)
    h = curvatures(dimensions, 10)
    for axis in (0, dimensions - 1):
        unit = np.eye(dimensions)[axis]
        assert product(unit) == pytest.approx(h * unit, rel=1e-4, abs=1e-5)
    assert top_eigenvalue(product, dimensions) == pytest.approx(1.0, rel=2e-3)


def test_the_quadratic_sweep_has_the_box_maximum_one_computes_by_hand() -> None:
    session = quadratic(6)
    surface = LossSurface(session, session.model(0))
    part = session.train.at_most(sharpness.SAMPLES)
    inputs, targets = next(iter(part.chunks(len(part))))
    points = (targets / inputs).double().numpy()  # the x_i
    h, at = curvatures(6, 10), np.full(6, 0.5)

    def loss(theta: Array) -> float:
        return float((0.5 * h * (theta - points) ** 2).sum(1).mean())

    reach = sharpness.EPSILON * (np.abs(at) + 1)
    corner = at + reach * np.sign(at - points.mean(0))
    exact = 100 * (loss(corner) - loss(at)) / (1 + loss(at))
    found = box_maximum(surface.loss_and_gradient, surface.here())
    assert found == pytest.approx(exact, rel=1e-3)


def test_the_surface_is_the_mean_loss_in_evaluation_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharpness, "_CHUNK", 7)
    model = Ingredient("mlp", {"hidden": 8, "norm": "batch", "dropout": 0.5})
    session = Session(frozen.unit(train_setup.recipe(model=model)))
    built = session.model(0)
    surface = LossSurface(session, built)
    inputs, targets = frozen.everything(session)
    assert len(inputs) <= sharpness.SAMPLES
    loss = session.task.loss(built.eval()(inputs), targets)
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(built.parameters()))])
    value, found = surface.loss_and_gradient(surface.here())
    assert value == pytest.approx(loss.item(), rel=1e-5)
    assert found == pytest.approx(gradient.double().numpy(), rel=1e-3, abs=1e-5)


def test_the_curvature_of_a_network_is_the_hessian_that_torch_finds() -> None:
    session = Session(frozen.unit(train_setup.recipe(
        model=Ingredient("mlp", {"hidden": 3, "activation": "tanh"}))))  # fmt: skip
    built = session.model(0)
    surface = LossSurface(session, built)
    inputs, targets = frozen.everything(session)
    names = [name for name, _ in built.named_parameters()]
    sizes = [p.numel() for p in built.parameters()]
    shapes = [p.shape for p in built.parameters()]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        pieces = [p.view(s) for p, s in zip(flat.split(sizes), shapes, strict=True)]
        named = dict(zip(names, pieces, strict=True))
        return session.task.loss(torch.func.functional_call(built, named, (inputs,)), targets)

    flat = torch.cat([p.detach().flatten() for p in built.parameters()])
    exact = torch.stack([
        torch.func.vjp(torch.func.grad(loss), flat)[1](unit)[0] for unit in torch.eye(len(flat))
    ]).double()  # fmt: skip
    columns = np.stack([surface.curvature(surface.here())(unit) for unit in np.eye(len(flat))])
    assert columns == pytest.approx(exact.numpy(), rel=1e-3, abs=1e-5)
    with undisturbed(built):
        found = top_eigenvalue(surface.curvature(surface.here()), len(flat))
    assert found == pytest.approx(float(torch.linalg.eigvalsh(exact)[-1]), rel=1e-3)


def test_transformers_have_second_derivatives_too() -> None:
    """Attention is computed by the way that has them."""
    text = Ingredient("tests.measure.test_sharpness:tokens")
    model = Ingredient("transformer", {"width": 8, "layers": 1, "heads": 2})
    of = train_setup.recipe(dataset=text, model=model, task="language-modelling")
    session = Session(frozen.unit(of))
    surface = LossSurface(session, session.model(0))
    here = surface.here()
    assert top_eigenvalue(surface.curvature(here), len(here)) is not None


def tokens() -> Any:
    """Random text of four letters."""
    from bsx.data import Dataset

    rows = torch.randint(4, (60, 9), generator=torch.Generator().manual_seed(0))
    return Dataset(rows[:, :-1], rows[:, 1:], task="language-modelling", output_size=4)
