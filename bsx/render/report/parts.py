"""What a report is made of: sweeps with what was found out, and how they compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bsx.schema import Analysis, Comparison, Estimate, RunRecord, Sweep


@dataclass(frozen=True)
class Part:
    """One sweep. ``label``: what sets it apart where there are several, else ''.

    ``knee``: the smallest batch size that comes close to the best throughput. ``command``: the
    command that runs the sweep again, None for what was measured elsewhere.
    """

    label: str
    sweep: Sweep
    analysis: Analysis
    runs: Sequence[RunRecord]
    knee: Estimate | None
    command: str | None


@dataclass(frozen=True)
class Report:
    """All of it; ``command`` is the one that wrote the report, ``made`` when, ISO 8601."""

    parts: Sequence[Part]
    comparisons: Sequence[Comparison]
    command: str
    made: str
