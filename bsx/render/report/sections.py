"""The sections of one sweep: what stands in each."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.render import branched as of_branches
from bsx.render import numbers, phrases, rates, targets
from bsx.render.diagnostic_grids import views
from bsx.render.grids import grids
from bsx.render.report import (
    advised,
    basins,
    colors,
    curves,
    described,
    measured,
    outcomes,
    scaling,
    tables,
)
from bsx.render.report.figures import figure, names
from bsx.render.report.markup import Markup, join, prose, tag
from bsx.render.report.parts import Part
from bsx.render.report.plots import SHAPES, Figure
from bsx.render.report.section import Section
from bsx.schema import TargetSummary


def sections(part: Part, prefix: str, most: int) -> list[Section]:
    """Return the sections of a sweep, those left out of which nothing is known."""
    found: list[Section | None] = [advised.section(part, prefix)]
    if part.analysis.branched is not None:
        found.append(_figures(f"{prefix}branches", "Along the training", measured.branched(part)))
    shown = targets.in_full(part.analysis)
    found += [_target(part, number, prefix, shown) for number in range(shown)]
    found += [
        _curves(part, prefix, most),
        _figures(
            f"{prefix}quality-of", "Quality and generalization", outcomes.quality(part, prefix)
        ),
        _figures(f"{prefix}speed-of", "Throughput and memory", outcomes.speed(part, prefix)),
        _figures(
            f"{prefix}rates",
            "Learning rates",
            basins.maps(part.sweep, part.analysis, prefix),
            rates.sentences(part.analysis),
        ),
        _figures(f"{prefix}noise", "Measured on the way", measured.figures(part, prefix)),
        _tables(part, prefix),
        advised.cautions(part, prefix),
        described.configuration(part, prefix),
        described.reproduction(part, prefix),
    ]
    return [one for one in found if one is not None]


def _figures(
    key: str, title: str, found: Sequence[Figure], said: Sequence[str] = ()
) -> Section | None:
    if not found:
        return None
    content = [tag("div", map(figure, found), class_="figures")]
    content += [tag("p", prose(text)) for text in said]
    return Section(key, title, join(content))


# --- to a target --------------------------------------------------------------------------------


def _target(part: Part, number: int, prefix: str, shown: int) -> Section | None:
    """Return the figures of a target, with what was fitted to it in words."""
    target = part.analysis.targets[number]
    found = scaling.plots(part.sweep, part.analysis, number, prefix)
    if not found:
        return None
    fitted = any(line.kind == "fit" for plot in found for line in plot.lines)
    goal = phrases.goal(vars(target))
    named = goal if target.threshold is None else f"{target.split} {goal}"
    content = join(
        tag("p", _lead(part, target, named), class_="lead"),
        tag("div", [*map(figure, found), _trade_off(target, fitted)], class_="figures"),
    )
    title = "What the target takes" if shown == 1 else f"What {goal} takes"
    return Section(f"{prefix}target-{number}", title, content)


def _lead(part: Part, target: TargetSummary, named: str) -> str:
    how = "chosen from the results" if target.source == "auto" else "as asked for"
    rated = any(e.learning_rate for s in part.analysis.batch_sizes for e in s.to_target)
    takes = " Each batch size takes the learning rate fastest to it." if rated else ""
    return f"The target is {named}, {how}.{takes}"


def _trade_off(target: TargetSummary, fitted: bool) -> Markup:
    """Say what was fitted, as values and in words."""
    known = targets.trade_off(target)
    said = (targets.trade_off_sentence(target), targets.regimes_sentence(target))
    lines = (
        "Dashed: the fitted trade-off S = S_min (1 + B_crit / B). Dotted: what it nears, perfect "
    )
    lines += "scaling on the left and the fewest iterations on the right."
    return tag(
        "div",
        tag("p", "The trade-off", class_="title"),
        tag("dl", [(tag("dt", name), tag("dd", value)) for name, value in known])
        if known
        else None,
        [tag("p", prose(text)) for text in said if text],
        tag("p", lines, class_="note") if fitted else None,
        class_="words",
    )


# --- curves -------------------------------------------------------------------------------------


def _curves(part: Part, prefix: str, most: int) -> Section | None:
    """Return the curves, with a switch of what stands below them; it needs no script."""
    found = curves.plots(part, prefix, most)
    if not found:
        return None
    chosen = next(iter(found))
    switch = tag(
        "fieldset",
        tag("legend", "Show against"),
        [
            tag(
                "label",
                tag("input", type="radio", name=f"{prefix}view", value=view,
                    checked=view == chosen),
                f" {curves.VIEWS[view][0]}",
            )
            for view in found
        ],
        class_="switch",
    )  # fmt: skip
    sizes = part.analysis.batch_sizes
    drawn = {trace.name for plots in found.values() for plot in plots for trace in plot.traces}
    of = [
        (
            f"batch size {numbers.count(s.batch_size)}",
            colors.of(n, len(sizes)),
            SHAPES[n % len(SHAPES)],
        )
        for n, s in enumerate(sizes)
    ]
    legend = names([line for line in of if line[0] in drawn])
    missing = [
        phrases.batch_sizes([s.batch_size]) + f": {phrases.status(s.status) or 'no curves'}"
        for (name, *_), s in zip(of, sizes, strict=True)
        if name not in drawn
    ]
    shown = [
        tag(
            "div",
            map(figure, plots),
            _reading(missing, timed=view == "seconds"),
            class_=f"figures view v-{view}",
        )
        for view, plots in found.items()
    ]
    content = tag(
        "div",
        tag("div", switch if len(found) > 1 else None, legend, class_="controls"),
        shown,
        class_="views",
    )
    return Section(f"{prefix}curves", "Training curves", content)


def _reading(missing: Sequence[str], *, timed: bool) -> Markup:
    """Say what the curves are, and of which sizes there are none."""
    note = (
        "Lines are medians over the seeds, bands reach from the lowest to the highest; each batch "
        "size at the learning rate best at its end."
        + (" Seconds are those of training alone." if timed else "")
    )
    return tag(
        "div",
        tag("p", "How to read them", class_="title"),
        tag("p", note),
        tag("p", f"Not drawn: {'; '.join(missing)}.") if missing else None,
        class_="words",
    )


# --- tables -------------------------------------------------------------------------------------


def _tables(part: Part, prefix: str) -> Section:
    """Return every table of the sweep, as on the terminal."""
    found = part.analysis.branched
    shown = grids(part.sweep, part.analysis) if found is None else of_branches.grids(found)
    equal = views(part.sweep, part.analysis)
    shown = [*shown, *([equal] if equal is not None else [])]
    content = [
        tag("p", "Press a column's heading to sort by it.", class_="note script"),
        *(tables.of_grid(grid, f"{prefix}table-{n}") for n, grid in enumerate(shown)),
    ]
    more = rates.grids(part.sweep, part.analysis)
    if more:
        inside = [tables.of_grid(grid, f"{prefix}rate-{n}") for n, grid in enumerate(more)]
        content.append(tag("details", tag("summary", "Every learning rate"), inside))
    return Section(f"{prefix}tables", "Tables", join(content))
