"""From a model's name to a module, the same one for the same seed.

A model is any callable that gives an ``nn.Module``: a name of ``bsx list models``, or
``module:attribute`` or ``file.py:attribute``. ``input_shape`` and ``output_size`` are passed where
its signature names them, and every ``--model-arg``. Models of other libraries call these numbers
something else; an argument may therefore name one of the data's in braces:

=================  =========================================================================
``{output_size}``  classes, targets, or the vocabulary
``{input_size}``   numbers in a sample
``{channels}``     of an image, or of a series (1 for a window without an axis of channels)
``{context}``      steps in a window, or tokens in a sample
=================  =========================================================================

    bsx sweep --model torchvision.models:resnet18 --model-arg num_classes={output_size}
    bsx sweep --model timm:create_model --model-arg model_name=resnet10t
        --model-arg num_classes={output_size} --model-arg in_chans={channels}
    bsx sweep --model transformers:AutoModelForImageClassification.from_pretrained
        --model-arg pretrained_model_name_or_path=DIR --model-arg num_labels={output_size}
        --model-arg ignore_mismatched_sizes=true

What needs an object, such as a configuration, needs a function of the user's own that makes it.
A model whose outputs have an attribute ``logits``, as Hugging Face's have, gives these.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from bsx import registry
from bsx.errors import BsxError, ConfigError
from bsx.models.arguments import arguments
from bsx.models.initialize import initialize
from bsx.models.kinds import check_kind
from bsx.models.norms import GhostBatchNorm
from bsx.schema import Initialization


def build_model(
    name: str,
    args: Mapping[str, Any],
    *,
    input_shape: tuple[int, ...],
    output_size: int,
    seed: int,
    initialization: Initialization | None = None,
    kind: str | None = None,
) -> nn.Module:
    """Return a new model, its initial weights drawn from ``seed`` alone.

    ``initialization`` says how they are drawn, loaded and frozen; None leaves them as the factory
    draws them. ``kind`` is the kind of the data (:mod:`bsx.models.kinds`) where it is known. The
    caller's random state is left as it was.

    Raises:
        ConfigError: for an unknown name or argument, a factory that fails, no nn.Module, data of a
            kind or shape that the model does not take, or initial weights that do not fit.
    """
    factory = registry.load("model", name)
    if isinstance(factory, nn.Module):
        raise ConfigError(
            f"--model {name} is a model already built; name the class or function that builds it, "
            "since each seed needs initial weights of its own"
        )
    if not callable(factory):
        raise ConfigError(f"--model {name} is {type(factory).__name__}, no function or class")
    if kind is not None:
        check_kind(name, kind)
    given = arguments(factory, name, args, input_shape, output_size)
    with caller_state():
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        model = _called(factory, name, given)
        if any(map(is_lazy, model.parameters())):
            _complete(model, name, input_shape)
        if initialization is not None:
            initialize(model, initialization)
    if not _is_known(model):
        model.register_forward_hook(logits)
    if _may_change_inputs(model):
        model.register_forward_pre_hook(copied)
    return model


@contextlib.contextmanager
def caller_state() -> Iterator[None]:
    """Leave the random state of the caller as it was, whatever is drawn within."""
    state, legacy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(state)
        np.random.set_state(legacy)


def has_batchnorm(model: nn.Module) -> bool:
    """Say whether the model normalizes over the batch, and so cannot train on a batch of 1.

    Ghost BatchNorm counts: its chunks are of the batch, and a batch of 1 is a chunk of 1.
    """
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())


def ghost_size(model: nn.Module) -> int | None:
    """Return over how many samples the model's norms take statistics, however large a batch is.

    None where that is the batch, or differs from layer to layer.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    sizes = {m.ghost_size if isinstance(m, GhostBatchNorm) else None for m in norms}
    return sizes.pop() if len(sizes) == 1 else None


def _called(factory: Any, name: str, given: Mapping[str, Any]) -> nn.Module:
    try:
        model = factory(**given)
    except BsxError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"--model {name} fails when it is built with {given}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(model, nn.Module):
        raise ConfigError(f"--model {name} gave {type(model).__name__}, no torch.nn.Module")
    if isinstance(model, torch.jit.ScriptModule):
        raise ConfigError(
            f"--model {name} gave a TorchScript module, whose layers cannot be looked into; build "
            "the module that it was made from"
        )
    return model


def _complete(model: nn.Module, name: str, input_shape: tuple[int, ...]) -> None:
    """Give layers that take their sizes from what they see (nn.LazyLinear) something to see."""
    was_training, failed = model.training, None
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(2, *input_shape))
    except Exception as error:
        failed = error
    model.train(was_training)
    if failed is not None or any(map(is_lazy, model.parameters())):
        why = "" if failed is None else f" ({type(failed).__name__}: {failed})"
        raise ConfigError(
            f"--model {name} has layers whose sizes are not known, and a batch of zeros of shape "
            f"{(2, *input_shape)} does not tell them{why}; name a function that builds the model "
            "and calls it once"
        ) from failed


def _is_known(module: nn.Module) -> bool:
    return type(module).__module__.startswith(("torch.nn.", "bsx."))


def _may_change_inputs(model: nn.Module) -> bool:
    """Say whether a model may write to what it is given: ``x -= mean`` in code not seen here."""
    modules = list(model.modules())
    first = next(module for module in modules if next(module.children(), None) is None)
    return not all(map(_is_known, modules)) or getattr(first, "inplace", False)


def copied(_model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Give the model inputs of its own: those of an evaluation are the data themselves."""
    return tuple(x.clone() if isinstance(x, torch.Tensor) else x for x in inputs)


def logits(_model: nn.Module, _inputs: Any, outputs: Any) -> Any:
    """Give the logits of an output object; as a hook, so that parameters keep their names."""
    return getattr(outputs, "logits", outputs)
