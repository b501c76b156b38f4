"""What one arm of a probe buys beside another: ratios of throughput, of peak memory, of sizes.

The rounds of both arms alternate, so that what the machine does meanwhile meets both. The ratio is
therefore taken round by round, and how much these ratios differ is what its interval holds: draws
within a round share the luck of one process and would promise too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bsx.schema import Estimate
from bsx.stats.intervals import LEVEL, geometric_mean_estimate

Rounds = Sequence[Sequence[float]]  # round → seconds per step; () where the round failed


def throughput_ratio(first: Rounds, second: Rounds) -> Estimate | None:
    """Estimate how many times as fast the second is, paired by round.

    None where no round timed both; one round has no interval.
    """
    ratios = [median(a) / median(b) for a, b in zip(first, second, strict=False) if a and b]
    return geometric_mean_estimate(ratios, method="t interval of logs, paired by round")


def peak_ratio(first: int | None, second: int | None) -> Estimate | None:
    """Return how many times the memory the second takes; peaks are read off once."""
    if not first or not second:
        return None
    return Estimate(second / first, n=1, method="ratio of peaks")


def largest_ratio(
    first: int | None, first_ended: str, second: int | None, second_ended: str
) -> Estimate | None:
    """Return how many times as large a batch fits in the second.

    Args:
        first, second: the largest sizes that fit; None where none does.
        first_ended, second_ended: what no larger size is for, as of :class:`bsx.schema.Probe`.

    Where memory ended only one of the searches the other side is a bound: ``low`` or ``high``
    stands, and no value. None where neither was ended by it, or a size failed.
    """
    ended = {first_ended, second_ended}
    if first is None or second is None or "failed" in ended or "memory" not in ended:
        return None
    ratio = second / first
    exact = ended == {"memory"}
    return Estimate(
        ratio if exact else None,
        None if exact or second_ended == "memory" else ratio,
        None if exact or first_ended == "memory" else ratio,
        LEVEL,
        1,
        "ratio of the largest sizes that fit",
    )
