"""How much of the memory there is the recommended batch size takes."""

from __future__ import annotations

from bsx.render import numbers
from bsx.schema import Analysis, Estimate, Sweep

_WHOSE = {
    "device": "of the device",
    "container": "that the container may hold",
    "machine": "of the machine",
}
_HARDLY = 0.01  # shares below are not told from one another


def memory_share(sweep: Sweep, analysis: Analysis) -> Estimate | None:
    """Return the recommended size's peak as a share of the limit; None where one is not known.

    A peak that a probe measured elsewhere has another limit.
    """
    peak, limit = _peak(analysis), sweep.facts.memory_limit
    if peak is None or limit is None or analysis.speed_from is not None:
        return None
    return Estimate(peak / limit.limit_bytes, n=1, method="peak / limit")


def headroom(sweep: Sweep, analysis: Analysis) -> str | None:
    """Say how far the recommended size is from the limit, and what finds the largest that fits."""
    share, limit = memory_share(sweep, analysis), sweep.facts.memory_limit
    if share is None or share.value is None or limit is None:
        return None
    part = "less than 1 %" if share.value < _HARDLY else numbers.percent(share.value, 0)
    whose = _WHOSE.get(limit.source, "there is")
    return (
        f"At its peak it takes {numbers.size(_peak(analysis))} of memory, {part} of the "
        f"{numbers.size(limit.limit_bytes)} {whose}; the largest size that fits is found by "
        "`bsx probe`."
    )


def _peak(analysis: Analysis) -> int | None:
    advice = analysis.recommendation
    speeds = {row.batch_size: row.speed for row in analysis.batch_sizes}
    speed = speeds.get(advice.batch_size) if advice else None
    return speed.peak_memory_bytes if speed else None
