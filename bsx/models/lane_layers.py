"""Layers of many models at once, which say themselves how gradients flow back through them.

A lane is one model. The weights of all lanes lie in one tensor, and the backward pass writes their
gradients straight into place: for small batches that memory traffic, and the bookkeeping of
autograd, are most of what a step costs. Norms, dropout and what else has few weights is left to
autograd, layer by layer.

Lanes form a grid: those of one *stream* see the same batches, and lane ``stream * width + column``
is its place wherever lanes are one axis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Layer(ABC):
    """One layer of all lanes.

    Attributes:
        parameters: what is trained, lanes first unless said otherwise.
        gradients: as many tensors of the same shapes.
    """

    def __init__(self, parameters: Sequence[Tensor] = ()) -> None:
        self.parameters = list(parameters)
        self.gradients = [torch.zeros_like(p) for p in parameters]

    @property
    def state(self) -> list[Tensor]:
        """Everything that a step changes and the next one reads."""
        return [*self.parameters, *self.gradients]

    @abstractmethod
    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Return the outputs; in training keep what :meth:`backward` needs."""

    @abstractmethod
    def backward(self, d: Tensor, carry: float, further: bool) -> Tensor | None:
        """Take the loss's gradient by the outputs; return the one by the inputs if ``further``.

        Each of ``gradients`` becomes ``carry`` times itself plus the gradient by its parameter.
        """

    def keep(self, streams: Tensor, columns: Tensor, lanes: Tensor) -> None:
        """Drop all lanes but ``lanes``, which are the grid of these streams and columns."""
        self.parameters = [p[lanes].contiguous() for p in self.parameters]
        self.gradients = [g[lanes].contiguous() for g in self.gradients]

    def spread(self, values: Tensor) -> list[Tensor]:
        """Return a number of each lane, shape (lanes,), as it broadcasts with each parameter."""
        return [values.view(-1, *[1] * (p.dim() - 1)) for p in self.parameters]

    def of_lane(self, tensors: Sequence[Tensor], lane: int) -> list[Tensor]:
        """Return one lane of parameters or gradients as views, shaped as the single model's."""
        return [tensor[lane] for tensor in tensors]


class Flatten(Layer):
    """Flatten a sample; one axis (shared samples) or two (streams or lanes, batch) precede it."""

    def __init__(self, sample_dims: int) -> None:
        super().__init__()
        self._sample_dims = sample_dims
        self._shape: tuple[int, ...] = ()

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Map (…, *sample) to (…, numbers)."""
        self._shape = tuple(x.shape)
        return x.flatten(-self._sample_dims) if self._sample_dims > 1 else x

    def backward(self, d: Tensor, carry: float, further: bool) -> Tensor | None:
        """Give the gradient the shape of the inputs."""
        return d.view(self._shape)


class FanOut(Layer):
    """Give each lane the inputs of its stream, before a layer that is no product of all lanes."""

    def __init__(self, lanes: int, width: int) -> None:
        super().__init__()
        self._lanes, self._width = lanes, width

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Map (streams, batch, …) in training, (batch, …) otherwise, to (lanes, batch, …)."""
        if not training:
            return x.expand(self._lanes, *x.shape)
        return x if self._width == 1 else x.repeat_interleave(self._width, dim=0)

    def backward(self, d: Tensor, carry: float, further: bool) -> Tensor | None:
        """Nothing that comes before has weights."""
        return None

    def keep(self, streams: Tensor, columns: Tensor, lanes: Tensor) -> None:
        """Know how many are left."""
        self._lanes, self._width = len(lanes), len(columns)


@dataclass(frozen=True)
class Activation:
    """An activation whose two passes are one kernel each.

    Attributes:
        function: inputs → outputs; ``out`` is where to, if given.
        slope: gradient by the outputs, what was kept → gradient by the inputs; ``grad_input`` is
            where to, if given.
        by_output, by_input: what may be kept.
    """

    function: Callable[..., Tensor]
    slope: Callable[..., Tensor]
    by_output: bool = True
    by_input: bool = False


class Elementwise(Layer):
    """An activation, forward and backward by one kernel each."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self._activation = activation
        self._kept = torch.empty(0)

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Map any shape to itself."""
        y = self._activation.function(x)
        if training:
            self._kept = y if self._activation.by_output else x
        return y

    def backward(self, d: Tensor, carry: float, further: bool) -> Tensor | None:
        """Multiply by the slope."""
        return self._activation.slope(d, self._kept)


_aten = torch.ops.aten
_ACTIVATIONS: dict[type[nn.Module], Activation] = {
    nn.ReLU: Activation(
        lambda x, **to: torch.clamp_min(x, 0, **to),
        lambda d, kept, **to: _aten.threshold_backward(d, kept, 0, **to),
        by_input=True,
    ),
    nn.Tanh: Activation(torch.tanh, _aten.tanh_backward),
    nn.Sigmoid: Activation(torch.sigmoid, _aten.sigmoid_backward),
    nn.SiLU: Activation(_aten.silu, _aten.silu_backward, by_output=False, by_input=True),
}


def activation(module: nn.Module) -> Activation | None:
    """Return the kernels of an activation, or None where autograd is to know."""
    return _ACTIVATIONS.get(type(module))


class ByAutograd(Layer):
    """Any module that maps (lanes, batch, …) and whose parameters have lanes first."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        super().__init__([p.detach() for p in module.parameters()])
        self._x, self._y = torch.empty(0), torch.empty(0)

    @property
    def state(self) -> list[Tensor]:
        """Running statistics too."""
        return [*super().state, *self.module.buffers()]

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Run the module; in training with a graph of its own."""
        self.module.train(training)
        if not training:
            y: Tensor = self.module(x)
            return y
        self._x = x.detach().requires_grad_(x.is_floating_point())  # tokens have no slope
        with torch.enable_grad():
            self._y = self.module(self._x)
        return self._y.detach()

    def backward(self, d: Tensor, carry: float, further: bool) -> Tensor | None:
        """Let autograd go through this one module."""
        inputs = [*([self._x] if further else []), *self.module.parameters()]
        found = list(torch.autograd.grad(self._y, inputs, d)) if inputs else []
        dx = found.pop(0) if further else None
        for gradient, new in zip(self.gradients, found, strict=True):
            accumulate(gradient, new, carry)
        return dx

    def keep(self, streams: Tensor, columns: Tensor, lanes: Tensor) -> None:
        """Drop all lanes but these, of the buffers too."""
        super().keep(streams, columns, lanes)
        left = iter(self.parameters)
        for module in self.module.modules():
            for name, parameter in module._parameters.items():
                if parameter is not None:
                    module._parameters[name] = nn.Parameter(next(left))
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = buffer[lanes].clone()


def accumulate(gradient: Tensor, new: Tensor, carry: float) -> None:
    """Let ``gradient`` be ``carry`` times itself plus ``new``."""
    if carry:
        gradient.mul_(carry).add_(new)
    else:  # nothing of what stood there, which may be no number
        gradient.copy_(new)
