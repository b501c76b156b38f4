"""Many models of one shape as one, if they are chains of layers that lanes know.

What a model is called does not matter: a ``nn.Sequential`` of such layers stacks, whoever wrote it.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bsx.models import lane_layers as layers
from bsx.models import lane_modules
from bsx.models.lane_cells import LastStates, can_stack_cells
from bsx.models.lane_linear import linear
from bsx.models.lane_vmap import Vectorized
from bsx.models.norms import GhostBatchNorm
from bsx.models.quadratic import Point
from bsx.models.recurrent import LastState

# Applied to (lanes, batch, features) they do to each lane what they do to (batch, features).
_ELEMENTWISE = (
    nn.Identity,
    nn.ReLU,
    nn.LeakyReLU,
    nn.ELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Sigmoid,
    nn.Tanh,
    nn.Softplus,
    nn.Hardtanh,
    nn.ReLU6,
    nn.Dropout,
)
_WEIGHTED = (nn.Linear, nn.BatchNorm1d, GhostBatchNorm, nn.LayerNorm, LastState, Point)


class Stacked:
    """Models of one shape, forward and backward in one pass.

    A chain of layers that lanes know is taken layer by layer, see :func:`can_stack`; any other
    model as a whole, see :func:`bsx.models.lane_obstacle`.

    Args:
        models: one a lane, in the order of a grid of streams × ``width``.
        input_shape: the shape of one sample.
        width: how many neighbouring lanes see the same batches.

    Attributes:
        is_known: whether it is a chain of layers that lanes know.
    """

    def __init__(
        self, models: Sequence[nn.Module], input_shape: tuple[int, ...], width: int = 1
    ) -> None:
        self.lanes, self.width = len(models), width
        self.is_known = can_stack(models[0], input_shape)
        self.layers: list[layers.Layer] = (
            self._by_layer(models, len(input_shape))
            if self.is_known
            else [layers.FanOut(self.lanes, width), layers.ByAutograd(Vectorized(models))]
        )
        weighted = [i for i, layer in enumerate(self.layers) if layer.parameters]
        self._first = weighted[0]

    def _by_layer(self, models: Sequence[nn.Module], dims: int) -> list[layers.Layer]:
        made: list[layers.Layer] = []
        shared = True
        columns = deque(zip(*map(_leaves, models), strict=True))
        while columns:
            column = columns.popleft()
            if shared and type(column[0]) in _WEIGHTED and type(column[0]) is not nn.Linear:
                made.append(layers.FanOut(self.lanes, self.width))
                shared = False
            if type(column[0]) is nn.Linear:
                then = layers.activation(columns[0][0]) if columns else None
                if then is not None:
                    columns.popleft()
                made += linear(column, self.width if shared else 1, then)
            else:
                made.append(_stacked_layer(column, dims))
            shared = shared and type(column[0]) not in _WEIGHTED
            dims = 1 if isinstance(column[0], nn.Flatten) else dims
        return made

    @property
    def parameters(self) -> list[Tensor]:
        """What is trained, layer by layer."""
        return [p for layer in self.layers for p in layer.parameters]

    @property
    def gradients(self) -> list[Tensor]:
        """The gradients by :attr:`parameters`, or what was accumulated in their place."""
        return [g for layer in self.layers for g in layer.gradients]

    @property
    def state(self) -> list[Tensor]:
        """Everything that a step changes and the next one reads, layer by layer."""
        return [tensor for layer in self.layers for tensor in layer.state]

    @torch.no_grad()
    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Map (streams, batch, *input_shape) in training, (batch, *input_shape) otherwise.

        Returns:
            shape (lanes, batch, outputs).
        """
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def __call__(self, x: Tensor) -> Tensor:
        """Map (batch, *input_shape), which all lanes see, for evaluation."""
        return self.forward(x, training=False)

    @torch.no_grad()
    def backward(self, d: Tensor, carry: float = 0.0) -> None:
        """Take the gradient of the lanes' losses by the outputs of :meth:`forward`.

        Each of ``gradients`` becomes ``carry`` times itself plus the gradient by its parameter.
        """
        flowing: Tensor | None = d
        for number in range(len(self.layers) - 1, self._first - 1, -1):
            assert flowing is not None
            flowing = self.layers[number].backward(flowing, carry, number > self._first)

    def spread(self, values: Tensor) -> list[Tensor]:
        """Return a number of each lane, shape (lanes,), as it broadcasts with each parameter."""
        return [value for layer in self.layers for value in layer.spread(values)]

    def of_lane(self, tensors: Sequence[Tensor], lane: int) -> list[Tensor]:
        """Return views of one lane of ``tensors`` (one a parameter), shaped as a single model's."""
        rest = iter(tensors)
        return [
            view
            for layer in self.layers
            for view in layer.of_lane([next(rest) for _ in layer.parameters], lane)
        ]

    @torch.no_grad()
    def keep(self, streams: Tensor, columns: Tensor) -> None:
        """Drop all lanes but the grid of these streams and columns."""
        lanes = (streams.view(-1, 1) * self.width + columns).flatten()
        for layer in self.layers:
            layer.keep(streams, columns, lanes)
        self.lanes, self.width = len(lanes), len(columns)


def can_stack(model: nn.Module, input_shape: tuple[int, ...]) -> bool:
    """Say whether :class:`Stacked` can take models like this one."""
    if any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules()):
        return False
    leaves = _leaves(model)
    parameters = [id(p) for leaf in leaves for p in leaf.parameters()]
    if len(parameters) != len(set(parameters)):  # weights shared between layers
        return False
    flat = len(input_shape) == 1
    for leaf in leaves:
        if type(leaf) is nn.Flatten:
            if (leaf.start_dim, leaf.end_dim) != (1, -1):
                return False
            flat = True
        elif type(leaf) in _WEIGHTED:
            if isinstance(leaf, LastState):
                if len(input_shape) > 2 or not can_stack_cells(leaf):
                    return False
                flat = True
            if not flat or any(not p.requires_grad for p in leaf.parameters()):
                return False  # frozen parameters are the plain loop's
            if isinstance(leaf, nn.BatchNorm1d | GhostBatchNorm) and leaf.momentum is None:
                return False  # a cumulative average: its step counter is not stacked
        elif type(leaf) not in _ELEMENTWISE:
            return False
    return any(type(leaf) in _WEIGHTED for leaf in leaves)


def _leaves(model: nn.Module) -> list[nn.Module]:
    """The layers in the order they run, if the model is nothing but a chain of them."""
    if type(model) is nn.Sequential:
        return [leaf for child in model for leaf in _leaves(child)]
    return [model]


def _stacked_layer(column: Sequence[nn.Module], sample_dims: int) -> layers.Layer:
    first = column[0]
    if isinstance(first, nn.BatchNorm1d | GhostBatchNorm):
        return layers.ByAutograd(lane_modules.BatchNorms(column))  # type: ignore[arg-type]
    if isinstance(first, nn.LayerNorm):
        return layers.ByAutograd(lane_modules.LayerNorms(column))  # type: ignore[arg-type]
    if isinstance(first, Point):
        return layers.ByAutograd(lane_modules.Points(column))  # type: ignore[arg-type]
    if isinstance(first, LastState):
        return layers.ByAutograd(LastStates(column))  # type: ignore[arg-type]
    if isinstance(first, nn.Flatten):
        return layers.Flatten(sample_dims)
    known = layers.activation(first)
    if known is not None:
        return layers.Elementwise(known)
    return layers.ByAutograd(copy.deepcopy(first))
