"""Lanes of any model that torch can vectorize: ``vmap`` over stacked weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel


class Vectorized(nn.Module):
    """Models of one shape, the weights of all lanes in one tensor: (lanes, batch, …) → the same."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        columns = zip(*(model.parameters() for model in models), strict=True)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.stack([p.detach() for p in column])) for column in columns
        )
        self._names = [name for name, _ in models[0].named_parameters()]
        # Kept from torch's sight: its own weights are never used.
        self._model = [copy.deepcopy(models[0])]

    def forward(self, x: Tensor) -> Tensor:
        """Run each lane's model over its inputs."""
        model = self._model[0].train(self.training)

        def one(weights: Sequence[Tensor], inputs: Tensor) -> Tensor:
            named = dict(zip(self._names, weights, strict=True))
            outputs: Tensor = functional_call(model, named, (inputs,))
            return outputs

        every = torch.vmap(one, in_dims=(0, 0), randomness="different")
        with sdpa_kernel(SDPBackend.MATH):  # vmap would go through the others lane by lane
            outputs: Tensor = every(list(self.weights), x)
        return outputs


def can_vectorize(model: nn.Module, sample: Tensor) -> bool:
    """Say whether lanes of models like this one compute what each would compute alone.

    It is tried: two lanes, forward and backward, on ``sample``, shape (batch, *input_shape).
    Models with buffers (running statistics) and frozen, shared or hooked parameters are the plain
    loop's.
    """
    parameters = list(model.parameters())
    hooked = any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    if not parameters or hooked or any(True for _ in model.buffers()):
        return False
    if any(not p.requires_grad for p in parameters):
        return False
    if len(list(model.named_parameters(remove_duplicate=False))) != len(parameters):
        return False
    was_training = model.training
    try:
        lanes = Vectorized([model, model]).eval()
        outputs = lanes(torch.stack([sample, sample]))
        with torch.no_grad():
            alone = model.eval()(sample)
        torch.autograd.grad(outputs.square().sum(), list(lanes.parameters()))
        return bool(torch.allclose(outputs[1], alone, rtol=1e-3, atol=1e-4))
    except Exception:  # whatever a model of the user's raises under vmap
        return False
    finally:
        model.train(was_training)
