"""The gradient of a batch, and that of each of its samples, as vectors; ``.grad`` is not touched.

Penalties (l1, l2) and clipping are no part of it: it is the gradient of the data's mean loss.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from bsx.models import has_batchnorm
from bsx.train.batches import passes
from bsx.train.loop import trained
from bsx.train.observers import undisturbed
from bsx.train.session import Session

_NUMBERS = 2**24  # of samples' gradients that are held at once: 64 MB
_PASS = 2048  # samples in one pass, where passes may be cut as one likes


def mean_gradient(session: Session, model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of a batch's mean loss, shape (weights,), in passes as in training."""
    weights = trained(model)
    size = session.recipe.training.micro_batch_size
    if size is None and not has_batchnorm(model):
        size = _PASS
    total = torch.zeros((), device=inputs.device)
    for part in passes(len(inputs), size):
        with session.precision():
            loss = session.task.loss(model(inputs[part]), targets[part])
        each = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
        total = total + _flat(each) * (len(inputs[part]) / len(inputs))
    return total


def sample_gradients(session: Session, model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of each sample's loss, shape (samples, weights), by vmap."""
    free = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}

    def loss(values: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        with session.precision():
            outputs = functional_call(model, values, (x.unsqueeze(0),))
            return session.task.loss(outputs, y.unsqueeze(0))

    of_each = torch.vmap(torch.func.grad(loss), in_dims=(None, 0, 0), randomness="different")
    with sdpa_kernel(SDPBackend.MATH):  # vmap would go through the others sample by sample
        gradients = of_each(free, inputs, targets)
    return torch.cat([gradient.flatten(1) for gradient in gradients.values()], dim=1)


def has_sample_gradients(session: Session, model: nn.Module) -> bool:
    """Say whether :func:`sample_gradients` gives what the samples' gradients are.

    Under BatchNorm there are none: a sample's loss depends on the others of its batch. Elsewhere it
    is tried on two samples.
    """
    if has_batchnorm(model):
        return False
    inputs, targets = session.train.first(2), session.train.targets[:2]
    with undisturbed(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what vmap can only do slowly
        model.eval()
        try:
            each = sample_gradients(session, model, inputs, targets).mean(dim=0)
        except Exception:  # whatever a model of the user's raises under vmap
            return False
        mean = mean_gradient(session, model, inputs, targets)
    return bool(torch.allclose(each, mean, rtol=1e-3, atol=1e-3 * float(mean.norm()) + 1e-9))


def samples_at_once(model: nn.Module) -> int:
    """Return how many samples' gradients are held at once."""
    return max(1, _NUMBERS // sum(parameter.numel() for parameter in trained(model)))


def _flat(tensors: tuple[Tensor, ...]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])
