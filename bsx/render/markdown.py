"""A sweep as Markdown: the same grids as on the terminal, all columns, never wrapped."""

from __future__ import annotations

import re

from bsx.render import advice, branched, compared, phrases, targets, trained
from bsx.render.grid import Grid
from bsx.render.grids import grids
from bsx.schema import Analysis, Sweep

# What Markdown, or the HTML in it, would take for its own.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def sweep_markdown(sweep: Sweep, analysis: Analysis) -> str:
    """Write everything that a sweep says, cautions excepted, ending with a newline."""
    named = None if trained.says_name(sweep) else sweep.config.name
    blocks = [f"# {escaped(f'Sweep {named}' if named else trained.title(sweep))}"]
    described = trained.described(sweep, analysis.branched)
    blocks.append("\n".join(f"- {name}: {escaped(text)}" for name, text in described))
    if analysis.branched is not None:
        blocks += [table(grid) for grid in branched.grids(analysis.branched)]
        blocks.append(escaped(branched.warmup_sentence(analysis.branched)))
        return "\n\n".join(blocks) + "\n"
    blocks += [table(grid) for grid in grids(sweep, analysis)]
    for target in analysis.targets[: targets.in_full(analysis)]:
        goal = phrases.goal(vars(target))
        known = [f"- {escaped(n)}: {escaped(v)}" for n, v in targets.trade_off(target)]
        blocks.append(f"## Trade-off: iterations against samples, to {escaped(goal)}")
        blocks += ["\n".join(known)] if known else []
        said = (targets.trade_off_sentence(target), targets.regimes_sentence(target))
        blocks += [escaped(text) for text in said if text]
    blocks += _recommendation(sweep, analysis)
    return "\n\n".join(blocks) + "\n"


def table(grid: Grid) -> str:
    """Write one grid as a heading, a table and its notes."""
    headers = [column.heading for column in grid.columns]
    rules = ["--:" if column.right else ":--" for column in grid.columns]
    rows = zip(*(column.cells for column in grid.columns), strict=True)
    lines = [_row(headers), f"| {' | '.join(rules)} |", *(_row(list(cells)) for cells in rows)]
    notes = f"\n\n{escaped('; '.join(grid.notes_and_hints))}" if grid.notes_and_hints else ""
    return f"## {escaped(grid.title)}\n\n" + "\n".join(lines) + notes


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(escaped(' '.join(cell.split())) for cell in cells)} |"


def _recommendation(sweep: Sweep, analysis: Analysis) -> list[str]:
    recommendation = analysis.recommendation
    if recommendation is None:
        return ["## No recommendation", escaped(advice.no_recommendation(sweep, analysis))]
    blocks = ["## Recommendation", f"**{escaped(advice.headline(analysis, recommendation))}**"]
    blocks += [escaped(line) for line in advice.explanation(sweep, analysis, recommendation)]
    costs = compared.costs(sweep, analysis)
    return [*blocks, table(costs).replace("## ", "### ", 1)] if costs else blocks


def escaped(text: str) -> str:
    """Return ``text`` as it is read, whatever Markdown would make of it."""
    return _SPECIAL.sub(r"\\\1", phrases.clean(text))
