"""Many models of one shape as one: each layer's weights stacked along a lanes axis.

Linear layers become batched matrix products, norms keep statistics of their own for each lane,
and everything elementwise passes through as it is. What a model is called does not matter: a
``nn.Sequential`` of such layers stacks, whoever wrote it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bsx.models.norms import GhostBatchNorm, ghost_batch_norm

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
_WEIGHTED = (nn.Linear, nn.BatchNorm1d, GhostBatchNorm, nn.LayerNorm)


class _Linear(nn.Module):
    """Linear layers; the weights are kept transposed, so that their gradients come contiguous."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = _stack_parameters([layer.weight.T for layer in layers])  # (lanes, in, out)
        biases = [layer.bias for layer in layers if layer.bias is not None]
        self.bias = _stack_parameters(biases) if biases else None  # (lanes, out)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:  # every lane sees the same samples
            x = x.expand(self.weight.shape[0], *x.shape)
        if self.bias is None:
            return torch.bmm(x, self.weight)
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight)


class _Flatten(nn.Module):
    """Flatten a sample; one axis (shared samples) or two (lanes, batch) come before it."""

    def __init__(self, sample_dims: int) -> None:
        super().__init__()
        self.sample_dims = sample_dims

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(-self.sample_dims) if self.sample_dims > 1 else x


class _BatchNorm(nn.Module):
    """BatchNorm or Ghost BatchNorm: in training the lanes stand side by side as channels."""

    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(self, layers: Sequence[nn.BatchNorm1d | GhostBatchNorm]) -> None:
        super().__init__()
        first = layers[0]
        self.ghost_size = first.ghost_size if isinstance(first, GhostBatchNorm) else None
        self.eps = first.eps
        self.momentum = first.momentum
        affine = first.affine
        self.weight = _stack_parameters([m.weight for m in layers]) if affine else None
        self.bias = _stack_parameters([m.bias for m in layers]) if affine else None
        tracked = [m for m in layers if m.running_mean is not None and m.running_var is not None]
        mean = torch.stack([m.running_mean for m in tracked]) if tracked else None  # type: ignore[misc]
        var = torch.stack([m.running_var for m in tracked]) if tracked else None  # type: ignore[misc]
        self.register_buffer("running_mean", mean)  # (lanes, features)
        self.register_buffer("running_var", var)

    def forward(self, x: Tensor) -> Tensor:
        lanes, batch, features = x.shape
        if self.training or self.running_mean is None or self.running_var is None:
            y = self._over_the_batch(x.transpose(0, 1).reshape(batch, lanes * features))
            return y.view(batch, lanes, features).transpose(0, 1)
        y = (x - self.running_mean.unsqueeze(1)) * torch.rsqrt(
            self.running_var + self.eps
        ).unsqueeze(1)
        if self.weight is not None and self.bias is not None:
            y = y * self.weight.unsqueeze(1) + self.bias.unsqueeze(1)
        return y

    def _over_the_batch(self, x: Tensor) -> Tensor:
        """Normalize (batch, lanes · features) by the statistics of the batch, or of its chunks."""
        running_mean = None if self.running_mean is None else self.running_mean.view(-1)
        running_var = None if self.running_var is None else self.running_var.view(-1)
        weight = None if self.weight is None else self.weight.reshape(-1)
        bias = None if self.bias is None else self.bias.reshape(-1)
        momentum = self.momentum or 0.0
        if self.ghost_size is None:
            return F.batch_norm(
                x, running_mean, running_var, weight, bias, True, momentum, self.eps
            )
        return ghost_batch_norm(
            x, running_mean, running_var, weight, bias, momentum, self.eps, self.ghost_size
        )


class _LayerNorm(nn.Module):
    def __init__(self, layers: Sequence[nn.LayerNorm]) -> None:
        super().__init__()
        self.eps = layers[0].eps
        self.features = layers[0].normalized_shape
        affine = layers[0].elementwise_affine
        biases = [m.bias for m in layers if m.bias is not None]
        self.weight = _stack_parameters([m.weight for m in layers]) if affine else None
        self.bias = _stack_parameters(biases) if biases else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x, list(self.features), None, None, self.eps)
        if self.weight is not None:
            y = y * self.weight.unsqueeze(1)
        return y if self.bias is None else y + self.bias.unsqueeze(1)


class Stacked(nn.Module):
    """Models of one shape, forward and backward in one pass.

    Args:
        models: one a lane; see :func:`can_stack`.
        input_shape: the shape of one sample.
    """

    def __init__(self, models: Sequence[nn.Module], input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.lanes = len(models)
        columns = [_leaves(model) for model in models]
        dims = len(input_shape)
        layers: list[nn.Module] = []
        for column in zip(*columns, strict=True):
            layers.append(_stacked_layer(column, dims))
            if isinstance(column[0], nn.Flatten):
                dims = 1
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map (lanes, batch, *input_shape), or (batch, *input_shape) that all lanes share.

        Returns:
            shape (lanes, batch, outputs).
        """
        y: Tensor = self.layers(x)
        return y

    def of_lane(self, values: Sequence[Tensor], lane: int) -> list[Tensor]:
        """Return one lane of ``values`` (one a parameter), shaped as in a single model."""
        transposed = [
            isinstance(module, _Linear) and name == "weight"
            for module in self.modules()
            for name, parameter in module._parameters.items()
            if parameter is not None
        ]
        return [
            value[lane].T if turned else value[lane]
            for value, turned in zip(values, transposed, strict=True)
        ]

    @torch.no_grad()
    def keep(self, lanes: Tensor) -> None:
        """Drop all lanes but these; parameters and buffers are replaced by shorter ones."""
        self.lanes = len(lanes)
        for module in self.modules():
            for name, parameter in list(module._parameters.items()):
                if parameter is not None:
                    module._parameters[name] = nn.Parameter(parameter[lanes].clone())
            for name, buffer in list(module._buffers.items()):
                if buffer is not None:
                    module._buffers[name] = buffer[lanes].clone()


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
            if not flat or any(not p.requires_grad for p in leaf.parameters()):
                return False  # frozen parameters are the plain loop's
            if isinstance(leaf, nn.BatchNorm1d | GhostBatchNorm) and leaf.momentum is None:
                return False  # a cumulative average: its step counter is not stacked
        elif type(leaf) not in _ELEMENTWISE:
            return False
    return any(type(leaf) is nn.Linear for leaf in leaves) and type(_first(leaves)) is nn.Linear


def _first(leaves: list[nn.Module]) -> nn.Module | None:
    """The first layer that gives lanes an axis of their own, or what stands in its way."""
    return next((m for m in leaves if type(m) in _WEIGHTED), None)


def _leaves(model: nn.Module) -> list[nn.Module]:
    """The layers in the order they run, if the model is nothing but a chain of them."""
    if type(model) is nn.Sequential:
        return [leaf for child in model for leaf in _leaves(child)]
    return [model]


def _stacked_layer(column: Sequence[nn.Module], sample_dims: int) -> nn.Module:
    first = column[0]
    if isinstance(first, nn.Linear):
        return _Linear(column)  # type: ignore[arg-type]
    if isinstance(first, nn.BatchNorm1d | GhostBatchNorm):
        return _BatchNorm(column)  # type: ignore[arg-type]
    if isinstance(first, nn.LayerNorm):
        return _LayerNorm(column)  # type: ignore[arg-type]
    if isinstance(first, nn.Flatten):
        return _Flatten(sample_dims)
    return copy.deepcopy(first)


def _stack_parameters(parameters: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack([p.detach() for p in parameters]))
