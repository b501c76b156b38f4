"""What must be known where a probe's speeds stand in place of a sweep's own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from bsx.schema import Analysis, Caution, SpeedOrigin, SweepConfig


def with_origin(
    found: Analysis, origin: SpeedOrigin, timed: Collection[int], config: SweepConfig
) -> Analysis:
    """Return an analysis that says where its speeds come from, and where they do not fit.

    ``timed``: the batch sizes of which there are such speeds.
    """
    cautions, advice = list(found.cautions), found.recommendation
    if any(row.speed for row in found.batch_sizes):
        cautions += _of_other(origin, config)
    else:
        sizes = tuple(row.batch_size for row in found.batch_sizes)
        there: dict[str, Any] = {"timed": tuple(sorted(timed)), "sizes": sizes}
        cautions = [_told(caution, there) for caution in cautions]
        advice = advice and replace(advice, reason=_told(advice.reason, there))
    return replace(found, speed_from=origin, cautions=tuple(cautions), recommendation=advice)


def _of_other(origin: SpeedOrigin, config: SweepConfig) -> list[Caution]:
    if config.command is not None:  # nothing is known of what it trained
        values = {"differs": (), "model": origin.model, "dataset": origin.dataset}
        return [Caution("speed_of_other", values)]
    return [Caution("speed_of_other", {"differs": origin.differs})] if origin.differs else []


def _told(caution: Caution, there: dict[str, Any]) -> Caution:
    """Add the sizes to what says that there is no speed."""
    why = caution.values.get("reason") or caution.values.get("missing")
    if why != "no_speed" and caution.code != "objective_without_seconds":
        return caution
    return replace(caution, values={**caution.values, **there})
