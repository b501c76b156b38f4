"""What pairs of a batch size and its steps say: the document for machines, tables and words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group

from bsx.render import document as documents
from bsx.render import numbers, phrases, targets
from bsx.render import rows as of_rows
from bsx.render.grid import Column, Grid, drop, shorten
from bsx.render.latex import grids_latex
from bsx.render.markdown import escaped, table
from bsx.render.tables import MARGIN, Plain, draw, prose, trade_off
from bsx.schema import (
    SCHEMA_VERSION,
    Estimate,
    PairedSize,
    Pairs,
    TargetSummary,
    ToTarget,
    plain,
)

_ROUNDED = 0.005  # a share that is 0 % as it is shown
_WIDE = 0.3  # scatter about the curve beyond which it says little

# --- for machines -----------------------------------------------------------------------------


def document(found: Pairs) -> dict[str, Any]:
    """Return the document of pairs: the keys are those of a sweep's, as far as they have a meaning.

    Unknown is null.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "file": found.file,
        "data": {"train_samples": found.train_samples},
        "targets": [
            {**documents.target_of(target), "scatter": scatter}
            for target, scatter in zip(found.targets, found.scatter, strict=True)
        ],
        "batch_sizes": [_size(size) for size in found.batch_sizes],
        "cautions": [documents.caution_of(caution) for caution in found.cautions],
    }


def _size(size: PairedSize) -> dict[str, Any]:
    entries = []
    for to_target, fitted in zip(size.to_target, size.fitted, strict=True):
        entry = documents.to_target_of(to_target)
        del entry["seconds"], entry["mean_curve_steps"]
        entry["fitted_steps"] = plain(fitted.steps)
        entry["deviation"] = fitted.deviation
        entry["efficiency"] = fitted.efficiency.value if fitted.efficiency else None
        entry["efficiency_estimate"] = plain(fitted.efficiency)
        entries.append(entry)
    return {
        "batch_size": size.batch_size,
        "runs": size.runs,
        "seeds": size.seeds,
        "to_target": entries,
    }


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Flatten a document into one row a batch size; see :func:`bsx.render.document.rows`."""
    flat = []
    for size in found["batch_sizes"]:
        row = {key: value for key, value in size.items() if key != "to_target"}
        for number, entry in enumerate(size["to_target"], start=1):
            prefix = "to_target" if number == 1 else f"to_target_{number}"
            row[f"{prefix}_metric"] = found["targets"][number - 1]["metric"]
            row[f"{prefix}_learning_rate"] = entry["learning_rate"]
            for key in ("steps", "epochs", "samples"):
                row |= of_rows.estimate_cells(f"{prefix}_{key}", entry[key], censored=True)
            row |= of_rows.estimate_cells(f"{prefix}_fitted_steps", entry["fitted_steps"])
            for key in ("deviation", "efficiency", "reached_fraction"):
                row[f"{prefix}_{key}"] = entry[key]
        flat.append(row)
    return flat


# --- for people -------------------------------------------------------------------------------


def print_pairs(console: Console, found: Pairs) -> None:
    """Print a table and the trade-off for each target, as wide as ``console``."""
    for number, target in enumerate(found.targets):
        if number:
            console.print()
        width = console.width
        parts = [*draw(_grid(found, number), width), "", *trade_off(target, width)]
        fit = _fit(found, number)
        parts += [prose(fit, MARGIN if width >= 60 else 0, width)] if fit else []
        console.print(Plain(Group(*parts)), end="")


def markdown(found: Pairs) -> str:
    """Write the same as Markdown, ending with a newline."""
    blocks = []
    for number, target in enumerate(found.targets):
        blocks.append(table(_grid(found, number)))
        known = [f"- {escaped(n)}: {escaped(v)}" for n, v in targets.trade_off(target)]
        blocks += ["\n".join(known)] if known else []
        said = (targets.trade_off_sentence(target), targets.regimes_sentence(target))
        blocks += [escaped(text) for text in said if text]
        blocks += [escaped(line) for line in [_fit(found, number)] if line]
    return "\n\n".join(blocks) + "\n"


def latex(found: Pairs) -> str:
    """Write the tables as LaTeX, to be taken into a paper."""
    made: list[Grid] = []
    for number, target in enumerate(found.targets):
        made += [_grid(found, number)]
        made += [grid] if (grid := targets.trade_off_grid(target)) else []
    name = re.sub(r"[^a-zA-Z0-9]+", "-", found.file.rpartition(".")[0] or found.file)
    return grids_latex(made, "", name)


def _goal(target: TargetSummary) -> str:
    return phrases.goal(vars(target))


def _grid(found: Pairs, number: int) -> Grid:
    sizes = found.batch_sizes
    entries = [size.to_target[number] for size in sizes]
    fitted = [size.fitted[number] for size in sizes]
    one_seed = max(size.seeds for size in sizes) == 1
    told = numbers.count if one_seed else numbers.whole  # as they stand in the file
    rates = numbers.aligned_at_point([numbers.learning_rate(e.learning_rate) for e in entries])
    columns = (
        Column("batch_size", "batch\nsize", tuple(numbers.count(s.batch_size) for s in sizes)),
        Column("rate", "learning\nrate", rates),
        _estimates("steps", "iterations", [e.steps for e in entries], told),
        _estimates("fitted", "iterations\nby the curve", [f.steps for f in fitted]),
        Column("off", "off the\ncurve", tuple(_signed(f.deviation) for f in fitted)),
        _estimates("samples", "samples", [e.samples for e in entries], told),
        _estimates("epochs", "epochs", [e.epochs for e in entries], numbers.significant),
        _shares([f.efficiency for f in fitted]),
        Column("reached", "seeds that\nreached it", _reached(sizes, entries), "seeds"),
    )
    notes = ("efficiency: the fewest samples E_min, as a share of those that the size takes",)
    shown = any(f.efficiency is not None for f in fitted)
    return Grid(
        f"Iterations to {_goal(found.targets[number])}, as {phrases.clean(found.file)} says",
        columns,
        shorten("reached", "samples", "epochs")
        + drop("reached", "epochs", "rate")
        + shorten("fitted")
        + drop("off")
        + shorten("steps", "efficiency")
        + drop("samples"),
        notes=(*_censored(entries), *(notes if shown else ())),
    ).without(numbers.UNKNOWN)


def _estimates(
    key: str, header: str, quantities: Sequence[Estimate | None], form: numbers.Form = numbers.whole
) -> Column:
    full = numbers.aligned(quantities, form)
    return Column(key, header, full, None, numbers.aligned(quantities, form, intervals=False))


def _signed(share: float | None) -> str:
    if share is None:
        return numbers.UNKNOWN
    text = f"{100 * share:+.0f}"
    return f"{'0' if float(text) == 0 else text.replace('-', '−')} %"


def _shares(found: Sequence[Estimate | None]) -> Column:
    form = numbers.fixed(0, 100.0)
    full = numbers.aligned(found, form)
    brief = numbers.aligned(found, form, intervals=False)
    return Column("efficiency", "effi-\nciency, %", full, None, brief)


def _reached(sizes: Sequence[PairedSize], entries: Sequence[ToTarget]) -> tuple[str, ...]:
    """Say how many seeds reached the target, where some did not."""
    if all(e.reached_fraction in (None, 1) for e in entries):
        return (numbers.UNKNOWN,) * len(sizes)
    return tuple(
        numbers.UNKNOWN
        if e.reached_fraction is None
        else f"{round(e.reached_fraction * s.seeds)} of {s.seeds}"
        for s, e in zip(sizes, entries, strict=True)
    )


def _censored(entries: Sequence[ToTarget]) -> tuple[str, ...]:
    if not any(e.steps and e.steps.value is None for e in entries):
        return ()
    return ("> the target was not reached by then",)


def _fit(found: Pairs, number: int) -> str | None:
    """Say how well the curve describes the points, and what the intervals come from."""
    scatter = found.scatter[number]
    if scatter is None:
        return None
    off = {
        size.batch_size: deviation
        for size in found.batch_sizes
        if (deviation := size.fitted[number].deviation) is not None
    }
    worst = max(off, key=lambda size: abs(off[size]))
    if max(map(abs, off.values())) < _ROUNDED:
        return "The iterations lie on the curve."
    text = (
        f"The iterations scatter about the curve by {numbers.percent(scatter, 0)} (standard "
        f"deviation); the furthest off, by {_signed(off[worst])}, is batch size "
        f"{numbers.count(worst)}."
    )
    if max(size.seeds for size in found.batch_sizes) == 1:
        text += " With one measurement of each size the intervals come from this scatter alone."
    critical = found.targets[number].critical_batch_size
    if scatter > _WIDE and critical is not None and critical.value is not None:
        text += " That is much: read the critical batch size as an order of magnitude."
    return text
