"""From a stored sweep to what is printed: the last stretch, shared by ``sweep`` and ``show``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bsx.schema import Recipe, Sweep, TargetSpec
from bsx.store import Store


def print_sweep(
    store: Store,
    sweep: Sweep,
    recipes: Sequence[Recipe],
    *,
    form: str,
    get: str | None,
    quiet: bool,
    targets: Sequence[TargetSpec] | None = None,
) -> None:
    """Analyse what is stored of ``sweep`` and print it: results to stdout, cautions to stderr.

    Raises:
        NothingFound: where ``get`` leads nowhere.
        ConfigError: for a path or target that cannot be meant.
    """
    from bsx.analyze import analyze
    from bsx.render import document as documents
    from bsx.render.formats import Format, get_text, machine_text

    runs = store.runs(sweep.sweep_id)
    speeds = store.speeds(sweep.sweep_id)
    analysis = analyze(sweep.config, sweep.facts, recipes, runs, speeds, targets)
    form = Format(form)
    if get is not None:
        sys.stdout.write(get_text(documents.document(sweep, analysis), get))
        return
    if form is Format.TABLE:
        from rich.console import Console

        from bsx.render import tables

        tables.print_sweep(Console(), sweep, analysis)
        sys.stdout.flush()
        if not quiet:
            tables.print_cautions(Console(stderr=True), analysis.cautions, sweep.facts.metric)
    elif form is Format.MARKDOWN:
        from bsx.render.markdown import sweep_markdown

        sys.stdout.write(sweep_markdown(sweep, analysis))
    else:
        document = documents.document(sweep, analysis)
        sys.stdout.write(machine_text(document, documents.rows(document), form))
