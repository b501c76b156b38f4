"""Every learning rate that was tried, as tables: `bsx show --rates`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from bsx.render import numbers, phrases, rules, trained
from bsx.render.grid import Column, Grid, drop
from bsx.render.markdown import escaped, table
from bsx.render.tables import MARGIN, Plain, draw, prose
from bsx.render.targets import in_full
from bsx.schema import (
    Analysis,
    BatchSizeSummary,
    Estimate,
    Final,
    Metric,
    RateSummary,
    Sweep,
    ToTarget,
    Trial,
)

_EDGE = "*"
_BASIN = 1.2  # times the iterations of the chosen trial: as good
_NONE = "No learning rate is known of these runs: the program was told none."

# size, one of its rates → what stands in the cell
Cell = Callable[[BatchSizeSummary, RateSummary], str]


def print_rates(console: Console, sweep: Sweep, analysis: Analysis) -> None:
    """Print all that is known of the learning rates, as wide as ``console``."""
    width = console.width
    margin = MARGIN if width >= 60 else 0
    parts: list[RenderableType] = [Text(trained.title(sweep), style="bold"), ""]
    for grid in grids(sweep, analysis):
        for part in grid.fitted(width - margin).parts(width - margin):
            parts += [*draw(part, width), ""]
    parts += [prose(line, 0, width) for line in sentences(analysis)]
    console.print(Plain(Group(*parts)), end="")


def markdown(sweep: Sweep, analysis: Analysis) -> str:
    """Write the same as Markdown, ending with a newline."""
    blocks = [f"# {escaped(trained.title(sweep))}"]
    blocks += [table(grid) for grid in grids(sweep, analysis)]
    return "\n\n".join([*blocks, *map(escaped, sentences(analysis))]) + "\n"


def sentences(analysis: Analysis) -> list[str]:
    """Say what becomes of the rules; or that there are no rates."""
    return rules.sentences(analysis) if _tried(analysis) else [_NONE]


def grids(sweep: Sweep, analysis: Analysis) -> list[Grid]:
    """Return what was chosen, what each rate came to, and what rules would have come to."""
    if not _tried(analysis):
        return []
    metric = sweep.facts.metric_named(analysis.metric) or Metric(analysis.metric, True)
    maps = [_steps_map(analysis, number) for number in range(in_full(analysis))]
    return [_chosen(analysis), *maps, _quality_map(analysis, metric), *rules.grids(analysis)]


def _tried(analysis: Analysis) -> list[Trial]:
    """Return every rate that was tried at some size, from small to large.

    What was tuned with it is part of it: of two trials the rates may be the same.
    """
    found = {_trial(rate) for size in analysis.batch_sizes for rate in size.learning_rates}
    return sorted(trial for trial in found if trial is not None)


def _trial(of: RateSummary | ToTarget | Final | None) -> Trial | None:
    """Return what was tried, or chosen; None where no rate is known."""
    if of is None or of.learning_rate is None:
        return None
    return Trial(of.learning_rate, tuple(of.tuned.items()))


# --- what was chosen --------------------------------------------------------------------------


def _chosen(analysis: Analysis) -> Grid:
    """The rates tried and chosen at each size: on the edge or not, and how wide the basin is."""
    sizes = [size for size in analysis.batch_sizes if size.learning_rates]
    fastest = [size.to_target[0] if size.to_target else None for size in sizes]
    basins = [entry.learning_rate_basin if entry else None for entry in fastest]
    edges = [bool(entry and entry.learning_rate_at_edge) for entry in fastest]
    edges_at_end = [bool(size.final and size.final.learning_rate_at_edge) for size in sizes]
    columns = (
        _sizes(sizes),
        Column("tried", "rates\ntried", tuple(str(len(size.learning_rates)) for size in sizes)),
        Column("from", "lowest", _rates([_of(size, 0) for size in sizes])),
        Column("to", "highest", _rates([_of(size, -1) for size in sizes])),
        Column(
            "fastest",
            "fastest to\nthe target",
            _rates([entry.learning_rate if entry else None for entry in fastest], edges),
        ),
        Column("basin", "within 20 %\nof it: from", _rates([b[0] if b else None for b in basins])),
        Column("basin_to", "to", _rates([b[1] if b else None for b in basins])),
        Column(
            "final",
            "best at\nthe end",
            _rates([s.final.learning_rate if s.final else None for s in sizes], edges_at_end),
        ),
        Column("diverged", "runs that\ndiverged", tuple(map(_diverged, sizes))),
    )
    notes = (f"{_EDGE} the lowest or highest that was tried: a better one may lie beyond",)
    return Grid(
        "Learning rates: what was tried and chosen",
        columns,
        drop("tried", "diverged", "from", "to"),
        notes=notes if any((*edges, *edges_at_end)) else (),
    )


def _of(size: BatchSizeSummary, place: int) -> float | None:
    return size.learning_rates[place].learning_rate


def _diverged(size: BatchSizeSummary) -> str:
    runs = sum(rate.seeds for rate in size.learning_rates)
    return f"{sum(rate.diverged for rate in size.learning_rates)} of {runs}"


def _sizes(sizes: Sequence[BatchSizeSummary]) -> Column:
    return Column("batch_size", "batch\nsize", tuple(numbers.count(s.batch_size) for s in sizes))


def _rates(rates: Sequence[float | None], edges: Sequence[bool] = ()) -> tuple[str, ...]:
    texts = numbers.aligned_at_point([numbers.learning_rate(rate) for rate in rates])
    if not any(edges):
        return texts
    return tuple(
        f"{text.rstrip()}{_EDGE}".ljust(len(text) + 1) if edge else f"{text} "
        for text, edge in zip(texts, edges, strict=True)
    )


# --- what each rate came to -------------------------------------------------------------------


def _steps_map(analysis: Analysis, number: int) -> Grid:
    """Iterations to a target: rows are learning rates, columns batch sizes."""

    def cell(size: BatchSizeSummary, rate: RateSummary) -> str:
        entry, chosen = rate.to_target[number], size.to_target[number]
        if rate.diverged == rate.seeds:
            return "div."
        low, high = chosen.learning_rate_basin or (None, None)
        basin = low is not None and high is not None and low <= (rate.learning_rate or 0) <= high
        if rate.tuned:  # the rates of two trials do not tell which of them is faster
            basin = _near(rate, size, number)
        text = _steps(entry.steps)
        return _marked(text, rate, size, _trial(rate) == _trial(chosen), basin)

    goal = phrases.goal(vars(analysis.targets[number]))
    return _map(
        f"Iterations to validation {goal}: rates down, batch sizes across",
        analysis,
        cell,
        ("[ ] the fastest", "~ within 20 % of it"),
    )


def _quality_map(analysis: Analysis, metric: Metric) -> Grid:
    """The validation metric at the end: rows are learning rates, columns batch sizes."""
    ends = [
        rate.validation[metric.name].value
        for size in analysis.batch_sizes
        for rate in size.learning_rates
        if metric.name in rate.validation
    ]
    form = numbers.fixed(numbers.decimals(ends, most=6))
    if metric.bounded:
        form = numbers.fixed(1, 100)

    def cell(size: BatchSizeSummary, rate: RateSummary) -> str:
        ended = rate.validation.get(metric.name)
        if ended is None:
            if rate.diverged == rate.seeds:
                return "div."
            return "behind" if rate.dominated else numbers.UNKNOWN
        chosen = _trial(size.final) == _trial(rate)
        return _marked(form(ended.value), rate, size, chosen)

    unit = ", %" if metric.bounded else ""
    return _map(
        f"Validation {phrases.clean(metric.name)}{unit} at the end: rates down, batch sizes across",
        analysis,
        cell,
        ("[ ] the best",),
    )


def _map(title: str, analysis: Analysis, cell: Cell, notes: Sequence[str]) -> Grid:
    rates = _tried(analysis)
    sizes = [size for size in analysis.batch_sizes if size.learning_rates]
    texts = [[_cell(size, rate, cell) for rate in rates] for size in sizes]
    columns = tuple(
        Column(str(size.batch_size), numbers.count(size.batch_size), _under_one_another(column))
        for size, column in zip(sizes, texts, strict=True)
    )
    seen = "".join(text for column in texts for text in column)
    known = {
        "div.": "div. every run diverged",
        "behind": "behind: clearly so on the way, and not trained to the end",
        "÷": "÷ some runs were stopped on the way, clearly behind",
        "!": "! some runs diverged",
        "^": "^ tried by fewer seeds than others",
        ">": "> not reached by then",
    }
    said = [meaning for mark, meaning in known.items() if mark in seen]
    header = [Column("rate", "learning\nrate", _rates([rate.learning_rate for rate in rates]))]
    for name in dict(rates[0].tuned):
        values = _rates([dict(rate.tuned)[name] for rate in rates])
        header.append(Column(name, phrases.spelled(name).replace(" ", "\n"), values))
    notes = (*notes, *said, "as measured, nothing given back")
    return Grid(title, (*header, *columns), notes=notes)


def _cell(size: BatchSizeSummary, rate: Trial, cell: Cell) -> str:
    found = [entry for entry in size.learning_rates if _trial(entry) == rate]
    return cell(size, found[0]) if found else ""


def _near(rate: RateSummary, size: BatchSizeSummary, number: int) -> bool:
    """Whether a trial reached a target as often as the chosen one, at most 20 % later."""
    chosen = [r for r in size.learning_rates if _trial(r) == _trial(size.to_target[number])]
    if not chosen:
        return False
    ours, best = rate.to_target[number], chosen[0].to_target[number]
    late = _value(ours.steps) > _BASIN * _value(best.steps)
    return not late and (ours.reached_fraction or 0) >= (best.reached_fraction or 0)


def _value(steps: Estimate | None) -> float:
    return math.inf if steps is None or steps.value is None else steps.value


def _steps(steps: Estimate | None) -> str:
    if steps is None:
        return numbers.UNKNOWN
    return numbers.whole(steps.value) if steps.value is not None else f">{_far(steps.censored_at)}"


def _far(censored_at: float | None) -> str:
    return numbers.UNKNOWN if censored_at is None else numbers.count(censored_at)


def _marked(
    text: str, rate: RateSummary, size: BatchSizeSummary, chosen: bool, basin: bool = False
) -> str:
    text = f"[{text}]" if chosen else f"~{text}" if basin else text
    fewer = 2 * rate.seeds < max(other.seeds for other in size.learning_rates)
    return text + "".join(
        mark for mark, holds in (("!", rate.diverged), ("÷", rate.dominated), ("^", fewer)) if holds
    )


def _under_one_another(cells: Sequence[str]) -> tuple[str, ...]:
    """Put the last digits under one another, with the marks behind them."""
    heads = [cell.rstrip("]!÷^") for cell in cells]
    tails = [cell[len(head) :] for cell, head in zip(cells, heads, strict=True)]
    left, right = max(map(len, heads), default=0), max(map(len, tails), default=0)
    return tuple(h.rjust(left) + t.ljust(right) for h, t in zip(heads, tails, strict=True))
