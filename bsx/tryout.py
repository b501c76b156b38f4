"""Does the model fit the data and the task? A small batch is tried, before compute is spent."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bsx import registry
from bsx.data import Splits
from bsx.errors import BsxError, ConfigError
from bsx.schema import Ingredient, SweepConfig
from bsx.tasks import Task

_MOST_SAMPLES = 64  # tried


def try_forward(
    model: nn.Module, splits: Splits, task: Task, config: SweepConfig
) -> tuple[int, Tensor]:
    """Run a batch through the model; return the numbers kept for one sample, and the outputs.

    Raises:
        ConfigError: where the outputs are none that the task can take.
    """
    size, _ = _tried(splits, config)
    kept = [math.prod(splits.input_shape)]
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out: kept.append(_numbers_of(out) // size))
        for layer in model.modules()
        if not list(layer.children())
    ]
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs = model.eval()(splits.train.first(size))
    except BsxError:
        raise
    except Exception as error:
        raise ConfigError(
            f"--model {config.model.name} does not take inputs of shape (batch, "
            f"{', '.join(map(str, splits.input_shape))}): {type(error).__name__}: {error}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    return sum(kept), _fitting(outputs, splits, task, config.model, size)


def try_gradient(model: nn.Module, splits: Splits, task: Task, config: SweepConfig) -> None:
    """Take the gradient of a batch's loss, of a model whose code is not known here.

    What the model keeps of the samples that it sees in training, such as statistics, is changed.

    Raises:
        ConfigError: where a step of training would fail.
    """
    name = config.model.name
    if name in registry.targets("model"):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loss = _loss_in_training(model, splits, task, config)
            if loss is not None:
                loss.backward()  # type: ignore[no-untyped-call]
    except BsxError:
        raise
    except Exception as error:
        raise ConfigError(
            f"--model {name}: no gradient can be taken of its loss: {_first_line(error)}; outputs "
            "must come from the parameters by operations of torch, with nothing overwritten that a "
            "gradient needs, and without detach, no_grad or NumPy between"
        ) from error
    finally:
        model.zero_grad()
        model.eval()


def _loss_in_training(
    model: nn.Module, splits: Splits, task: Task, config: SweepConfig
) -> Tensor | None:
    """Return the loss of a batch; None where the model may count on larger ones than are tried.

    What fails at one size and not at its double is that size's, which its runs will tell.
    """
    size, is_whole = _tried(splits, config)
    failure: Exception | None = None
    for count in (size, min(2 * size, len(splits.train))):
        try:
            outputs = model.train()(splits.train.first(count))
        except Exception as error:
            failure = failure or error
            continue
        outputs = _fitting(outputs, splits, task, config.model, count, " in training")
        return task.loss(outputs, splits.train.targets[:count])
    if not is_whole:
        return None
    assert failure is not None
    raise ConfigError(
        f"--model {config.model.name}: its forward fails in training on {size} samples: "
        f"{_first_line(failure)}"
    ) from failure


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0].rstrip('.')}"


def _tried(splits: Splits, config: SweepConfig) -> tuple[int, bool]:
    """Return on how many samples a model is tried, and whether they are a batch of the sweep's.

    That is its smallest, as far as it is not a large one.
    """
    smallest = max(2, min(config.batch_sizes.sizes or (2,)))  # 1 is no batch to a BatchNorm
    batch_size = min(smallest, config.training.micro_batch_size or smallest, len(splits.train))
    return min(batch_size, _MOST_SAMPLES), batch_size <= _MOST_SAMPLES


def _fitting(
    outputs: Any, splits: Splits, task: Task, asked: Ingredient, size: int, when: str = ""
) -> Tensor:
    """Return the outputs of a batch, if they are such as the task needs."""
    fitting = task.output_shapes(tuple(splits.train.targets.shape[1:]), splits.output_size)
    expected = [(size, *one) for one in fitting]
    needed = " or ".join(map(str, expected))
    if not isinstance(outputs, Tensor):
        what = "None" if outputs is None else f"a {type(outputs).__name__}"
        raise ConfigError(
            f"--model {asked.name}: its forward returns {what}{when}, not a tensor; let it return "
            f"the outputs alone, of shape {needed} for a batch of {size}"
        )
    shape = tuple(outputs.shape)
    if shape not in expected:
        raise ConfigError(
            f"--model {asked.name} gives outputs of shape {shape}{when} for a batch of {size}; "
            f"{_needed(splits)} need {needed}; {_how_to_size(asked.name, asked.args, shape)}"
        )
    return outputs


def _how_to_size(name: str, args: Mapping[str, Any], shape: tuple[int, ...]) -> str:
    """Say how a model is told how many numbers to give."""
    if name in registry.targets("model"):
        return "build it with output_size"
    sized = [key for key, value in args.items() if shape and value == shape[-1]]
    if len(sized) == 1:
        return f"give --model-arg {sized[0]}={{output_size}}"
    return "let it take output_size, or give --model-arg NAME={output_size} by its own name for it"


def _numbers_of(output: Any) -> int:
    """Count the numbers of a layer's output; a recurrent one gives a tuple, its state last."""
    first = output[0] if isinstance(output, tuple) and output else output
    return first.numel() if isinstance(first, torch.Tensor) else 0


def _needed(splits: Splits) -> str:
    """Say what the outputs are for."""
    if splits.task == "classification":
        return f"{splits.classes} classes"
    shape = tuple(splits.train.targets.shape[1:])
    each = f"{' × '.join(map(str, shape))} targets" if shape else "single targets"
    return f"{each} of a {splits.task} task with output_size {splits.output_size}"
