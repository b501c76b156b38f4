"""How many lanes memory holds at once, by what was measured of one sample's way."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.errors import ConfigError
from bsx.schema import Facts, Recipe, SweepConfig

# What all that trains at once may hold in memory, unless that is asked for or there is little;
# more lanes train in a further group.
LANES_BYTES = 2**30
_SHARE = 4  # of the memory there is: one in so many bytes, cut to a power of two, as it varies
_COPIES = 4  # of each number kept: values, gradients, and two temporaries


def most_lanes(config: SweepConfig, facts: Facts, batch_size: int) -> int:
    """How many lanes may train in a group, by what was measured of one sample's way."""
    most = LANES_BYTES
    if facts.memory_limit is not None:
        most = min(most, 1 << (facts.memory_limit.limit_bytes // _SHARE).bit_length() - 1)
    share = (config.lanes_bytes or most) // facts.workers
    return max(1, share // _bytes_of_a_lane(facts, batch_size))


def check_budget(config: SweepConfig, facts: Facts, of: Sequence[Recipe]) -> None:
    """Refuse a budget of memory that holds no run of the smallest size.

    Raises:
        ConfigError: with what would do.
    """
    if config.lanes_bytes is None or config.command is not None or config.elsewhere:
        return
    smallest = min(recipe.largest_batch(facts.train_samples) for recipe in of)
    least = facts.workers * _bytes_of_a_lane(facts, smallest)
    if least > config.lanes_bytes:
        beside = f" in each of {facts.workers} processes" if facts.workers > 1 else ""
        raise ConfigError(
            f"--max-memory of {config.lanes_bytes:,} B: one run of {config.model.name} at "
            f"batch size {smallest:,} is foretold to take {_megabytes(least // facts.workers)}"
            f"{beside}; give {_megabytes(least)} or more"
            f"{', or fewer --workers' if facts.workers > 1 else ''}"
        )


def _bytes_of_a_lane(facts: Facts, batch_size: int) -> int:
    numbers = _COPIES * (batch_size * facts.sample_floats + facts.parameters)
    return 4 * (numbers + round(facts.history_floats * facts.parameters))


def _megabytes(size: int) -> str:
    return f"{-(-size // 10**5) / 10:g}MB"
