"""From a stored sweep to what is printed: the last stretch, shared by ``sweep`` and ``show``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bsx.schema import Analysis, Recipe, Sweep
from bsx.store import Store

if TYPE_CHECKING:
    from rich.console import Console


def analyzed(
    store: Store,
    sweep: Sweep,
    recipes: Sequence[Recipe],
    probed: Mapping[str, Any] | None = None,
) -> Analysis:
    """Analyse what is stored of ``sweep``, with the speeds of a probe's document if there is one.

    Raises:
        DataError: for a document that is damaged.
    """
    from bsx.analyze import analyze

    runs = store.runs(sweep.sweep_id)
    if probed is None:
        speeds = store.speeds(sweep.sweep_id)
        return analyze(sweep.config, sweep.facts, recipes, runs, speeds)
    from bsx.schema import Caution
    from bsx.stats.elsewhere import speeds_from

    sizes = {recipe.batch_size for recipe in recipes}
    sizes |= {recipe.largest_batch(sweep.facts.train_samples) for recipe in recipes}
    elsewhere, origin = speeds_from(probed, sizes, sweep.config, sweep.facts)
    found = analyze(sweep.config, sweep.facts, recipes, runs, elsewhere)
    said = [Caution("speed_of_other", {"differs": origin.differs})] if origin.differs else []
    return replace(found, speed_from=origin, cautions=(*found.cautions, *said))


def print_arms(
    store: Store,
    arms: Sequence[tuple[str, Sweep, Sequence[Recipe]]],
    *,
    form: str,
    get: str | None,
    quiet: bool,
) -> None:
    """Print the sweeps of the arms of ``--vary``, and on the terminal how they compare.

    Raises:
        NothingFound: where ``get`` leads nowhere.
    """
    from bsx.render import document as documents
    from bsx.render.formats import Format, get_text, machine_text

    if form == Format.TABLE and get is None:
        from bsx.cli.compare import arm_of, print_compared
        from bsx.render import phrases

        for label, sweep, recipes in arms:
            sys.stdout.write(f"══ {phrases.clean(label)}\n\n")
            print_sweep(store, sweep, recipes, form=form, get=None, quiet=quiet)
            sys.stdout.write("\n")
        if len(arms) > 1:
            compared = [arm_of(store, sweep, label) for label, sweep, _ in arms]
            print_compared(compared, (), form, None, quiet)
        return
    found = [
        {"arm": label, **documents.document(sweep, analyzed(store, sweep, recipes))}
        for label, sweep, recipes in arms
    ]
    if get is not None:
        sys.stdout.write(get_text({"arms": found}, get))
        return
    rows = [{"arm": one["arm"], **row} for one in found for row in documents.rows(one)]
    sys.stdout.write(machine_text({"arms": found}, rows, Format(form)))


def print_sweep(
    store: Store,
    sweep: Sweep,
    recipes: Sequence[Recipe],
    *,
    form: str,
    get: str | None,
    quiet: bool,
    probed: Mapping[str, Any] | None = None,
) -> None:
    """Analyse what is stored of ``sweep`` and print it: results to stdout, cautions to stderr.

    ``probed``: the document of a probe, whose speeds replace the sweep's own.

    Raises:
        NothingFound: where ``get`` leads nowhere.
        ConfigError: for a path or target that cannot be meant.
    """
    analysis = analyzed(store, sweep, recipes, probed)
    print_analysis(sweep, analysis, form=form, get=get, quiet=quiet)


def print_analysis(
    sweep: Sweep, analysis: Analysis, *, form: str, get: str | None, quiet: bool
) -> None:
    """Print what was found out: results to stdout, cautions to stderr.

    Raises:
        NothingFound: where ``get`` leads nowhere.
        ConfigError: for a path that cannot be meant.
    """
    from bsx.render import document as documents
    from bsx.render.formats import Format
    from bsx.render.markdown import sweep_markdown
    from bsx.render.tables import print_cautions
    from bsx.render.tables import print_sweep as draw_sweep
    from bsx.render.targets import cautions_in_full

    document = documents.document(sweep, analysis)
    print_found(
        document,
        documents.rows(document),
        form=form,
        get=get,
        draw=lambda console: draw_sweep(console, sweep, analysis),
        markdown=lambda: sweep_markdown(sweep, analysis),
    )
    if form == Format.TABLE and get is None and not quiet:
        from rich.console import Console

        print_cautions(Console(stderr=True), cautions_in_full(analysis), sweep.facts.metric)


def print_found(
    document: Any,
    rows: Sequence[Mapping[str, Any]],
    *,
    form: str,
    get: str | None,
    draw: Callable[[Console], None],
    markdown: Callable[[], str],
) -> None:
    """Print a result as it was asked for: one value of it, drawn for people, or for programs.

    Args:
        document: what ``json`` prints and ``get`` leads into.
        rows: what the formats of a row a batch size print.
        draw: draws it on the terminal.
        markdown: writes it for people who read it elsewhere.

    Raises:
        NothingFound: where ``get`` leads nowhere.
        ConfigError: for a path that cannot be meant.
    """
    from bsx.render.formats import Format, get_text, machine_text

    if get is not None:
        sys.stdout.write(get_text(document, get))
    elif form == Format.TABLE:
        from rich.console import Console

        draw(Console())
        sys.stdout.flush()
    elif form == Format.MARKDOWN:
        sys.stdout.write(markdown())
    else:
        sys.stdout.write(machine_text(document, rows, Format(form)))
