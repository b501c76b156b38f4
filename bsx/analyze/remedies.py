"""How a sweep goes on: what the sentences need to name the remedy that there is for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bsx.schema import Analysis, Caution, SweepConfig

# Cautions and reasons that say that more seeds would help, the one that knows best how many first
_ASKING = (
    "quality_tied",
    "quality_not_settled",
    "cheaper_left_out",
    "not_better_than_baseline",
    "few_seeds",
)
_ASKING_TIMES = ("no_recommendation", "not_timed")  # of what a step takes
_ASKING_LENGTH = ("censored", "no_target", "target_not_common")  # for longer runs


def with_command(found: Analysis, config: SweepConfig) -> Analysis:
    """Return the analysis whose cautions and reason know by which command seeds are added.

    The value ``goes_on`` is ``alone`` where `bsx sweep --more-seeds N` does it, with the sweep's
    name as ``sweep`` where it has one, ``same_options`` for an arm of ``--vary``; nothing is added
    where a program takes no seed. Only one of them has it, the others have ``asked_elsewhere``.
    Cautions of what was run elsewhere have the value ``elsewhere``: no option of bsx can mend it;
    those that ask for longer runs have ``own_length`` where a program decides by itself how long
    it trains, those that ask for times ``program`` where they are a program's to tell, and sizes
    that were not run since all others failed ``given_up``.
    """
    if config.command is not None and config.command.program.elsewhere:
        there = (replace(c, values={**c.values, "elsewhere": True}) for c in found.cautions)
        return replace(found, cautions=tuple(there))
    found = _of_own_program(found, config)
    how = _how(config)
    if not how:
        return found
    advice = found.recommendation
    said = [*found.cautions, *([advice.reason] if advice else [])]
    asking = {caution.code for caution in said if _asks(caution)}
    first = next((code for code in _ASKING if code in asking), None)
    return replace(
        found,
        cautions=tuple(_told(caution, how, first) for caution in found.cautions),
        recommendation=advice and replace(advice, reason=_told(advice.reason, how, first)),
    )


def _of_own_program(found: Analysis, config: SweepConfig) -> Analysis:
    if config.command is None:
        return found
    more = {code: {"program": True} for code in _ASKING_TIMES}
    ends = {row.status for row in found.batch_sizes}
    if "failed" in ends and ends <= {"failed", "not_run"}:
        more |= {"not_run": {"given_up": True}}
    if not config.command.program.takes_length:
        more |= {code: {"own_length": True} for code in _ASKING_LENGTH}
    told = (replace(c, values={**c.values, **more.get(c.code, {})}) for c in found.cautions)
    return replace(found, cautions=tuple(told))


def _how(config: SweepConfig) -> dict[str, str]:
    command = config.command
    if command is not None and "seed" not in command.program.placeholders:
        return {}
    if any(origin.startswith("--vary ") for origin in config.origins.values()):
        return {"goes_on": "same_options"}
    return {"goes_on": "alone", **({"sweep": config.name} if config.name else {})}


def _asks(caution: Caution) -> bool:
    """Say whether a caution or reason asks for seeds, and so many of them."""
    if caution.code == "quality_tied":
        return caution.values.get("seeds_needed") is not None
    if caution.code == "not_better_than_baseline":
        return bool(caution.values.get("likely"))
    return caution.code in _ASKING


def _told(caution: Caution, how: Mapping[str, str], first: str | None) -> Caution:
    if not _asks(caution):
        return caution
    more: Mapping[str, Any] = how if caution.code == first else {"asked_elsewhere": True}
    return replace(caution, values={**caution.values, **more})
