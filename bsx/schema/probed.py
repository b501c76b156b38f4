"""What a probe found: memory and speed by batch size, without training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bsx.schema.analysis import Speed
from bsx.schema.asked import SweepConfig
from bsx.schema.known import Facts
from bsx.schema.quantity import Estimate


@dataclass(frozen=True)
class ProbedSize:
    """One batch size that was tried.

    ``peak_memory_bytes`` is that of a training and an evaluation step. ``rounds`` are the draws
    behind ``speed`` in seconds per step, round by round; a round that failed has none. A size that
    was tried on the way to the largest is not timed.
    """

    batch_size: int
    status: str  # ok | out_of_memory | failed
    peak_memory_bytes: int | None = None
    rounds: tuple[tuple[float, ...], ...] = ()
    speed: Speed | None = None
    share_of_best: float | None = None  # of the best throughput measured
    error: str | None = None

    @property
    def step_seconds(self) -> tuple[float, ...]:
        """The draws of all rounds."""
        return tuple(draw for draws in self.rounds for draw in draws)


@dataclass(frozen=True)
class Probe:
    """All that a probe found; its ``sizes`` from small to large."""

    config: SweepConfig
    facts: Facts
    environment: Mapping[str, Any]
    sizes: tuple[ProbedSize, ...]
    limit_bytes: int | None
    limit_source: str  # user | device | machine: whose limit it is
    stopped_by: str  # memory | max | samples | failed: why no larger size fits, or was tried
    knee: Estimate | None
    alpha: Estimate | None  # seconds for a step, whatever its size
    beta: Estimate | None  # seconds for each sample more

    @property
    def largest(self) -> int | None:
        """The largest batch size that fits."""
        return max((s.batch_size for s in self.sizes if s.status == "ok"), default=None)

    @property
    def timed(self) -> tuple[ProbedSize, ...]:
        """The sizes of which the speed is known."""
        return tuple(size for size in self.sizes if size.speed is not None)


@dataclass(frozen=True)
class ComparedProbeSize:
    """One batch size that was timed in two arms; ratios are second to first."""

    batch_size: int
    samples_per_second: tuple[Estimate, Estimate]
    throughput_ratio: Estimate | None
    peak_memory_bytes: tuple[int | None, int | None]
    peak_memory_ratio: Estimate | None


@dataclass(frozen=True)
class ProbeComparison:
    """What a second arm of a probe buys, compared with the first.

    ``largest_ratio`` is that of the largest sizes that fit, a bound where one of them was not ended
    by memory, and None where nothing is known of it.
    """

    first: str
    second: str
    largest: tuple[int | None, int | None]
    largest_ratio: Estimate | None
    sizes: tuple[ComparedProbeSize, ...]
