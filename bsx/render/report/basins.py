"""Heat maps of the learning rates: what each came to at each batch size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bsx.render import numbers, phrases
from bsx.render.report.plots import Cell, HeatMap
from bsx.schema import Analysis, BatchSizeSummary, Metric, RateSummary, Sweep

_FAR = 4.0  # times as many iterations as the fastest rate: the end of the scale
_MOST_ROWS = 40

Rate = tuple[float, tuple[tuple[str, float], ...]]
Draw = Callable[[BatchSizeSummary, RateSummary], Cell]


def maps(sweep: Sweep, analysis: Analysis, prefix: str) -> list[HeatMap]:
    """Return the map of the first target and that of the end, where rates were tried at all."""
    rates = _rates(analysis)
    if len(rates) < 2 or len(rates) > _MOST_ROWS:
        return []
    found = []
    if analysis.targets and any(size.to_target for size in analysis.batch_sizes):
        found.append(_to_target(analysis, rates, prefix))
    metric = sweep.facts.metric_named(analysis.metric) or sweep.facts.metric
    if any(metric.name in r.validation for s in analysis.batch_sizes for r in s.learning_rates):
        found.append(_at_the_end(analysis, rates, metric, prefix))
    return found


def _rates(analysis: Analysis) -> list[Rate]:
    """Return every rate that was tried anywhere, from large to small; those not told, none."""
    found = {
        (rate.learning_rate, tuple(sorted(rate.tuned.items())))
        for size in analysis.batch_sizes
        for rate in size.learning_rates
        if rate.learning_rate is not None
    }
    return sorted(found, reverse=True)


def _map(
    key: str,
    title: str,
    description: str,
    analysis: Analysis,
    rates: Sequence[Rate],
    cell: Draw,
    legend: tuple[str, str],
) -> HeatMap:
    sizes = [size for size in analysis.batch_sizes if size.learning_rates]
    tried = [
        {(r.learning_rate, tuple(sorted(r.tuned.items()))): r for r in size.learning_rates}
        for size in sizes
    ]
    rows = [
        tuple(
            cell(size, of[rate]) if rate in of else None
            for size, of in zip(sizes, tried, strict=True)
        )
        for rate in rates
    ]
    return HeatMap(
        key=key,
        title=title,
        description=description,
        x_label="batch size",
        y_label="learning rate",
        columns=tuple(numbers.count(size.batch_size) for size in sizes),
        rows=tuple(numbers.learning_rate(rate) for rate, _ in rates),
        cells=tuple(rows),
        legend=legend,
        note=_note(rows),
    )


def _note(rows: Sequence[Sequence[Cell | None]]) -> str:
    seen = "".join(cell.word for row in rows for cell in row if cell is not None)
    known = {
        ">": "> not reached within the run",
        "×": "× every run diverged",
        "!": "! some runs diverged",
        "÷": "÷ stopped on the way, clearly behind",
    }
    said = [meaning for mark, meaning in known.items() if mark in seen]
    return "; ".join(["Outlined: the rate that was chosen", *said]) + "."


def _to_target(analysis: Analysis, rates: Sequence[Rate], prefix: str) -> HeatMap:
    def draw(size: BatchSizeSummary, rate: RateSummary) -> Cell:
        entry, chosen = rate.to_target[0], size.to_target[0] if size.to_target else None
        steps = entry.steps
        if rate.diverged == rate.seeds:
            return _diverged(size, rate)
        best = min(
            (r.to_target[0].steps.value for r in size.learning_rates
             if r.to_target[0].steps is not None and r.to_target[0].steps.value is not None),
            default=None,
        )  # fmt: skip
        word, share = numbers.UNKNOWN, None
        if steps is not None and steps.value is not None and best:
            word, share = numbers.whole(steps.value), math.log(steps.value / best) / math.log(_FAR)
        elif steps is not None and steps.censored_at is not None:
            word = ">"
        said = numbers.estimate(steps, numbers.whole)
        text = f"{_where(size, rate)}: {said} iterations{_some(rate)}"
        return _cell(word, text, share, rate, chosen is not None and _same(chosen, rate))

    goal = phrases.goal(vars(analysis.targets[0]))
    return _map(
        f"{prefix}basin-target",
        f"Iterations to {goal}",
        f"Iterations to validation {goal} for every learning rate (rows) and batch size (columns); "
        "darker is faster, relative to the fastest rate of the batch size.",
        analysis,
        rates,
        draw,
        ("the fastest of its batch size", f"{_FAR:g} times as many iterations"),
    )


def _at_the_end(analysis: Analysis, rates: Sequence[Rate], metric: Metric, prefix: str) -> HeatMap:
    ends = [
        end
        for size in analysis.batch_sizes
        for r in size.learning_rates
        if (found := r.validation.get(metric.name)) is not None and (end := found.value) is not None
    ]
    best, worst = (max, min) if metric.higher_is_better else (min, max)
    top = best(ends)
    ordered = sorted(ends, reverse=metric.higher_is_better)
    far = ordered[int(0.75 * (len(ordered) - 1))]  # the worst quarter is one colour
    far = far if far != top else worst(ends)
    form = numbers.fixed(1, 100) if metric.bounded else numbers.significant

    def draw(size: BatchSizeSummary, rate: RateSummary) -> Cell:
        found = rate.validation.get(metric.name)
        if found is None or found.value is None:
            return _diverged(size, rate)
        share = (found.value - top) / (far - top) if far != top else 0.0
        text = f"{_where(size, rate)}: {numbers.estimate(found, form)}{_some(rate)}"
        chosen = size.final is not None and _same(size.final, rate)
        return _cell(form(found.value), text, share, rate, chosen)

    name = phrases.clean(metric.name)
    return _map(
        f"{prefix}basin-end",
        f"Validation {name}{', %' if metric.bounded else ''}, at the end",
        f"Validation {name} at the end of the run for every learning rate (rows) and batch size "
        "(columns); darker is better.",
        analysis,
        rates,
        draw,
        (f"{form(top)}, the best", f"{form(far)} or worse"),
    )


def _cell(word: str, text: str, share: float | None, rate: RateSummary, chosen: bool) -> Cell:
    return Cell(word + ("!" if rate.diverged else ""), text, share, chosen)


def _diverged(size: BatchSizeSummary, rate: RateSummary) -> Cell:
    if rate.dominated and rate.diverged < rate.seeds:
        return Cell("÷", f"{_where(size, rate)}: stopped on the way, clearly behind", None)
    if rate.diverged < rate.seeds:
        return Cell(numbers.UNKNOWN, f"{_where(size, rate)}: unknown", None)
    return Cell("×", f"{_where(size, rate)}: every run diverged", None)


def _where(size: BatchSizeSummary, rate: RateSummary) -> str:
    lr = numbers.learning_rate(rate.learning_rate)
    return (
        f"batch size {numbers.count(size.batch_size)}, learning rate "
        f"{lr}{phrases.tuned(rate.tuned)}"
    )


def _some(rate: RateSummary) -> str:
    return f"; {rate.diverged} of {rate.seeds} runs diverged" if rate.diverged else ""


def _same(chosen: object, rate: RateSummary) -> bool:
    tuned = dict(getattr(chosen, "tuned", {}))
    return getattr(chosen, "learning_rate", None) == rate.learning_rate and tuned == dict(
        rate.tuned
    )
