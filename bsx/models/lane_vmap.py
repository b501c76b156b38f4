"""Lanes of any model that torch can vectorize: ``vmap`` over stacked weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from bsx.models.build import copied, logits


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


def lane_obstacle(model: nn.Module, sample: Tensor) -> str | None:
    """Say why lanes of models like this one may compute other than each alone; None if none does.

    It is tried: two lanes, forward and backward, on ``sample``, shape (batch, *input_shape).
    Models with buffers (running statistics) and frozen, shared or hooked parameters are the plain
    loop's.
    """
    parameters = list(model.parameters())
    if not parameters:
        return "it has no parameters"
    hooks = [
        hook
        for module in model.modules()
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    ]
    if any(hook not in (logits, copied) for hook in hooks):
        return "it has hooks"
    buffer = next((name for name, _ in model.named_buffers()), None)
    if buffer is not None:
        return f"it has a buffer, {buffer}, which a forward pass may change"
    if any(not p.requires_grad for p in parameters):
        return "it has parameters that are not trained"
    if len(list(model.named_parameters(remove_duplicate=False))) != len(parameters):
        return "it has parameters that layers share"
    was_training = model.training
    try:
        lanes = Vectorized([model, model]).eval()
        with torch.no_grad():
            outputs = lanes(torch.stack([sample, sample]))
            alone = model.eval()(sample)
        with torch.random.fork_rng(devices=[]):  # what is drawn in training may not be vectorized
            drawn = lanes.train()(torch.stack([sample, sample]))
        torch.autograd.grad(drawn.square().sum(), list(lanes.parameters()))
        same = torch.allclose(outputs[1], alone, rtol=1e-3, atol=1e-4)
        return None if same else "its outputs are others under torch.vmap"
    except Exception as error:  # whatever a model of the user's raises under vmap
        return f"torch.vmap cannot run it ({type(error).__name__})"
    finally:
        model.train(was_training)
