"""Which orders and variations of samples the data at hand allow; training makes them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from bsx.errors import ConfigError
from bsx.schema import Sampling

WAYS = ("flip", "crop", "noise")  # of varying a batch of images


def check_order(sampling: Sampling, labels: Tensor | None) -> None:
    """Refuse an order that the data have no classes for, or that contradicts itself.

    Raises:
        ConfigError: with the option and the remedy.
    """
    has_classes = labels is not None and labels.dim() == 1 and not labels.is_floating_point()
    if sampling.order == "by-class" and not has_classes:
        raise ConfigError("--order by-class: these data have no classes; take shuffled")
    if sampling.class_skew and not has_classes:
        raise ConfigError(
            f"--class-skew {sampling.class_skew:g}: these data have no classes; leave it at 0"
        )
    if sampling.class_skew and sampling.order != "shuffled":
        raise ConfigError(
            f"--class-skew {sampling.class_skew:g}: it is for --order shuffled, "
            f"not {sampling.order}"
        )


def check_augmentation(ways: Sequence[str], input_shape: tuple[int, ...]) -> None:
    """Refuse a way that is not known, or one that needs images.

    Raises:
        ConfigError: with the option and the remedy.
    """
    for way in ways:
        if way not in WAYS:
            raise ConfigError(f"--augment {way}: give some of {', '.join(WAYS)}")
        if way != "noise" and len(input_shape) != 3:
            raise ConfigError(
                f"--augment {way}: it is for images of shape (channels, height, width), and these "
                f"samples have shape {input_shape}; leave it out"
            )
