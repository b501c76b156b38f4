"""Every family in its variants, small enough to train in a moment, and a sample of every kind."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bsx.models import build_model
from tests.models.tiny import CONTEXT, VOCABULARY

# Kind → the shapes of one sample that the matrix is tried with.
SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "vectors": ((5,),),
    "images": ((1, 16, 16), (3, 17, 20)),
    "series": ((6,), (6, 2)),
    "tokens": ((CONTEXT,),),
}

SMALL: dict[str, dict[str, Any]] = {  # name → options that keep a test short
    "logistic": {},
    "mlp": {"hidden": 8},
    "simple-cnn": {"width": 4},
    "cnn": {"width": 4},
    "lenet5": {},
    "vgg": {"width": 4},
    "resnet8": {"width": 4},
    "resnet20": {"width": 4},
    "resnet32": {"width": 4},
    "resnet56": {"width": 4},
    "tcn": {"width": 8, "levels": 2},
    "rnn": {"hidden": 8},
    "lstm": {"hidden": 8},
    "gru": {"hidden": 8},
    "transformer": {"width": 16, "layers": 1, "heads": 2},
}

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *SMALL.items(),
    *(("mlp", {"hidden": 8, "norm": norm}) for norm in ("batch", "ghost", "layer")),
    ("mlp", {"hidden": 8, "depth": 3, "dropout": 0.1}),
    *(("mlp", {"hidden": 8, "activation": name}) for name in ("sigmoid", "tanh", "gelu", "silu")),
    ("lenet5", {"activation": "relu", "pool": "max"}),
    *(("vgg", {"width": 4, "norm": norm}) for norm in ("ghost", "group")),
    ("vgg", {"width": 16, "norm": "none"}),
    *(("vgg", {"width": 4, "depth": depth, "dropout": 0.1}) for depth in (13, 16, 19)),
    *(("resnet8", {"width": 4, "norm": norm}) for norm in ("ghost", "group", "none")),
    ("tcn", {"width": 8, "levels": 2, "kernel": 2, "dropout": 0.1}),
    *((cell, {"hidden": 8, "layers": 2, "dropout": 0.1}) for cell in ("rnn", "lstm", "gru")),
    ("transformer", {"width": 16, "layers": 2, "heads": 2, "dropout": 0.1}),
]


def identity(variant: tuple[str, dict[str, Any]]) -> str:
    """Name a variant as the command line would."""
    name, args = variant
    return " ".join([name, *(f"{key}={value}" for key, value in args.items())])


def built(name: str, shape: tuple[int, ...], seed: int = 0, **args: Any) -> nn.Module:
    """Build a model for three classes, or for the tiny vocabulary."""
    size = VOCABULARY if name == "transformer" else 3
    return build_model(name, args, input_shape=shape, output_size=size, seed=seed)


def samples(kind: str, shape: tuple[int, ...], count: int = 4) -> Tensor:
    """Return a batch of a kind."""
    generator = torch.Generator().manual_seed(0)
    if kind == "tokens":
        return torch.randint(0, VOCABULARY, (count, *shape), generator=generator)
    return torch.randn(count, *shape, generator=generator)
