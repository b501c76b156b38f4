"""Branches off a run: from where they go on, at which sizes, for how many samples.

All branches of a sweep are equally long in samples, and that length is a whole number of batches of
every size: at the end, and at the evaluations before it, each has seen exactly what the others have
seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bsx.errors import ConfigError

LEAST_STEPS = 8  # of a branch, at the largest size
DEFAULT_BASE = 8
_EVALUATIONS = 16  # at so many parts of a branch, the first half of it left out


@dataclass(frozen=True)
class BranchLayout:
    """The branches of a sweep.

    ``sizes`` are their batch sizes, the trunk's own first; ``samples`` the length of each;
    ``points`` the steps of the trunk after which they begin.
    """

    sizes: tuple[int, ...]
    samples: int
    points: tuple[int, ...]

    @property
    def base(self) -> int:
        """The batch size of the trunk."""
        return self.sizes[0]


def lay_out_branches(
    base: int,
    sizes: Sequence[int] | None,
    samples: int | None,
    points: int,
    *,
    trunk_steps: int,
    train_samples: int,
) -> BranchLayout:
    """Return the branches that were asked for.

    Args:
        base: the batch size of the trunk.
        sizes: those of the branches, multiples of it; None: as many doublings as fit.
        samples: about how long a branch is; None: one pass over the training set. It is rounded to
            a multiple of 8 batches of every size.
        points: how many; the last is the trunk's end, each other half as far as the next, so that
            more points, or a trunk of twice the length, keep those that there were.
        trunk_steps: the length of the trunk.
        train_samples: those of the training set.

    Raises:
        ConfigError: for what does not fit, with the remedy.
    """
    wanted = train_samples if samples is None else samples
    largest = min(wanted // LEAST_STEPS, train_samples)
    if sizes is None:
        sizes = [base * 2**power for power in range(max(1, largest // base).bit_length())]
    together = math.lcm(*sizes)
    if len(sizes) < 2 or together * LEAST_STEPS > wanted:
        raise ConfigError(_too_short(sizes, together, wanted))
    length = LEAST_STEPS * together
    return BranchLayout(
        tuple(sorted(sizes)),
        max(1, round(wanted / length)) * length,
        _points(points, trunk_steps),
    )


def branch_evaluations(samples: int, batch_size: int) -> tuple[int, ...]:
    """Return the steps of a branch after which it is evaluated, of so many samples.

    They are those sixteenths of its second half that are whole steps at this size: of a size that
    divides another, all that the other has.
    """
    steps = []
    for part in range(_EVALUATIONS // 2, _EVALUATIONS + 1):
        step, rest = divmod(part * samples, _EVALUATIONS * batch_size)
        if not rest:
            steps.append(step)
    return tuple(steps)


def _points(count: int, trunk_steps: int) -> tuple[int, ...]:
    if 2 ** (count - 1) > trunk_steps:
        raise ConfigError(
            f"--branch-points {count}: each point lies half as far as the next, and the trunk has "
            f"{trunk_steps} iterations; give at most --branch-points {trunk_steps.bit_length()}, "
            "or train longer"
        )
    return tuple(round(trunk_steps / 2**back) for back in range(count - 1, -1, -1))


def _too_short(sizes: Sequence[int], together: int, wanted: int) -> str:
    if len(sizes) < 2:
        return (
            f"--method branched: a branch of {wanted} samples has fewer than {LEAST_STEPS} "
            f"iterations at twice the base batch size {sizes[0]}; give --branch-samples "
            f"{2 * LEAST_STEPS * sizes[0]} or more, or a smaller --base-batch-size"
        )
    least = together * LEAST_STEPS
    if together == max(sizes):
        return (
            f"--batch-sizes: a branch of {wanted} samples is shorter than {LEAST_STEPS} batches of "
            f"{together}; give --branch-samples {least} or more, or smaller sizes"
        )
    ordered = sorted(sizes)
    named = f"{', '.join(map(str, ordered[:-1]))} and {ordered[-1]}"
    return (
        f"--batch-sizes: all branches see equally many samples, at least {LEAST_STEPS} times the "
        f"least common multiple of the sizes: of {named} that is {least}, and {wanted} are fewer; "
        f"give --branch-samples {least} or more, or sizes of which each is a multiple of the one "
        "before"
    )
