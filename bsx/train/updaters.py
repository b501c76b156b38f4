"""How torch's own optimizers serve many lanes whose weights are stacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from bsx.models import Stacked
from bsx.optim import build_optimizer, is_elementwise, is_sgd
from bsx.schema import Ingredient, Point, rate_of, tuned_of


class Updater(Protocol):
    """Takes the optimizer's step in every lane.

    Attributes:
        carry: what the model's gradients keep of themselves from one step to the next.
        weights: the number that each lane's loss is multiplied by, shape (lanes,), or (1,) for all.
    """

    carry: float
    weights: Tensor

    def scale_rates(self, factor: float) -> None:
        """Set each lane's learning rate to ``factor`` times its own, for the steps to come."""
        ...

    def begin(self) -> None:
        """Be told that the gradients are about to change."""
        ...

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Update every lane from the gradients of the stacked parameters."""
        ...

    def keeping(self, model: Stacked, kept: Sequence[int]) -> Updater:
        """Return an updater of the shorter ``model``, with the history of the lanes it keeps."""
        ...

    def state(self) -> list[dict[str, Any]]:
        """Return its history, beside what the model's gradients are."""
        ...

    def restore(self, state: Sequence[dict[str, Any]]) -> None:
        """Go on from a history that :meth:`state` returned."""
        ...


def build_updater(
    optimizer: Ingredient, model: Stacked, points: Sequence[Point], *, grid: bool = False
) -> Updater:
    """Return an updater of ``model``, whose lanes have these learning rates.

    A trial in place of a rate has numbers of its own for ``optimizer`` beside it. ``grid``: it
    :func:`takes_a_grid`, and gradients come to it as they are.
    """
    if grid:
        return DescentUpdater(optimizer, model, points)
    if is_elementwise(optimizer.name):
        return TogetherUpdater(optimizer, model, points)
    return ApartUpdater.of(optimizer, model, points)


def takes_a_grid(optimizer: Ingredient) -> bool:
    """Say whether lanes of several rates may lie mixed in one tensor: under gradient descent."""
    return is_sgd(optimizer.name) and optimizer.args.keys() <= {
        "momentum",
        "nesterov",
        "weight_decay",
    }


class DescentUpdater:
    """Gradient descent with momentum, of all lanes at once.

    A lane's rate multiplies its loss, so that one update serves every rate; and its momentum is
    what the gradients keep of themselves, so that no other history is read or written. Momenta of
    their own are what lanes let go before the gradients are added to.
    """

    def __init__(self, optimizer: Ingredient, model: Stacked, points: Sequence[Point]) -> None:
        self._ingredient = optimizer
        self._model = model
        self._points = tuple(points)
        self._nesterov = bool(optimizer.args.get("nesterov"))
        self._factor = 1.0
        self._before: list[Tensor] = []
        first = model.parameters[0]

        def of_lanes(name: str) -> Tensor:
            numbers = [{**optimizer.args, **tuned_of(p)}.get(name) or 0.0 for p in points]
            return torch.tensor(numbers, dtype=first.dtype, device=first.device)

        own = torch.tensor([rate_of(p) for p in points], dtype=first.dtype, device=first.device)
        self.weights = own
        decay = of_lanes("weight_decay")
        self._decay = model.spread(decay * own) if decay.any() else None
        apart = any("momentum" in tuned_of(point) for point in points)
        self._momenta = model.spread(of_lanes("momentum")) if apart else None
        self.carry = 1.0 if apart else float(optimizer.args.get("momentum") or 0.0)

    def scale_rates(self, factor: float) -> None:
        """Set each lane's learning rate to ``factor`` times its own, for the steps to come."""
        self._factor = factor

    def begin(self) -> None:
        """Take lanes' own momenta; Nesterov's step looks at the momentum before and after."""
        if self._momenta is not None:
            for gradient, momentum in zip(self._model.gradients, self._momenta, strict=True):
                gradient.mul_(momentum)
        if self._nesterov:
            self._before = [gradient.clone() for gradient in self._model.gradients]

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Update every lane from ``gradients``, which hold rate · momentum."""
        parameters = self._model.parameters
        if self._decay is not None:
            for gradient, parameter, decay in zip(gradients, parameters, self._decay, strict=True):
                gradient.addcmul_(parameter, decay)
        if self._nesterov:
            self._step_ahead(parameters, gradients)
            return
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.add_(gradient, alpha=-self._factor)

    def _step_ahead(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        """Take Nesterov's step, g + μ·v of the new v = μ·v₀ + g: (1 + μ)·v − μ·v₀."""
        each = enumerate(zip(parameters, gradients, self._before, strict=True))
        for number, (parameter, gradient, before) in each:
            if self._momenta is None:
                parameter.add_(gradient, alpha=-self._factor * (1.0 + self.carry))
                parameter.add_(before, alpha=self._factor * self.carry)
            else:  # what is kept of the gradient is taken already
                parameter.addcmul_(gradient, 1.0 + self._momenta[number], value=-self._factor)
                parameter.add_(before, alpha=self._factor)

    def keeping(self, model: Stacked, kept: Sequence[int]) -> DescentUpdater:
        """Return an updater of the shorter ``model``, whose gradients are the history."""
        after = DescentUpdater(self._ingredient, model, [self._points[lane] for lane in kept])
        after.scale_rates(self._factor)
        return after

    def state(self) -> list[dict[str, Any]]:
        """Return nothing: the history is the gradients."""
        return []

    def restore(self, state: Sequence[dict[str, Any]]) -> None:
        """Nothing to be done."""


class TogetherUpdater:
    """One optimizer over slices of the stacked parameters, for those that work elementwise.

    Lanes of one learning rate, or trial, that lie side by side are one parameter to it.
    """

    carry: float = 0.0

    def __init__(self, optimizer: Ingredient, model: Stacked, points: Sequence[Point]) -> None:
        self._ingredient = optimizer
        self._points = tuple(points)
        self._slices = _runs_of_equal(points)
        self._views = [[p[part] for p in model.parameters] for part in self._slices]
        groups = [
            {"params": views, "lr": rate_of(point), **tuned_of(point)}
            for part, views in zip(self._slices, self._views, strict=True)
            for point in [points[part.start]]
        ]
        self._optimizer = build_optimizer(
            optimizer.name, optimizer.args, groups, lr=rate_of(points[0]), for_lanes=True
        )
        self.weights = model.parameters[0].new_ones(1)

    def scale_rates(self, factor: float) -> None:
        """Set each lane's learning rate to ``factor`` times its own, for the steps to come."""
        for part, group in zip(self._slices, self._optimizer.param_groups, strict=True):
            group["lr"] = rate_of(self._points[part.start]) * factor

    def begin(self) -> None:
        """Nothing to be done."""

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Update every lane from the gradients of the stacked parameters."""
        # torch's fused kernels read memory in order, whatever the strides say.
        gradients = [gradient.contiguous() for gradient in gradients]
        for part, views in zip(self._slices, self._views, strict=True):
            for view, gradient in zip(views, gradients, strict=True):
                view.grad = gradient[part]
        self._optimizer.step()

    def keeping(self, model: Stacked, kept: Sequence[int]) -> TogetherUpdater:
        """Return an updater of the shorter ``model``, with the history of the lanes it keeps."""
        points = [self._points[lane] for lane in kept]
        after = TogetherUpdater(self._ingredient, model, points)
        for part, views in zip(after._slices, after._views, strict=True):
            for number, view in enumerate(views):
                after._optimizer.state[view] = self._history(number, kept[part])
        return after

    def state(self) -> list[dict[str, Any]]:
        """Return the optimizer's state."""
        return [self._optimizer.state_dict()]

    def restore(self, state: Sequence[dict[str, Any]]) -> None:
        """Give the optimizer its state back."""
        self._optimizer.load_state_dict(state[0])

    def _history(self, number: int, lanes: Sequence[int]) -> dict[str, Any]:
        """The optimizer's state of parameter ``number`` in ``lanes``, which may come from
        several slices: those beside a dropped lane may be of one rate."""
        found = []
        for lane in lanes:
            at = next(i for i, part in enumerate(self._slices) if part.start <= lane < part.stop)
            view = self._views[at][number]
            found.append((self._optimizer.state.get(view, {}), view, lane - self._slices[at].start))
        first, view, _ = found[0]
        return {
            key: torch.stack([state[key][row] for state, _, row in found])
            if isinstance(value, Tensor) and value.shape == view.shape
            else value  # a count of steps, common to all
            for key, value in first.items()
        }


class ApartUpdater:
    """An optimizer of its own for each lane, which sees tensors as the single model has them."""

    carry: float = 0.0

    def __init__(
        self,
        model: Stacked,
        optimizers: Sequence[torch.optim.Optimizer],
        views: Sequence[Sequence[Tensor]],
        rates: Sequence[float],
    ) -> None:
        self._rates = tuple(rates)
        self._optimizers = optimizers
        self._views = views
        self._model = model
        self.weights = model.parameters[0].new_ones(1)

    @classmethod
    def of(cls, optimizer: Ingredient, model: Stacked, points: Sequence[Point]) -> ApartUpdater:
        """Build the optimizer of each lane."""
        views = [model.of_lane(model.parameters, lane) for lane in range(len(points))]
        rates = [rate_of(point) for point in points]
        args = [{**optimizer.args, **tuned_of(point)} for point in points]
        optimizers = [
            build_optimizer(optimizer.name, own, list(params), lr=rate, for_lanes=True)
            for own, params, rate in zip(args, views, rates, strict=True)
        ]
        return cls(model, optimizers, views, rates)

    def scale_rates(self, factor: float) -> None:
        """Set each lane's learning rate to ``factor`` times its own, for the steps to come."""
        for rate, optimizer in zip(self._rates, self._optimizers, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    def begin(self) -> None:
        """Nothing to be done."""

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Update every lane from the gradients of the stacked parameters."""
        gradients = [gradient.contiguous() for gradient in gradients]
        for lane, optimizer in enumerate(self._optimizers):
            of_lane = self._model.of_lane(gradients, lane)
            for view, gradient in zip(self._views[lane], of_lane, strict=True):
                view.grad = gradient
            optimizer.step()

    def keeping(self, model: Stacked, kept: Sequence[int]) -> ApartUpdater:
        """Return an updater of the shorter ``model``, with the history of the lanes it keeps.

        The optimizers stay, whatever they keep of their own; their parameters are exchanged.
        """
        views = []
        for lane, before in enumerate(kept):
            new = model.of_lane(model.parameters, lane)
            _exchange(self._optimizers[before], self._views[before], new)
            views.append(new)
        rates = [self._rates[lane] for lane in kept]
        return ApartUpdater(model, [self._optimizers[lane] for lane in kept], views, rates)

    def state(self) -> list[dict[str, Any]]:
        """Return the state of each optimizer."""
        return [optimizer.state_dict() for optimizer in self._optimizers]

    def restore(self, state: Sequence[dict[str, Any]]) -> None:
        """Give each optimizer its state back."""
        for optimizer, one in zip(self._optimizers, state, strict=True):
            optimizer.load_state_dict(one)


def _exchange(
    optimizer: torch.optim.Optimizer, old: Sequence[Tensor], new: Sequence[Tensor]
) -> None:
    by_id = {id(a): b for a, b in zip(old, new, strict=True)}
    for group in optimizer.param_groups:
        group["params"] = [by_id[id(p)] for p in group["params"]]
    for a, b in zip(old, new, strict=True):
        if a in optimizer.state:
            optimizer.state[b] = optimizer.state.pop(a)


def _runs_of_equal(points: Sequence[Point]) -> list[slice]:
    """Cut the lanes into stretches of one rate or trial."""
    starts = [lane for lane in range(len(points)) if not lane or points[lane] != points[lane - 1]]
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(points)], strict=True)]
