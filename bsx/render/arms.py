"""The arms of ``--vary`` and how they compare: the document, its rows, and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from bsx.render import comparison as compared
from bsx.render import document as documents
from bsx.render import phrases
from bsx.render import rows as of_rows
from bsx.render.markdown import escaped, sweep_markdown
from bsx.render.tables import Plain
from bsx.schema import Analysis, Comparison, Metric, Sweep

Arms = Sequence[tuple[str, Sweep, Analysis]]  # what sets it apart, and what came of it


def document(arms: Arms, comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Return the document of the arms, ready for ``json``."""
    return {
        "arms": [
            {"arm": None, **documents.document(sweep, found)} | {"arm": label}
            for label, sweep, found in arms
        ],
        "comparisons": [compared.document(comparison) for comparison in comparisons],
    }


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Flatten a document into one row an arm and batch size."""
    return [{"arm": one["arm"], **row} for one in found["arms"] for row in of_rows.rows(one)]


def print_title(console: Console, label: str) -> None:
    """Print the line above an arm."""
    console.print(Plain(Text(f"══ {phrases.clean(label)}\n")))


def markdown(arms: Arms, comparisons: Sequence[Comparison], metric: Metric) -> str:
    """Write each arm, then the comparisons, ending with a newline."""
    blocks = []
    for label, sweep, found in arms:
        blocks += [f"# {escaped(label)}", sweep_markdown(sweep, found).replace("# ", "## ", 1)]
    if comparisons:
        blocks.append(compared.markdown(comparisons, metric))
    return "\n\n".join(block.rstrip() for block in blocks) + "\n"
