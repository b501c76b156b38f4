"""From a stored sweep to what is printed: the last stretch, shared by ``sweep`` and ``show``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bsx.errors import DataError
from bsx.schema import Analysis, Recipe, Sweep
from bsx.store import Store

if TYPE_CHECKING:
    from rich.console import Console

    from bsx.render.grid import Grid


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
    measured = store.diagnostics(sweep.sweep_id)
    if probed is None:
        speeds = store.speeds(sweep.sweep_id)
        return analyze(sweep.config, sweep.facts, recipes, runs, speeds, measured=measured)
    from bsx.analyze.probed import with_origin
    from bsx.stats import own_program
    from bsx.stats.elsewhere import speeds_from

    config, facts = sweep.config, sweep.facts
    samples = own_program.with_samples(facts).train_samples
    sizes = {recipe.batch_size for recipe in recipes}
    sizes |= {recipe.largest_batch(samples) for recipe in recipes}
    elsewhere, origin = speeds_from(probed, sizes, config, facts)
    found = analyze(config, facts, recipes, runs, elsewhere, measured=measured)
    return with_origin(found, origin, {speed.batch_size for speed in elsewhere}, config)


def print_arms(
    store: Store,
    arms: Sequence[tuple[str, Sweep, Sequence[Recipe]]],
    *,
    form: str,
    get: str | None,
    quiet: bool,
    plot: bool = False,
) -> None:
    """Print the sweeps of the arms of ``--vary`` and how they compare with the first.

    An arm that is judged by another metric than the first is not compared.

    Raises:
        NothingFound: where ``get`` leads nowhere.
    """
    from bsx.cli.compare import arm_of, compared, warn
    from bsx.render import arms as rendered
    from bsx.render.comparison import print_comparisons
    from bsx.render.formats import Format

    found = [(label, sweep, analyzed(store, sweep, recipes)) for label, sweep, recipes in arms]
    metric = arms[0][1].facts.metric
    alike = [arm_of(store, s, label) for label, s, _ in arms if s.facts.metric == metric]
    comparisons = compared(alike)
    document = rendered.document(found, comparisons)

    def draw(console: Console) -> None:
        for label, sweep, analysis in found:
            rendered.print_title(console, label)
            sys.stdout.flush()
            print_analysis(sweep, analysis, form=form, get=None, quiet=quiet, plot=plot, arm=label)
            sys.stdout.write("\n")
        if not quiet:
            warn(comparisons)
            for label, sweep, _ in arms:
                if (other := sweep.facts.metric) != metric:
                    sys.stderr.write(
                        f"bsx: note: {label} is judged by {other.name}, {arms[0][0]} by "
                        f"{metric.name}; they are not compared\n"
                    )
        if comparisons:
            print_comparisons(console, comparisons, metric)

    print_found(
        document,
        rendered.rows(document),
        form=form,
        get=get,
        draw=draw,
        markdown=lambda: rendered.markdown(found, comparisons, metric),
    )
    if form != Format.TABLE and get is None and not quiet:  # else each stands below its tables
        for label, sweep, analysis in found:
            _warn(sweep, analysis, form, label)


def print_sweep(
    store: Store,
    sweep: Sweep,
    recipes: Sequence[Recipe],
    *,
    form: str,
    get: str | None,
    quiet: bool,
    probed: Mapping[str, Any] | None = None,
    part: str | None = None,
    plot: bool = False,
) -> None:
    """Analyse what is stored of ``sweep`` and print it: results to stdout, cautions to stderr.

    ``probed``: the document of a probe, whose speeds replace the sweep's own. ``part`` and
    ``plot``: see :func:`print_analysis`.

    Raises:
        NothingFound: where ``get`` leads nowhere.
        ConfigError: for a path or target that cannot be meant.
    """
    analysis = analyzed(store, sweep, recipes, probed)
    print_analysis(sweep, analysis, form=form, get=get, quiet=quiet, part=part, plot=plot)


def print_analysis(
    sweep: Sweep,
    analysis: Analysis,
    *,
    form: str,
    get: str | None,
    quiet: bool,
    part: str | None = None,
    plot: bool = False,
    arm: str = "",
) -> None:
    """Print what was found out: results to stdout, cautions to stderr.

    ``part``: ``rates`` for the learning rates alone, ``views`` for equal epochs and equal
    iterations, ``explain`` for what it all means in words, cautions included; None for the tables.
    ``plot``: pictures below the tables, if it is these that are printed. ``arm``: what sets the
    sweep apart where several are printed, which cautions then name.

    Raises:
        NothingFound: where ``get`` leads nowhere.
        ConfigError: for a path that cannot be meant.
    """
    from bsx.render import document as documents
    from bsx.render import explain, markdown, rates, tables
    from bsx.render import rows as of_rows
    from bsx.render.formats import Format

    document = documents.document(sweep, analysis)
    rows, draw, write = of_rows.rows, tables.print_sweep, markdown.sweep_markdown
    if part == "rates":
        rows, draw, write = of_rows.rate_rows, rates.print_rates, rates.markdown
    elif part == "explain":
        document["explanation"] = explain.explanation(sweep, analysis)
        draw, write = explain.print_explanation, explain.markdown
    elif part == "views":
        draw, write = _draw_views, _write_views
    print_found(
        document,
        rows(document),
        form=form,
        get=get,
        draw=lambda console: draw(console, sweep, analysis),
        markdown=lambda: write(sweep, analysis),
    )
    if plot and part is None and form == Format.TABLE and get is None:
        _plot(sweep, analysis)
    if part is None and get is None and not quiet:
        _warn(sweep, analysis, form, arm)


def _warn(sweep: Sweep, analysis: Analysis, form: str, arm: str) -> None:
    """Print cautions to stderr; the JSON document has them."""
    from rich.console import Console

    from bsx.render import tables
    from bsx.render.formats import Format
    from bsx.render.targets import cautions_in_full

    if form != Format.JSON:
        boxed = form in (Format.TABLE, Format.MARKDOWN)  # where there is no recommendation
        full = cautions_in_full(analysis)
        said = [c for c in full if not (boxed and c.code == "no_recommendation")]
        tables.print_cautions(Console(stderr=True), said, sweep.facts.metric, of=arm)


def _plot(sweep: Sweep, analysis: Analysis) -> None:
    from rich.console import Console

    from bsx.pictures import few
    from bsx.render.terminal import print_pictures

    print_pictures(Console(), few(sweep, analysis))
    sys.stdout.flush()


def _draw_views(console: Console, sweep: Sweep, analysis: Analysis) -> None:
    from bsx.render.tables import print_grid

    print_grid(console, _views(sweep, analysis))


def _write_views(sweep: Sweep, analysis: Analysis) -> str:
    from bsx.render.markdown import table

    return f"{table(_views(sweep, analysis))}\n"


def _views(sweep: Sweep, analysis: Analysis) -> Grid:
    """Return the table of equal epochs and equal iterations.

    Raises:
        DataError: where there are not two sizes to compare.
    """
    from bsx.render.diagnostic_grids import views

    found = views(sweep, analysis)
    if found is None:
        raise DataError("--views: there are no two batch sizes with curves to compare")
    return found


def print_found(
    document: Any,
    rows: Sequence[Mapping[str, Any]],
    *,
    form: str,
    get: str | None,
    draw: Callable[[Console], None],
    markdown: Callable[[], str],
    header: Sequence[str] = (),
) -> None:
    """Print a result as it was asked for: one value of it, drawn for people, or for programs.

    Args:
        document: what ``json`` prints and ``get`` leads into.
        rows: what the formats of a row a batch size print.
        draw: draws it on the terminal.
        markdown: writes it for people who read it elsewhere.
        header: the names of the columns of ``csv``, for where there are no rows.

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
        sys.stdout.write(machine_text(document, rows, Format(form), header))
