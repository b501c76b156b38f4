"""How sharp a minimum is: Keskar's maximum in a box, and the top eigenvalue of the Hessian.

Both are of the mean loss over a fixed subset of the training set, the model in evaluation mode.
Neither is invariant: a network that computes the same with rescaled weights has other values (Dinh
et al. 2017, arXiv:1703.04933). They are diagnostics, to be compared between runs of one model.

References:
    Keskar et al. 2017, arXiv:1609.04836, metric 2.1 in the full space.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from bsx.train.session import Session

EPSILON = 1e-3  # half the side of the box, relative to |weight| + 1
ITERATIONS = 10  # of L-BFGS-B, as in Keskar et al.
SAMPLES = 1000  # of the training set, evenly spaced
_CHUNK = 500  # samples in one pass
_TOLERANCE = 1e-3  # relative, of the eigenvalue
_RESTARTS = 50  # of Lanczos
_SMALL = 40  # weights, below which the whole Hessian is written down

Array = NDArray[np.float64]


class LossSurface:
    """The mean loss over the fixed samples as a function of the trained weights, a flat array.

    It is computed in the weights' own precision, never by autocast.
    """

    def __init__(self, session: Session, model: nn.Module) -> None:
        self._model = model.eval()
        self._task = session.task
        part = session.train.at_most(SAMPLES)
        self._chunks = list(part.chunks(_CHUNK))
        self._count = len(part)
        self._free = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}

    def here(self) -> Array:
        """Return the weights that the model has, shape (weights,)."""
        return _flat(self._free)

    def loss_and_gradient(self, weights: Array) -> tuple[float, Array]:
        """Return the loss and its gradient at ``weights``."""
        at = self._named(weights)
        of = torch.func.grad_and_value(self._loss)
        loss, gradient = 0.0, np.zeros_like(weights)
        for inputs, targets in self._chunks:
            share = len(inputs) / self._count
            each, value = of(at, inputs, targets)
            loss += share * float(value)
            gradient += share * _flat(each)
        return loss, gradient

    def curvature(self, weights: Array) -> Callable[[Array], Array]:
        """Return the Hessian at ``weights`` as what it makes of a vector."""
        at = self._named(weights)

        def product(vector: Array) -> Array:
            along, total = self._named(np.asarray(vector).ravel()), np.zeros_like(weights)
            for inputs, targets in self._chunks:
                gradient = partial(torch.func.grad(self._loss), inputs=inputs, targets=targets)
                pull = torch.func.vjp(gradient, at)[1]
                total += len(inputs) / self._count * _flat(pull(along)[0])
            return total

        return product

    def _loss(self, weights: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):  # the others have no second derivative
            return self._task.loss(functional_call(self._model, weights, (inputs,)), targets)

    def _named(self, weights: Array) -> dict[str, Tensor]:
        pieces = np.split(weights, np.cumsum([p.numel() for p in self._free.values()])[:-1])
        return {
            name: torch.as_tensor(piece, dtype=p.dtype, device=p.device).view(p.shape)
            for (name, p), piece in zip(self._free.items(), pieces, strict=True)
        }


def box_maximum(
    loss_and_gradient: Callable[[Array], tuple[float, Array]],
    weights: Array,
    epsilon: float = EPSILON,
    iterations: int = ITERATIONS,
) -> float | None:
    """Return φ = 100·(max f(x + y) − f(x))/(1 + f(x)) over the box |y_i| ≤ ε(|x_i| + 1).

    The maximum is what so many iterations of L-BFGS-B find from x on, and never below f(x). None
    where f(x) is not finite.
    """
    start, _ = loss_and_gradient(weights)
    if not math.isfinite(start):
        return None
    best = start

    def descended(y: Array) -> tuple[float, Array]:
        nonlocal best
        value, gradient = loss_and_gradient(weights + y)
        if not (math.isfinite(value) and np.isfinite(gradient).all()):
            return math.inf, np.zeros_like(y)
        best = max(best, value)
        return -value, -gradient

    reach = epsilon * (np.abs(weights) + 1)
    optimize.minimize(
        descended,
        np.zeros_like(weights),
        jac=True,
        method="L-BFGS-B",
        bounds=optimize.Bounds(-reach, reach),
        options={"maxiter": iterations, "ftol": 0.0, "gtol": 0.0},
    )
    return 100 * (best - start) / (1 + start)


def top_eigenvalue(product: Callable[[Array], Array], weights: int) -> float | None:
    """Return the largest eigenvalue of a symmetric matrix, given by what it makes of a vector.

    None where Lanczos' iteration does not converge, or the model has no second derivative.
    """
    try:
        if weights <= _SMALL:
            columns = np.stack([product(unit) for unit in np.eye(weights)])
            return _finite(np.linalg.eigvalsh((columns + columns.T) / 2)[-1])
        found = eigsh(
            LinearOperator((weights, weights), matvec=product, dtype=np.float64),
            k=1,
            which="LA",
            tol=_TOLERANCE,
            maxiter=_RESTARTS,
            v0=np.random.default_rng(0).standard_normal(weights),
            return_eigenvectors=False,
        )
    except ArpackNoConvergence:
        return None
    except RuntimeError as error:
        if "derivative" not in str(error):
            raise
        return None
    return _finite(found[0])


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _flat(tensors: dict[str, Tensor]) -> Array:
    joined = torch.cat([tensor.detach().flatten() for tensor in tensors.values()])
    return joined.cpu().double().numpy()
