"""A sweep as a notebook shows it: the recommendation first, the tables, what to beware of.

HTML without scripts and with few styles, so that it looks as the notebook does, in light and dark.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from html import escape

from rich.console import Console

from bsx.render import (
    advice,
    branched,
    compared,
    comparison,
    phrases,
    tables,
    targets,
    trained,
    wording,
)
from bsx.render.grid import Grid
from bsx.render.grids import grids
from bsx.schema import Analysis, Comparison, Metric, Sweep

_RIGHT = 'style="text-align:right;white-space:pre"'
_LEFT = 'style="text-align:left;white-space:pre"'


def as_text(sweep: Sweep, analysis: Analysis) -> str:
    """Return what the command line prints of a sweep, cautions last, without colours."""

    def draw(console: Console) -> None:
        tables.print_sweep(console, sweep, analysis)
        said = targets.cautions_in_full(analysis)
        tables.print_cautions(console, said, sweep.facts.metric, as_items=True)

    return _printed(draw)


def comparison_text(found: Comparison, metric: Metric) -> str:
    """Return what ``bsx compare`` prints, cautions last, without colours."""

    def draw(console: Console) -> None:
        comparison.print_comparisons(console, [found], metric)
        tables.print_cautions(console, found.cautions, as_items=True)

    return _printed(draw)


def _printed(draw: Callable[[Console], None]) -> str:
    """Return what is drawn as wide as the terminal, or ``COLUMNS``; 80 characters without one."""
    file = io.StringIO()
    draw(Console(file=file, no_color=True, force_jupyter=False))
    return file.getvalue()


def as_html(sweep: Sweep, analysis: Analysis, picture: bytes | None = None) -> str:
    """Return a sweep as a piece of HTML; ``picture``: a PNG, shown below the recommendation."""
    named = sweep.config.name
    blocks = [_title(f"Sweep {named}" if named else trained.title(sweep))]
    found = analysis.branched
    if found is None:
        blocks += [_recommendation(sweep, analysis), _image(picture) if picture else ""]
        shown = grids(sweep, analysis)
    else:
        blocks.append(_paragraph(branched.warmup_sentence(found)))
        shown = branched.grids(found)
    blocks += [table(grid) for grid in shown]
    for target in analysis.targets[: targets.in_full(analysis)] if found is None else ():
        pairs = "".join(
            f"<tr><td {_LEFT}>{_text(name)}</td><td {_LEFT}>{_text(value)}</td></tr>"
            for name, value in targets.trade_off(target)
        )
        goal = _text(phrases.goal(vars(target)))
        blocks.append(f"<h4>Trade-off: iterations against samples, to {goal}</h4>")
        blocks += [f"<table>{pairs}</table>"] if pairs else []
        said = (targets.trade_off_sentence(target), targets.regimes_sentence(target))
        blocks += [_paragraph(text) for text in said if text]
    cautions = wording.grouped(targets.cautions_in_full(analysis), sweep.facts.metric)
    blocks.append(_folded(f"{len(cautions)} cautions", cautions) if cautions else "")
    described = trained.described(sweep, found)
    blocks.append(_folded("What was trained", [f"{name}: {text}" for name, text in described]))
    return f'<div class="bsx">{"".join(blocks)}</div>'


def comparison_html(found: Comparison, metric: Metric) -> str:
    """Return a comparison as a piece of HTML."""
    cautions = [wording.message(caution) for caution in found.cautions]
    blocks = [
        _title(f"{found.second} against {found.first}"),
        _paragraph(comparison.critical(found)),
        *(
            (table(comparison.grid(found, metric)), _paragraph(comparison.READING))
            if found.sizes
            else (_paragraph(comparison.NOTHING_SHARED),)
        ),
        _folded(f"{len(cautions)} cautions", cautions) if cautions else "",
    ]
    return f'<div class="bsx">{"".join(blocks)}</div>'


def table(grid: Grid) -> str:
    """Return a grid as a table of HTML, with its notes."""
    sides = [_RIGHT if column.right else _LEFT for column in grid.columns]
    heads = "".join(
        f'<th scope="col" {side}>{_text(column.header)}</th>'
        for side, column in zip(sides, grid.columns, strict=True)
    )
    lines = []
    for number, cells in enumerate(zip(*(column.cells for column in grid.columns), strict=True)):
        row = "".join(f"<td {s}>{_text(c)}</td>" for s, c in zip(sides, cells, strict=True))
        marked = ' style="font-weight:bold"' if number == grid.marked else ""
        lines.append(f"<tr{marked}>{row}</tr>")
    notes = _paragraph("; ".join(grid.notes_and_hints)) if grid.notes_and_hints else ""
    caption = f"<h4>{_text(grid.title)}</h4>"
    body = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'{caption}<div style="overflow-x:auto"><table>{body}</table></div>{notes}'


def _recommendation(sweep: Sweep, analysis: Analysis) -> str:
    recommendation = analysis.recommendation
    if recommendation is None:
        return _paragraph(f"No recommendation. {advice.no_recommendation(sweep, analysis)}")
    said = [_paragraph(line) for line in advice.explanation(sweep, analysis, recommendation)]
    headline = f"<p><strong>{_text(advice.headline(analysis, recommendation))}</strong></p>"
    costs = compared.costs(sweep, analysis)
    return headline + "".join(said) + (table(costs) if costs else "")


def _image(picture: bytes) -> str:
    data = base64.b64encode(picture).decode("ascii")
    said = "Iterations to the target against batch size, with intervals and the fitted curve"
    style = "width:28em;max-width:100%;background:white"
    return f'<p><img src="data:image/png;base64,{data}" alt="{said}" style="{style}"></p>'


def _title(text: str) -> str:
    return f"<h3>{_text(text)}</h3>"


def _paragraph(text: str) -> str:
    return f'<p style="max-width:48em">{_text(text)}</p>'


def _folded(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f"<details><summary>{_text(title)}</summary><ul>{items}</ul></details>"


def _text(text: str) -> str:
    return "\n".join(escape(phrases.clean(line)) for line in text.split("\n"))
