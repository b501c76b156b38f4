"""Linear layers of many models at once.

A product with few outputs fills no vector register along them, whatever the batch: the matrix
library then takes several times as long as for the same product written the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bsx.models.lane_layers import Activation, Elementwise, Layer, accumulate

_THIN = 32  # with fewer outputs than this, they come first


def linear(layers: Sequence[nn.Linear], width: int, then: Activation | None = None) -> list[Layer]:
    """Return the layers of all lanes as one, and what is behind them, as suits their shape."""
    if then is not None and width > 1:
        return [Activated(layers, width, then)]
    thin = width == 1 and layers[0].out_features < _THIN
    product: Layer = Thin(layers) if thin else Linear(layers, width)
    return [product] if then is None else [product, Elementwise(then)]


class _Product(Layer):
    """What linear layers have in common, whichever way their products are written."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        super().__init__(parameters)
        self._x = torch.empty(0)

    def _taken(self, x: Tensor, training: bool) -> Tensor:
        """Give each product its inputs, (batch, in) to all; in training keep them."""
        if x.dim() == 2:
            x = x.expand(len(self.parameters[0]), *x.shape)
        if training:
            self._x = x
        return x


class Linear(_Product):
    """Linear layers; weights are kept transposed, so that products read and write in order.

    The lanes of a stream share its inputs and are columns of one product: weights have the shape
    (streams, in, width · out), biases (streams, 1, width · out).
    """

    def __init__(self, layers: Sequence[nn.Linear], width: int) -> None:
        self.outputs = layers[0].out_features
        streams = len(layers) // width
        weights = torch.stack([layer.weight.detach().T for layer in layers])
        apart = weights.view(streams, width, *weights.shape[1:])
        parameters = [apart.transpose(1, 2).flatten(2).contiguous()]
        biases = [layer.bias.detach() for layer in layers if layer.bias is not None]
        if biases:
            parameters.append(torch.stack(biases).view(streams, 1, -1))
        super().__init__(parameters)

    @property
    def width(self) -> int:
        """How many lanes share a stream."""
        return int(self.parameters[0].shape[2]) // self.outputs

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Map (streams, batch, in), or (batch, in) for all, to (lanes, batch, out)."""
        return self._product(x, training).flatten(0, 1)

    def backward(self, d: Tensor, carry: float, further: bool) -> Tensor | None:
        """Take (lanes, batch, out); return (streams, batch, in)."""
        apart = d.view(-1, self.width, *d.shape[1:])
        return self._back(apart.transpose(1, 2).flatten(2), carry, further)

    def _product(self, x: Tensor, training: bool) -> Tensor:
        """Map the inputs to (streams, width, batch, out), as the product lays it down."""
        weight, *bias = self.parameters
        x = self._taken(x, training)
        y = torch.baddbmm(bias[0], x, weight) if bias else torch.bmm(x, weight)
        return y.view(*y.shape[:2], -1, self.outputs).transpose(1, 2)

    def _back(self, d: Tensor, carry: float, further: bool) -> Tensor | None:
        """Take (streams, batch, width · out); return (streams, batch, in)."""
        _add_product(self.gradients[0], self._x.mT, d, carry)
        if len(self.gradients) > 1:
            accumulate(self.gradients[1], d.sum(1, keepdim=True), carry)
        return torch.bmm(d, self.parameters[0].mT) if further else None

    def keep(self, streams: Tensor, columns: Tensor, lanes: Tensor) -> None:
        """Drop all lanes but the grid of these streams and columns."""

        def kept(tensor: Tensor) -> Tensor:
            apart = tensor.view(*tensor.shape[:2], -1, self.outputs)[streams]
            return apart[:, :, columns].flatten(2).contiguous()

        if self.width == 1:
            columns = columns[:1] * 0
            streams = lanes
        self.parameters, self.gradients = (
            [kept(t) for t in tensors] for tensors in (self.parameters, self.gradients)
        )

    def spread(self, values: Tensor) -> list[Tensor]:
        """Return a number of each lane as it broadcasts with weight and bias."""
        beside = values.view(-1, 1, self.width).repeat_interleave(self.outputs, dim=2)
        return [beside for _ in self.parameters]

    def of_lane(self, tensors: Sequence[Tensor], lane: int) -> list[Tensor]:
        """Return weight (out, in) and bias (out,) of one lane."""
        stream, column = divmod(lane, self.width)
        part = slice(column * self.outputs, (column + 1) * self.outputs)
        weight, *bias = (tensor[stream, :, part] for tensor in tensors)
        return [weight.T, *(b[0] for b in bias)]


class Activated(Linear):
    """Linear layers and the activation behind them, (streams, batch, in) → (lanes, batch, out).

    Where lanes share a product, its outputs lie lane beside lane. The pass of the activation puts
    them one lane after another, and on the way back the gradient as the product takes it: for
    large batches each would be a pass over memory of its own, a tenth of a step in all.
    """

    def __init__(self, layers: Sequence[nn.Linear], width: int, activation: Activation) -> None:
        super().__init__(layers, width)
        self._activation = activation
        self._kept = torch.empty(0)

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Map (streams, batch, in), or (batch, in) for all, to (lanes, batch, out)."""
        x = self._product(x, training)
        y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        self._activation.function(x, out=y)
        if training:  # inputs lie as the gradient is to lie
            self._kept = x if self._activation.by_input else y
        return y.flatten(0, 1)

    def backward(self, d: Tensor, carry: float, further: bool) -> Tensor | None:
        """Take (lanes, batch, out); return (streams, batch, in)."""
        streams, width, batch, outputs = self._kept.shape
        dx = torch.empty((streams, batch, width, outputs), dtype=d.dtype, device=d.device)
        self._activation.slope(d.view(self._kept.shape), self._kept, grad_input=dx.transpose(1, 2))
        return self._back(dx.flatten(2), carry, further)


class Thin(_Product):
    """Linear layers of few outputs: weights (lanes, out, in), biases (lanes, out, 1).

    What comes out is contiguous along the batch, outputs before it, and so is what flows back.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        parameters = [torch.stack([layer.weight.detach() for layer in layers])]
        biases = [layer.bias.detach() for layer in layers if layer.bias is not None]
        if biases:
            parameters.append(torch.stack(biases).unsqueeze(-1))
        super().__init__(parameters)

    def forward(self, x: Tensor, training: bool) -> Tensor:
        """Map (lanes, batch, in), or (batch, in) for all, to (lanes, batch, out)."""
        weight, *bias = self.parameters
        x = self._taken(x, training)
        y = torch.baddbmm(bias[0], weight, x.mT) if bias else torch.bmm(weight, x.mT)
        return y.mT

    def backward(self, d: Tensor, carry: float, further: bool) -> Tensor | None:
        """Take (lanes, batch, out); return (lanes, batch, in)."""
        d = d.mT.contiguous()
        _add_product(self.gradients[0], d, self._x, carry)
        if len(self.gradients) > 1:
            accumulate(self.gradients[1], d.sum(2, keepdim=True), carry)
        return torch.bmm(d.mT, self.parameters[0]) if further else None

    def of_lane(self, tensors: Sequence[Tensor], lane: int) -> list[Tensor]:
        """Return weight (out, in) and bias (out,) of one lane."""
        weight, *bias = (tensor[lane] for tensor in tensors)
        return [weight, *(b[:, 0] for b in bias)]


def _add_product(gradient: Tensor, left: Tensor, right: Tensor, carry: float) -> None:
    """Add a batched product, in one pass where it is of the gradient's own precision."""
    if left.dtype is right.dtype is gradient.dtype:
        gradient.baddbmm_(left, right, beta=carry)
    else:  # under autocast
        accumulate(gradient, torch.bmm(left, right), carry)
