"""From an optimizer's name to an instance over parameters."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bsx import registry
from bsx.errors import BsxError, ConfigError

# Each number is updated from its own gradient and history alone, so that slices of stacked
# parameters may share one optimizer.
# How many such numbers the history of each is: none of gradient descent, whose momentum is what
# the gradients of lanes keep of themselves.
_ELEMENTWISE = {
    torch.optim.SGD: 0,
    torch.optim.Adam: 2,
    torch.optim.AdamW: 2,
    torch.optim.Adamax: 2,
    torch.optim.NAdam: 2,
    torch.optim.RAdam: 2,
    torch.optim.RMSprop: 1,
    torch.optim.Rprop: 2,
    torch.optim.Adagrad: 1,
    torch.optim.Adadelta: 2,
    torch.optim.ASGD: 1,
}
_ONE_MORE = frozenset({"amsgrad", "centered"})  # arguments with which there is one more; and
_OF_RMSPROP = frozenset({"momentum"})  # of RMSprop also this
# Arguments that torch's constructors check before they look at the parameters.
_CHECKED = frozenset(
    {
        *("momentum", "dampening", "nesterov", "weight_decay", "betas", "eps", "alpha", "centered"),
        *("rho", "lr_decay", "initial_accumulator_value", "momentum_decay", "lambd", "t0"),
        *("amsgrad", "etas", "step_sizes", "decoupled_weight_decay"),
    }
)
# Where torch offers one kernel for the whole update, lanes take it.
_FUSED = frozenset({torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad})

_UNFIT = {
    torch.optim.LBFGS: registry.UNFIT_OPTIMIZERS["lbfgs"],
    torch.optim.SparseAdam: registry.UNFIT_OPTIMIZERS["sparse-adam"],
}


def build_optimizer(
    name: str,
    args: Mapping[str, Any],
    params: Iterable[Any],
    *,
    lr: float,
    for_lanes: bool = False,
) -> torch.optim.Optimizer:
    """Return the optimizer called ``name`` over ``params`` (tensors or parameter groups).

    Raises:
        ConfigError: for an unknown name or argument, or arguments that the optimizer refuses.
    """
    factory = registry.load("optimizer", name)
    keywords: dict[str, Any] = dict(args)
    _check_args(factory, name, keywords)
    if for_lanes and factory in _FUSED:
        keywords.setdefault("fused", True)
    try:
        made = factory(params, lr=lr, **keywords)
    except BsxError:
        raise
    except Exception as error:
        raise ConfigError(
            f"--optimizer {name} refuses {dict(args)} at rate {lr}: {error}"
        ) from error
    if not isinstance(made, torch.optim.Optimizer):
        raise ConfigError(f"--optimizer {name} gave {type(made).__name__}, no torch Optimizer")
    return made


def try_optimizer(name: str, args: Mapping[str, Any], params: Sequence[Tensor]) -> float:
    """Refuse, before any compute is spent, an optimizer that cannot train such parameters.

    It takes a step over copies of them: some can be built and yet not used. Of torch's own only the
    arguments are in question; when one is really made, torch imports its compiler, a second's work.

    Returns:
        How many numbers it keeps in lanes for each number of a parameter, beside its gradient.

    Raises:
        ConfigError: see :func:`build_optimizer`; and where the step fails.
    """
    factory = registry.load("optimizer", name)
    if factory in _ELEMENTWISE and all(map(_is_checked, args.items())):
        with contextlib.suppress(_Reached):
            build_optimizer(name, args, _Parameters(), lr=0.1)
        more = _ONE_MORE | (_OF_RMSPROP if factory is torch.optim.RMSprop else frozenset())
        return _ELEMENTWISE[factory] + sum(bool(args.get(key)) for key in more)
    copies = [torch.nn.Parameter(torch.zeros_like(p)) for p in params]
    optimizer = build_optimizer(name, args, copies, lr=0.1)
    for kind, reason in _UNFIT.items():
        if isinstance(optimizer, kind):
            raise ConfigError(f"--optimizer {name}: {reason}")
    for copy in copies:
        copy.grad = torch.ones_like(copy)
    try:
        optimizer.step()
    except Exception as error:
        raise ConfigError(
            f"--optimizer {name} fails at a step over the model's parameters: "
            f"{type(error).__name__}: {error}"
        ) from error
    history = [v for of in optimizer.state.values() for v in of.values() if isinstance(v, Tensor)]
    return sum(v.numel() for v in history) / max(1, sum(p.numel() for p in copies))


def check_tuned(name: str, tuned: Sequence[str]) -> None:
    """Refuse to tune what an optimizer does not take.

    Raises:
        ConfigError: naming the first such thing, with the remedy.
    """
    takes = _parameters(registry.load("optimizer", name))
    if takes is None:
        return
    for key in tuned:
        if key not in takes:
            beta = "; its betas are no momentum" if "betas" in takes and key == "momentum" else ""
            rest = ",".join(k.replace("_", "-") for k in tuned if k in takes and k != key)
            left = f"learning-rate,{rest}" if rest else "learning-rate"
            other = ", or an --optimizer with it such as sgd" if key == "momentum" else ""
            raise ConfigError(
                f"--tune {key.replace('_', '-')}: {name} does not take it{beta}; give --tune "
                f"{left}{other}"
            )


def _is_checked(item: tuple[str, Any]) -> bool:
    name, value = item
    numbers = value if isinstance(value, tuple | list) and len(value) == 2 else [value]
    return name in _CHECKED and all(isinstance(number, int | float) for number in numbers)


class _Parameters:
    """Tell that an optimizer asks for its parameters: torch's own have then checked the rest."""

    def __iter__(self) -> Iterator[Tensor]:
        raise _Reached


class _Reached(BsxError):
    """No error: it goes through :func:`build_optimizer` as it is."""


def is_elementwise(name: str) -> bool:
    """Say whether one optimizer may serve many lanes without mixing them."""
    return registry.load("optimizer", name) in _ELEMENTWISE


def is_sgd(name: str) -> bool:
    """Say whether this is torch's gradient descent, with momentum or without."""
    return registry.load("optimizer", name) is torch.optim.SGD


def _parameters(factory: Any) -> Mapping[str, inspect.Parameter] | None:
    """Return what a factory takes; None where its signature does not say."""
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return None
    return None if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) else parameters


def _check_args(factory: Any, name: str, args: Mapping[str, Any]) -> None:
    parameters = _parameters(factory)
    if parameters is None:
        return
    for key, value in args.items():
        if key not in parameters:
            flag = (
                f"--{key.replace('_', '-')}"
                if key in ("momentum", "weight_decay")
                else (f"--optimizer-arg {key}")
            )
            takes = ", ".join(
                p for p in list(parameters)[1:] if p not in ("lr", "foreach", "fused")
            )
            raise ConfigError(f"{flag}={value}: {name} does not take it; it takes {takes}")
