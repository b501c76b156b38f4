"""What the tables of a sweep say: titles, headers and cells, before anything is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bsx.render import numbers, phrases, places, searched, targets
from bsx.render.grid import Column, Grid, drop, shorten
from bsx.schema import (
    Analysis,
    Baseline,
    BatchSizeSummary,
    Estimate,
    Facts,
    Final,
    Metric,
    Speed,
    Sweep,
    ToTarget,
)

BASELINE = "baseline"
MARK = "→"
EDGE = "*"


def grids(sweep: Sweep, analysis: Analysis) -> list[Grid]:
    """Return every table of a sweep, in the order in which people read them."""
    found = [arithmetic(sweep, analysis)]
    shown = targets.in_full(analysis)
    found += [convergence(analysis, n, sweep.config.confirm) for n in range(shown)]
    found += targets.side_by_side(analysis)
    if sweep.config.search is not None:
        found.append(searched.trials(sweep.config.search, analysis))
    if any(summary.final for summary in analysis.batch_sizes):
        found.append(quality(sweep, analysis))
    if any(summary.speed for summary in analysis.batch_sizes):
        found.append(speed(sweep, analysis))
    if sweep.config.command is not None:  # it reports what it likes
        found = [grid.without(numbers.UNKNOWN) for grid in found]
    return found


# --- arithmetic -------------------------------------------------------------------------------


def arithmetic(sweep: Sweep, analysis: Analysis) -> Grid:
    """What follows from the batch size and the budget alone, without any measurement."""
    sizes = analysis.batch_sizes
    epochs = [size.epochs for size in sizes]
    exact = all(float(e).is_integer() for e in epochs if e is not None)
    form = numbers.fixed(0 if exact else 1)
    columns = (
        _batch_size(analysis),
        *_growth(sizes),
        _counts("per_epoch", "iterations\nper epoch", (s.steps_per_epoch for s in sizes)),
        _counts("last", "last\nbatch", (s.last_batch for s in sizes)),
        _counts("steps", "iterations\nin the run", (s.steps for s in sizes)),
        Column("epochs", "epochs\nin the run", tuple(form(e) for e in epochs), "epochs"),
        _counts("samples", "samples\nseen", (_samples_seen(s) for s in sizes)),
    )
    return Grid(
        "Arithmetic: what each batch size amounts to",
        columns,
        shorten("epochs") + drop("last", "samples", "epochs", "per_epoch"),
        notes=() if _marked(analysis) is None else (f"{MARK} recommended",),
        marked=_marked(analysis),
    )


def _samples_seen(summary: BatchSizeSummary) -> int:
    if summary.steps_per_epoch is None or summary.last_batch is None or summary.epochs is None:
        return summary.steps * summary.batch_size
    per_epoch = (summary.steps_per_epoch - 1) * summary.batch_size + summary.last_batch
    batches = round(summary.epochs * summary.steps_per_epoch)
    epochs, rest = divmod(batches, max(1, summary.steps_per_epoch))
    return epochs * per_epoch + rest * summary.batch_size


def _growth(sizes: Sequence[BatchSizeSummary]) -> tuple[Column, ...]:
    """Say what the batches grow to, if any does."""
    if not any(size.grows_to for size in sizes):
        return ()
    return (_counts("grows_to", "grows\nto", (s.grows_to or s.batch_size for s in sizes)),)


# --- convergence ------------------------------------------------------------------------------


def convergence(analysis: Analysis, number: int = 0, confirm: int = 1) -> Grid:
    """What each batch size needs to reach target ``number``, at the rate fastest to it.

    ``confirm``: for how many evaluations in a row it must hold.
    """
    target = analysis.targets[number]
    sizes = analysis.batch_sizes
    entries = [s.to_target[number] if number < len(s.to_target) else None for s in sizes]
    rates, edge_notes = _rates(
        [(e.learning_rate, e.learning_rate_at_edge) if e else (None, None) for e in entries]
    )
    seconds = [e.seconds if e else None for e in entries]
    unit, factor = numbers.time_unit(_known(seconds))
    reached = tuple(_reached(s, e) for s, e in zip(sizes, entries, strict=True))
    columns = (
        _batch_size(analysis),
        Column("rate", "learning\nrate", rates),
        _estimates("steps", "iterations", [e.steps if e else None for e in entries], numbers.whole),
        _estimates("epochs", "epochs", [e.epochs if e else None for e in entries]),
        _estimates(
            "samples", "samples", [e.samples if e else None for e in entries], numbers.whole
        ),
        _estimates("seconds", f"time, {unit}", _scaled(seconds, 1 / factor)),
        Column("reached", "seeds that\nreached it", reached, "seeds"),
        *((targets.of_mean_curve(entries),) if confirm > 1 else ()),
    )
    held = "" if confirm == 1 else f" {confirm} evaluations in a row"
    return Grid(
        f"Convergence: to validation {phrases.goal(vars(target))}{held}, at the "
        f"{'trial' if any(s.trials for s in sizes) else 'learning rate'} fastest to it",
        columns,
        shorten("samples", "epochs", "reached")
        + drop("samples", "mean")
        + shorten("seconds")
        + drop("epochs", "rate")
        + shorten("steps")
        + drop("seconds"),
        notes=(*_censored_note(entries), *edge_notes),
        marked=_marked(analysis),
    )


def _reached(summary: BatchSizeSummary, entry: ToTarget | None) -> str:
    if summary.status not in ("ok", "censored"):
        return phrases.status(summary.status)
    if entry is None or entry.reached_fraction is None:
        return phrases.status(summary.status) or numbers.UNKNOWN
    return f"{round(entry.reached_fraction * summary.seeds)} of {summary.seeds}"


def _censored_note(entries: Iterable[ToTarget | None]) -> tuple[str, ...]:
    if not any(e and e.steps and e.steps.value is None for e in entries):
        return ()
    return ("> the target was not reached by then: the true value is larger, or there is none",)


# --- quality ----------------------------------------------------------------------------------


def quality(sweep: Sweep, analysis: Analysis) -> Grid:
    """Where each batch size ends, at the rate best on validation at the end; then the baseline."""
    sizes, baseline = analysis.batch_sizes, sweep.facts.baseline
    below = () if baseline is None else (BASELINE,)  # the rows that are no batch size
    finals = [size.final for size in sizes]
    known = [final is not None for final in finals] + [True] * len(below)
    finals += [] if baseline is None else [_as_final(baseline)]
    metric = sweep.facts.metric_named(analysis.metric) or Metric(analysis.metric, True)
    rates, _ = _rates([(f.learning_rate if f else None, None) for f in finals])
    diverged = [*map(_diverged, sizes), *(numbers.UNKNOWN for _ in below)]
    columns = (
        _batch_size(analysis, below),
        Column("rate", "learning\nrate", rates),
        _metric("train", finals, metric, lambda final: final.train.get(metric.name)),
        _metric("validation", finals, metric, lambda final: final.validation.get(metric.name)),
        _metric("test", finals, metric, lambda final: final.test.get(metric.name)),
        _metric(
            "gap",
            finals,
            metric,
            lambda final: final.generalization_gap,
            "generalization\ngap",
            "generaliz.\ngap",
        ),
        _estimates(
            "best", "best epoch", [f.best_epoch if f else None for f in finals], brief="best\nepoch"
        ),
        Column("diverged", "runs that\ndiverged", tuple(diverged), "diverged"),
        *_status(sizes, known),
    )
    unit = ", %" if metric.bounded else ""
    return Grid(
        f"Quality: {phrases.clean(metric.name)}{unit}, at the end of the run with the "
        f"{'trial' if any(s.trials for s in sizes) else 'learning rate'} best there",
        columns,
        shorten("best", "diverged", "gap", "train")
        + drop("diverged", "best", "rate", "train")
        + shorten("validation")
        + drop("gap")
        + shorten("test")
        + drop("validation"),
        notes=(*_baseline_note(baseline), *_units_note(sweep.facts, metric)),
        marked=_marked(analysis),
    )


def _as_final(baseline: Baseline) -> Final:
    """Give the baseline the form of a batch size's end, of which only two parts are known."""
    validation, test = (
        {name: Estimate(value) for name, value in part.items() if value is not None}
        for part in (baseline.validation, baseline.test)
    )
    return Final(None, {}, validation, test, None, None)


def _baseline_note(baseline: Baseline | None) -> tuple[str, ...]:
    return () if baseline is None else (f"{BASELINE}: {phrases.clean(baseline.name)}",)


def _units_note(facts: Facts, metric: Metric) -> tuple[str, ...]:
    """Say what an error of 1 is, where the targets were standardized."""
    if not facts.target_scale or metric.higher_is_better:
        return ()
    if len(facts.target_scale) > 1:
        return ("errors are of standardized targets",)
    scale = numbers.significant(facts.target_scale[0])
    return (f"errors are of standardized targets, of which 1 is {scale} in the data's own units",)


def _metric(
    key: str,
    finals: Sequence[Final | None],
    metric: Metric,
    of: Callable[[Final], Estimate | None],
    header: str | None = None,
    brief: str | None = None,
) -> Column:
    quantities = [of(final) if final else None for final in finals]
    if metric.bounded:
        full = numbers.aligned_plus_minus(quantities, 100)
        short = numbers.aligned_plus_minus(quantities, 100, intervals=False)
    else:
        form = numbers.fixed(numbers.decimals(_known(quantities), most=6))  # errors may be small
        full = numbers.aligned(quantities, form)
        short = numbers.aligned(quantities, form, intervals=False)
    # a shorter header comes before doing without the interval
    return Column(key, header or key, full, brief, full if brief else short)


def _diverged(summary: BatchSizeSummary) -> str:
    share = summary.diverged_fraction
    return numbers.UNKNOWN if share is None else numbers.percent(share, 0)


# --- speed ------------------------------------------------------------------------------------


def speed(sweep: Sweep, analysis: Analysis) -> Grid:
    """How fast each batch size runs alone on this machine."""
    sizes = analysis.batch_sizes
    speeds = [size.speed for size in sizes]
    steps = [s.step_seconds if s else None for s in speeds]
    epochs = [s.epoch_seconds if s else None for s in speeds]
    step_unit, step_factor = numbers.time_unit(_known(steps))
    epoch_unit, epoch_factor = numbers.time_unit(_known(epochs))
    peaks = [s.peak_memory_bytes if s else None for s in speeds]
    peak_unit, peak_factor = numbers.byte_unit(peak for peak in peaks if peak)
    peak_sizes = [None if peak is None else peak / peak_factor for peak in peaks]
    peak_form = numbers.fixed(numbers.decimals(peak_sizes))
    columns = (
        _batch_size(analysis),
        _estimates("step", f"time per\niteration, {step_unit}", _scaled(steps, 1 / step_factor)),
        Column("throughput", "samples\nper second", tuple(_throughput(s) for s in speeds)),
        _estimates("epoch", f"time per\nepoch, {epoch_unit}", _scaled(epochs, 1 / epoch_factor)),
        Column("memory", f"peak\nmemory, {peak_unit}", tuple(peak_form(p) for p in peak_sizes)),
        *_status(sizes, [s is not None for s in speeds]),
    )
    return Grid(
        f"Speed: {places.timed_where(sweep, analysis)}",
        columns,
        shorten("epoch", "step") + drop("memory", "epoch", "step"),
        notes=places.interpolated(analysis),
        marked=_marked(analysis),
    )


def _throughput(speed: Speed | None) -> str:
    return numbers.UNKNOWN if speed is None else numbers.si(speed.samples_per_second.value)


# --- columns that several grids share ---------------------------------------------------------


def _batch_size(analysis: Analysis, below: Sequence[str] = ()) -> Column:
    marked = _marked(analysis)
    cells = [numbers.count(size.batch_size) for size in analysis.batch_sizes]
    if marked is not None:
        cells[marked] = f"{MARK} {cells[marked]}"
    grows = any(size.grows_to for size in analysis.batch_sizes)
    header = "batch size\nat start" if grows else "batch\nsize"
    return Column("batch_size", header, (*cells, *below))


def _marked(analysis: Analysis) -> int | None:
    if analysis.recommendation is None:
        return None
    sizes = [size.batch_size for size in analysis.batch_sizes]
    wanted = analysis.recommendation.batch_size
    return sizes.index(wanted) if wanted in sizes else None


def _counts(key: str, header: str, values: Iterable[int | None]) -> Column:
    return Column(key, header, tuple(numbers.count(value) for value in values))


def _estimates(
    key: str,
    header: str,
    quantities: Sequence[Estimate | None],
    form: numbers.Form | None = None,
    brief: str | None = None,
) -> Column:
    form = form or numbers.fixed(numbers.decimals(_known(quantities)))
    full = numbers.aligned(quantities, form)
    return Column(key, header, full, brief, numbers.aligned(quantities, form, intervals=False))


def _known(quantities: Iterable[Estimate | None]) -> list[float]:
    """Return the values, and for censored ones how far was looked."""
    found = [q.censored_at if q.value is None else q.value for q in quantities if q is not None]
    return [value for value in found if value is not None]


def _scaled(quantities: Iterable[Estimate | None], factor: float) -> list[Estimate | None]:
    return [None if q is None else q.scaled(factor) for q in quantities]


def _rates(
    rates: Sequence[tuple[float | None, bool | None]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write learning rates under one another, marking those at the edge of what was tried."""
    texts = numbers.aligned_at_point([numbers.learning_rate(rate) for rate, _ in rates])
    if not any(edge for _, edge in rates):
        return texts, ()
    marked = tuple(
        text.rstrip() + EDGE + " " * (len(text) - len(text.rstrip())) if edge else text + " "
        for text, (_, edge) in zip(texts, rates, strict=True)
    )
    return marked, (
        f"{EDGE} the lowest or highest learning rate tried: a better one may lie beyond",
    )


def _status(sizes: Sequence[BatchSizeSummary], known: Sequence[bool]) -> tuple[Column, ...]:
    """Say why a row is empty, if any is."""
    statuses = [size.status for size in sizes] + [""] * (len(known) - len(sizes))
    words = tuple(
        "" if there else phrases.status(status)
        for status, there in zip(statuses, known, strict=True)
    )
    return (Column("status", "", words, right=False),) if any(words) else ()
