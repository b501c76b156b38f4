"""The weights that a run starts from: a scheme, then a file over it, then what is frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from bsx.errors import ConfigError
from bsx.models.weights import read_weights
from bsx.schema import Initialization

SCHEMES = ("default", "xavier", "he", "orthogonal", "zeros-last")
_SHOWN = 3  # names in a message before "and so many more"


def initialize(model: nn.Module, start: Initialization) -> None:
    """Set the model's weights in place; what is drawn comes from torch's generator.

    xavier (Glorot & Bengio 2010, uniform), he (He et al. 2015, normal, fan-in) and orthogonal (Saxe
    et al. 2014) are drawn for linear, convolutional and recurrent layers, gate by gate, with biases
    0; embeddings, norms and a model's own parameters stay as they came. zeros-last leaves all as it
    came but for the last layer, which begins at 0.

    Raises:
        ConfigError: for a file that does not fit, or a pattern that names no parameter.
    """
    if start.scheme not in SCHEMES:
        raise ConfigError(f"--init {start.scheme}: give one of {', '.join(SCHEMES)}")
    with torch.no_grad():
        if start.scheme == "zeros-last":
            for parameter in _head(model)[1].parameters(recurse=False):
                parameter.zero_()
        elif start.scheme != "default":
            _draw(model, start.scheme)
        if start.file is not None:
            _load(model, start.file, start.without_head)
    _freeze(model, start.freeze)


def _draw(model: nn.Module, scheme: str) -> None:
    draw: Callable[[Tensor], Tensor] = {
        "xavier": nn.init.xavier_uniform_,
        "he": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
        "orthogonal": nn.init.orthogonal_,
    }[scheme]
    for matrices, biases in _weighted(model):
        for matrix in matrices:
            draw(matrix)
        for bias in biases:
            bias.zero_()


def _weighted(model: nn.Module) -> Iterator[tuple[Sequence[Tensor], Sequence[Tensor]]]:
    """Yield the weights and biases of each layer; those of a gated cell gate by gate."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
            yield [module.weight], [] if module.bias is None else [module.bias]
        elif isinstance(module, nn.RNNBase):
            named = list(module.named_parameters(recurse=False))
            matrices = [p for name, p in named if name.startswith("weight")]
            size = module.hidden_size
            gates = [gate for p in matrices for gate in p.split(size)]  # type: ignore[no-untyped-call]
            yield gates, [p for name, p in named if name.startswith("bias")]
        elif isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            inner = [module.in_proj_bias] if module.in_proj_bias is not None else []
            yield list(module.in_proj_weight.chunk(3)), inner


def _head(model: nn.Module) -> tuple[str, nn.Module]:
    """Return the last linear or convolutional layer, by the order of construction."""
    layers = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.modules.conv._ConvNd)
    ]
    if not layers:
        raise ConfigError(
            "--init zeros-last, --without-head: the model has no linear or convolutional layer "
            "that could be its last; leave them out"
        )
    return layers[-1]


def _load(model: nn.Module, file: str, without_head: bool) -> None:
    """Copy the weights of ``file`` into the model; names and shapes must be the model's."""
    wanted = model.state_dict()
    found = read_weights(file)
    head = _head(model)[0] if without_head else None
    if head is not None:
        wanted = {name: v for name, v in wanted.items() if not _inside(name, head)}
        found = {name: v for name, v in found.items() if not _inside(name, head)}
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = [name for name in wanted if name not in found and name not in counters]
    added = [name for name in found if name not in wanted]
    if missing or added:
        said = [f"lacks {_some(missing)}"] if missing else []
        said += [f"has {_some(added)}, which the model has not"] if added else []
        raise ConfigError(
            f"--init-from {file} {' and '.join(said)}; give the --model and --model-arg that the "
            "weights were trained with" + ("" if without_head else _without_head_hint(model, said))
        )
    _check_shapes(model, file, wanted, found, without_head)
    broken = [n for n, v in found.items() if v.is_floating_point() and not v.isfinite().all()]
    if broken:
        raise ConfigError(f"--init-from {file}: {_some(broken)} holds NaN or infinities")
    for name, value in found.items():
        wanted[name].copy_(value)


def _check_shapes(
    model: nn.Module,
    file: str,
    wanted: dict[str, Tensor],
    found: dict[str, Tensor],
    without_head: bool,
) -> None:
    other = [name for name, v in found.items() if v.shape != wanted[name].shape]
    if not other:
        return
    head = None if without_head else _head(model)[0]
    said = [f"{n} {tuple(found[n].shape)} for {tuple(wanted[n].shape)}" for n in other]
    in_head_alone = head is not None and all(_inside(name, head) for name in other)
    raise ConfigError(
        f"--init-from {file}: shapes differ from the model's: {_some(said)}; "
        + (
            "--without-head leaves the last layer as drawn"
            if in_head_alone
            else "give the --model-arg and data of the shape that the weights were trained with"
        )
    )


def _without_head_hint(model: nn.Module, said: Sequence[str]) -> str:
    head = _head(model)[0]
    return f", or --without-head to leave {head} as drawn" if any(head in s for s in said) else ""


def _inside(name: str, module: str) -> bool:
    """Say whether a parameter belongs to a module; the model itself is called ''."""
    return not module or name.startswith(f"{module}.")


def _freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(
                f"--freeze {pattern}: no parameter has such a name; there are {', '.join(names)}"
            )
    for name, parameter in model.named_parameters():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            parameter.requires_grad_(False)
    if patterns and not any(p.requires_grad for p in model.parameters()):
        raise ConfigError(
            f"--freeze {','.join(patterns)} leaves nothing to train; leave one parameter free"
        )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
