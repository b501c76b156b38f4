"""What is known of a batch size when one of them is to be recommended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bsx.schema import Estimate, Point
from bsx.stats.growth import mapped, mapped_logs
from bsx.stats.sizes import SizeEvidence


@dataclass(frozen=True)
class Candidate:
    """What is known of one batch size that was run.

    ``learning_rate`` (or trial) is the one fastest to the first target, ``final_rate`` the one
    best at the end. ``steps`` is None or without a value where the target was not reached; where
    the batch ``grows`` it counts how many steps of ``batch_size`` take as long, or as many as there
    are, or as many samples, whichever is to be small. ``log_steps`` are the seeds' own, ``quality``
    their validation metric at the end, ``resolution`` the log spacing of the evaluations that the
    steps are read off; ``step_seconds`` is None where the speed was not measured.
    """

    batch_size: int
    learning_rate: Point | None
    steps: Estimate | None
    log_steps: Mapping[int, float]
    step_seconds: Estimate | None
    quality: Mapping[int, float]
    final_rate: Point | None = None
    peak_memory_bytes: int | None = None
    grows: bool = False
    resolution: float = 0.0

    @property
    def reached(self) -> bool:
        """Whether the target was reached often enough to say in how many steps."""
        return self.steps is not None and self.steps.value is not None


def candidate_of(size: SizeEvidence, objective: str) -> Candidate:
    """Return what is known of a size, its steps to the first target as ``objective`` counts."""
    final, growth = size.final, size.growth
    target = size.targets[0] if size.targets else None
    choice = target.choice if target else None
    counts: dict[str, Callable[[float], float]] = {"steps": growth.iterations, "samples": float}
    counted = counts.get(objective, growth.duration)
    return Candidate(
        size.batch_size,
        choice.rate if choice else final.choice.rate if final else None,
        mapped(target.steps, counted) if target else None,
        mapped_logs(target.log_steps, counted) if target else {},
        size.speed.step_seconds if size.speed else None,
        final.quality if final else {},
        final.choice.rate if final else None,
        size.speed.peak_memory_bytes if size.speed else None,
        growth.grows,
        target.resolution_in(counted) if target else 0.0,
    )
