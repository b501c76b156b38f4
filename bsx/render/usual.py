"""What of how a sweep trains and looks is not as it is by default, by the names of its options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from bsx.render import numbers, phrases
from bsx.schema import (
    Initialization,
    Objective,
    Scaling,
    Split,
    SweepConfig,
)

_OF_LOOKING = ("evaluation_spacing", "evaluation_samples")  # what iterations to a target hang on

# Fields whose option has another name, or which other lines tell (None)
_OPTIONS: dict[tuple[type, str], str | None] = {
    (Objective, "metric"): None,
    (Initialization, "scheme"): "init",
    (Initialization, "file"): "init-from",
    (Initialization, "source"): None,
    (Scaling, "momentum"): "momentum-rule",
    (Scaling, "weight_decay"): "weight-decay-rule",
    (Scaling, "base_batch_size"): "base-batch-size",
    (Split, "validation"): "validation-fraction",
    (Split, "test"): "test-fraction",
    (Split, "seed"): "split-seed",
}


def unusual(config: SweepConfig) -> str:
    """Return the options of training that are not as by default: ``schedule cosine, warmup 0.1``.

    Those that other lines of the heading tell (data, model, optimizer, rates, seeds and budget)
    are left out. Empty where all is as usual.
    """
    told = [f"{name} {_shown(value)}".rstrip() for name, value in _changed(config)]
    if config.tail == "drop":
        told.append("drop-last")
    return phrases.clean(", ".join(told))


def _changed(config: SweepConfig) -> Iterator[tuple[str, Any]]:
    parts = (config.training, config.objective, config.initialization, config.sampling,
             config.scaling, config.split)  # fmt: skip
    for part in parts:
        usual = type(part)()
        for field in fields(part):
            option = _OPTIONS.get((type(part), field.name), field.name.replace("_", "-"))
            value = getattr(part, field.name)
            if option is not None and value != getattr(usual, field.name):
                yield option, value
    for field in fields(config):
        if field.name in _OF_LOOKING and (value := getattr(config, field.name)) != field.default:
            yield field.name.replace("_", "-"), value


def _shown(value: Any) -> str:
    if value is True:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return numbers.significant(value, 6) if isinstance(value, float) else str(value)
