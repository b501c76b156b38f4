"""What a probe tries next: larger sizes until one does not fit, then the edge between the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bsx.errors import ConfigError
from bsx.plan.recipes import recipes
from bsx.schema import BatchSizes, Budget, Facts, LearningRates, MemoryUnit, Recipe, SweepConfig

_RATE = 1e-3  # memory does not depend on it


def probe_range(facts: Facts, most: int | None) -> tuple[int, int]:
    """Return the smallest and the largest batch size that a probe may try.

    BatchNorm cannot train on one sample; no batch is larger than the training set.

    Raises:
        ConfigError: where nothing is left between the two.
    """
    smallest = 2 if facts.has_batchnorm else 1
    largest = min(most or facts.train_samples, facts.train_samples)
    if largest < smallest:
        raise ConfigError(
            f"--max {largest}: BatchNorm cannot train on a batch of 1, whose variance is 0; give "
            "at least 2, or take a model without BatchNorm"
        )
    return smallest, largest


def next_size(tried: Mapping[int, bool], smallest: int, largest: int) -> int | None:
    """Return the size to try next on the way to the largest that fits; None when it is found.

    Args:
        tried: size → whether it fits. A size fits where a larger one does.

    Sizes double from ``smallest`` until one does not fit or ``largest`` is reached; then the gap
    between the largest that fits and the smallest that does not is halved until it is closed.
    """
    failing = min((size for size, fits in tried.items() if not fits), default=None)
    fitting = max(
        (s for s, fits in tried.items() if fits and (failing is None or s < failing)), default=None
    )
    if fitting is None:
        return smallest if failing is None else None
    if failing is None:
        return None if fitting == largest else min(2 * fitting, largest)
    return (fitting + failing) // 2 if failing - fitting > 1 else None


def doubling(smallest: int, largest: int) -> tuple[int, ...]:
    """Return the sizes that are tried as long as all fit, the largest included."""
    sizes = [smallest]
    while sizes[-1] < largest:
        sizes.append(min(2 * sizes[-1], largest))
    return tuple(sizes)


def probe_recipe(config: SweepConfig, facts: Facts, batch_size: int) -> Recipe:
    """Return what is trained at one size: of a sweep's question the part that decides its speed.

    Raises:
        ConfigError: see :func:`bsx.plan.recipes`.
    """
    asked = replace(
        config,
        batch_sizes=BatchSizes((batch_size,)),
        learning_rates=LearningRates(),
        budget=Budget(steps=1),
        targets=(),
        training=replace(config.training, decay="rate", grow_to=None),
    )
    return recipes(asked, facts)[0]


def memory_unit(recipe: Recipe, facts: Facts, limit_bytes: int | None) -> MemoryUnit:
    """Return the unit that tries whether a size fits."""
    return MemoryUnit(
        recipe, _RATE, limit_bytes, facts.device, facts.threads, streamed=facts.streamed
    )
