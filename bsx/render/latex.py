"""A sweep as LaTeX: its tables with booktabs, to be taken into a paper by ``\\input``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from bsx.render import branched, phrases, targets, trained
from bsx.render.grid import Column, Grid
from bsx.render.grids import grids
from bsx.schema import Analysis, Sweep

_PREAMBLE = "% Tables of bsx. The document needs \\usepackage{booktabs,graphicx}.\n"
# A table that is too wide for its column is made smaller; no other is. Of graphicx.
_FITTED = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
# What LaTeX would take for its own, and what its fonts may lack
_WRITTEN = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",  # \textquotedbl is not in every encoding
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "-": "{-}",  # two of them would become a dash
    "[": "{[}",  # at the start of a row it would be an option of the one before
    "]": "{]}",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "≈": r"$\approx$",
    "→": r"$\to$",
    "∞": r"$\infty$",
    "µ": r"$\mu$",
    "…": r"\ldots{}",
    "²": r"$^2$",
    "✓": r"$\surd$",
    "✗": r"$\times$",
    "‖": r"$\|$",
    "\u00a0": "~",
    "\u202f": r"\,",
}
_SPECIAL = re.compile("|".join(re.escape(character) for character in _WRITTEN))


# Letters that are none of ASCII with an accent, and that pdflatex has nevertheless
_LETTERS = "ßæøœłıÆØŒŁ§¶£©¡¿"


def can_be_set(text: str) -> bool:
    """Whether pdflatex, as it comes, has a letter for every character."""

    def has(character: str) -> bool:
        base = unicodedata.normalize("NFD", character)[0]
        known = character in _WRITTEN or character in _LETTERS
        return character.isascii() or known or (base.isascii() and character < "\u0180")

    return all(map(has, phrases.clean(text)))


def escaped(text: str) -> str:
    """Return ``text`` as it is read, whatever LaTeX would make of it."""
    return _SPECIAL.sub(lambda found: _WRITTEN[found[0]], phrases.clean(text))


def sweep_latex(sweep: Sweep, analysis: Analysis, label: str | None = None) -> str:
    """Write every table of a sweep, each as a float of its own, ending with a newline.

    ``label``: what sets it apart from others that are written with it.
    """
    return grids_latex(_sweep_grids(sweep, analysis), _name(sweep, label), sweep.sweep_id)


def grids_latex(grids: Iterable[Grid], title: str, name: str) -> str:
    """Write tables, each as a float of its own; ``name`` is that of them in labels."""
    tables = [_table(grid, title, f"tab:bsx-{name}-{n}") for n, grid in enumerate(grids, 1)]
    return "\n".join([_PREAMBLE, *tables])


def _name(sweep: Sweep, label: str | None) -> str:
    """Say of what the tables are: a bare name would end a caption as a word of its own.

    A name that LaTeX cannot set would stop it; its sweep is called by its id.
    """
    name = label or sweep.config.name
    by_id = f"Sweep {sweep.sweep_id}"
    own = trained.title(sweep) if name is None or trained.says_name(sweep) else f"Sweep {name}"
    return own if can_be_set(own) else by_id


def _sweep_grids(sweep: Sweep, analysis: Analysis) -> list[Grid]:
    found = analysis.branched
    made = list(grids(sweep, analysis) if found is None else branched.grids(found))
    for target in analysis.targets[: targets.in_full(analysis)]:
        made += [grid] if (grid := targets.trade_off_grid(target)) else []
    return made


def _table(grid: Grid, title: str, label: str) -> str:
    rows = list(zip(*(column.cells for column in grid.columns), strict=True))
    lines = [
        r"\begin{table}",
        r"  \centering\small\setlength{\tabcolsep}{4pt}",
        rf"  \caption{{{' '.join(f'{escaped(text)}.' for text in (grid.title, title) if text)}}}",
        rf"  \label{{{label}}}\smallskip",
        rf"  {_FITTED}",
        rf"  \begin{{tabular}}{{{''.join(_alignment(column) for column in grid.columns)}}}",
        r"    \toprule",
        *(f"    {line}" for line in _headers(grid)),
        r"    \midrule",
        *(f"    {_row(cells, number == grid.marked)}" for number, cells in enumerate(rows)),
        r"    \bottomrule",
        r"  \end{tabular}}",
    ]
    if grid.notes:
        notes = escaped("; ".join(grid.notes))
        lines.append(rf"  \par\smallskip{{\footnotesize {notes}\par}}")
    return "\n".join([*lines, r"\end{table}", ""])


def _alignment(column: Column) -> str:
    return "r" if column.right else "l"


def _headers(grid: Grid) -> list[str]:
    """Return the header in as many lines as its highest cell has, the shorter ones at the foot."""
    parts = [column.header.replace("-\n", "").split("\n") for column in grid.columns]
    most = max(map(len, parts))
    padded = [[""] * (most - len(lines)) + lines for lines in parts]
    return [_row(line, False) for line in zip(*padded, strict=True)]


def _row(cells: tuple[str, ...] | list[str], marked: bool) -> str:
    texts = [escaped(" ".join(cell.split())) for cell in cells]
    if marked:
        texts = [rf"\textbf{{{text}}}" if text else "" for text in texts]
    return f"{' & '.join(texts)} \\\\"
