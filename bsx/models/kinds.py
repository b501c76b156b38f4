"""Kinds of data by the shape of one sample, and which of them each built-in model takes.

========  ==============================  ==============================
kind      shape of one sample             outputs for a batch
========  ==============================  ==============================
vectors   (features,)                     (batch, outputs)
images    (channels, height, width)       (batch, outputs)
series    (window,), (window, channels)   (batch, outputs)
tokens    (context,) of whole numbers     (batch, context, vocabulary)
========  ==============================  ==============================

A vector and a window of one channel have one shape: only whoever read the data knows which it is.
"""

from __future__ import annotations

from bsx.errors import ConfigError

SHAPES: dict[str, tuple[int, ...]] = {  # kind → how many axes a sample may have
    "vectors": (1,),
    "images": (3,),
    "series": (1, 2),
    "tokens": (1,),
}

_FLAT = ("vectors", "images", "series")
CLAIMS: dict[str, tuple[str, ...]] = {
    "logistic": _FLAT,
    "mlp": _FLAT,
    "simple-cnn": ("images",),
    "cnn": ("images",),
    "lenet5": ("images",),
    "vgg": ("images",),
    "resnet8": ("images",),
    "resnet20": ("images",),
    "resnet32": ("images",),
    "resnet56": ("images",),
    "tcn": ("series",),
    "rnn": ("series",),
    "lstm": ("series",),
    "gru": ("series",),
    "transformer": ("tokens",),
}

_NEEDS = {
    "vectors": "vectors of shape (features,)",
    "images": "images of shape (channels, height, width)",
    "series": "series of shape (window,) or (window, channels)",
    "tokens": "token ids of shape (context,)",
}
_TAKE = {"vectors": "mlp", "images": "cnn", "series": "gru", "tokens": "transformer"}


def check_kind(name: str, kind: str) -> None:
    """Refuse data of a kind that the built-in model ``name`` does not claim.

    Raises:
        ConfigError: naming a model that does; never for a model that is not built in.
    """
    claimed = CLAIMS.get(name)
    if claimed is not None and kind not in claimed:
        raise ConfigError(
            f"--model {name}: needs {_needs(claimed)}, and the data are {kind}; "
            f"take --model {_TAKE.get(kind, 'mlp')}"
        )


def check_shape(name: str, input_shape: tuple[int, ...]) -> None:
    """Refuse samples of a shape that no kind of data claimed by ``name`` has.

    Raises:
        ConfigError: naming a model that takes this shape.
    """
    claimed = CLAIMS[name]
    if not any(len(input_shape) in SHAPES[kind] for kind in claimed):
        fits = {1: "mlp", 2: "gru", 3: "cnn"}.get(len(input_shape), "mlp")
        raise ConfigError(
            f"--model {name}: needs {_needs(claimed)}, not {input_shape}; take --model {fits}"
        )


def check_image(name: str, input_shape: tuple[int, ...], least: int) -> tuple[int, int, int]:
    """Return channels, height and width, of images with at least ``least`` pixels a side.

    Raises:
        ConfigError: for another shape, or a smaller image.
    """
    check_shape(name, input_shape)
    channels, height, width = input_shape
    if min(height, width) < least:
        raise ConfigError(
            f"--model {name}: needs images of at least {least}×{least} pixels, "
            f"not {height}×{width}; take --model cnn"
        )
    return channels, height, width


def check_series(name: str, input_shape: tuple[int, ...]) -> tuple[int, int]:
    """Return window and channels of a series: a sample of one axis has one channel."""
    check_shape(name, input_shape)
    return input_shape[0], input_shape[1] if len(input_shape) == 2 else 1


def _needs(kinds: tuple[str, ...]) -> str:
    return " or ".join(_NEEDS[kind] for kind in kinds)
