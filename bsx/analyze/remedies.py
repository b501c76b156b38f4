"""How a sweep goes on: what the sentences need to name the remedy that there is for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bsx.schema import Analysis, Caution, SweepConfig

# Cautions and reasons that say that more seeds would help
_ASKING = frozenset(
    {"few_seeds", "quality_not_settled", "quality_tied", "not_better_than_baseline"}
)


def with_command(found: Analysis, config: SweepConfig) -> Analysis:
    """Return the analysis whose cautions and reason know by which command seeds are added.

    Their value ``goes_on`` is ``alone`` where `bsx sweep --more-seeds N` does it, ``same_options``
    for an arm of ``--vary``; nothing is added where a program takes no seed. Cautions of what was
    run elsewhere have the value ``elsewhere``: no option of bsx can mend it.
    """
    if config.command is not None and config.command.program.elsewhere:
        there = (replace(c, values={**c.values, "elsewhere": True}) for c in found.cautions)
        return replace(found, cautions=tuple(there))
    how = _how(config)
    if how is None:
        return found
    advice = found.recommendation
    return replace(
        found,
        cautions=tuple(_told(caution, how) for caution in found.cautions),
        recommendation=advice and replace(advice, reason=_told(advice.reason, how)),
    )


def _how(config: SweepConfig) -> str | None:
    command = config.command
    if command is not None and "seed" not in command.program.placeholders:
        return None
    varied = any(origin.startswith("--vary ") for origin in config.origins.values())
    return "same_options" if varied else "alone"


def _told(caution: Caution, how: str) -> Caution:
    if caution.code not in _ASKING:
        return caution
    values: Mapping[str, Any] = {**caution.values, "goes_on": how}
    return replace(caution, values=values)
