"""What the tables of a sweep say: titles, headers and cells, before anything is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bsx.render import (
    diagnostic_grids,
    numbers,
    phrases,
    places,
    rules,
    searched,
    targets,
)
from bsx.render.columns import (
    MARK,
    count_column,
    estimates,
    marked_row,
    rate_cells,
    scaled,
    size_column,
    status_columns,
    values_of,
)
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
_MANY_MORE = 1.05  # times the samples that are seen: from there on it is said how they are counted


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
    found += diagnostic_grids.grids(sweep, analysis)
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
        size_column(analysis),
        *_growth(sizes),
        count_column("per_epoch", "iterations\nper epoch", (s.steps_per_epoch for s in sizes)),
        count_column("last", "last\nbatch", (s.last_batch for s in sizes)),
        count_column("steps", "iterations\nin the run", (s.steps for s in sizes)),
        Column("epochs", "epochs\nin the run", tuple(form(e) for e in epochs), "epochs"),
        count_column("samples", "samples\nseen", (_samples_seen(s) for s in sizes)),
    )
    return Grid(
        "Arithmetic: what each batch size amounts to",
        columns,
        shorten("epochs") + drop("last", "samples", "epochs", "per_epoch"),
        notes=() if marked_row(analysis) is None else (f"{MARK} recommended",),
        marked=marked_row(analysis),
    )


def _samples_seen(summary: BatchSizeSummary) -> int | None:
    if summary.steps is None:
        return None
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
    return (count_column("grows_to", "grows\nto", (s.grows_to or s.batch_size for s in sizes)),)


def _at_the(analysis: Analysis, begin: str, which: str) -> str:
    """Say which rate or trial the runs are of; nothing where no rate is known."""
    sizes = analysis.batch_sizes
    if any(size.trials for size in sizes):
        return f"{begin} trial {which}"
    known = any(rate.learning_rate is not None for size in sizes for rate in size.learning_rates)
    return f"{begin} learning rate {which}" if known else ""


# --- convergence ------------------------------------------------------------------------------


def convergence(analysis: Analysis, number: int = 0, confirm: int = 1) -> Grid:
    """What each batch size needs to reach target ``number``, at the rate fastest to it.

    ``confirm``: for how many evaluations in a row it must hold.
    """
    target = analysis.targets[number]
    sizes = analysis.batch_sizes
    entries = [s.to_target[number] if number < len(s.to_target) else None for s in sizes]
    rates, edge_notes = rate_cells(
        [(e.learning_rate, e.learning_rate_at_edge) if e else (None, None) for e in entries]
    )
    seconds = [e.seconds if e else None for e in entries]
    unit, factor = numbers.time_unit(values_of(seconds))
    reached = tuple(_reached(s, e) for s, e in zip(sizes, entries, strict=True))
    columns = (
        size_column(analysis),
        Column("rate", "learning\nrate", rates),
        estimates("steps", "iterations", [e.steps if e else None for e in entries], numbers.whole),
        estimates("epochs", "epochs", [e.epochs if e else None for e in entries]),
        estimates("samples", "samples", [e.samples if e else None for e in entries], numbers.whole),
        estimates("seconds", f"time, {unit}", scaled(seconds, 1 / factor)),
        Column("reached", "seeds that\nreached it", reached, "seeds"),
        *((targets.of_mean_curve(entries),) if confirm > 1 else ()),
    )
    held = "" if confirm == 1 else f" {confirm} evaluations in a row"
    counted = _counted_note(sizes, entries)
    return Grid(
        f"Convergence: to validation {phrases.goal(vars(target))}{held}"
        + _at_the(analysis, ", at the", "fastest to it"),
        columns,
        shorten("samples", "epochs", "reached")
        + drop("samples", "mean")
        + shorten("seconds")
        + drop("epochs", "rate")
        + shorten("steps")
        + drop("seconds"),
        notes=(*_censored_note(entries), *edge_notes, *counted),
        hints=rules.hint(sizes),
        of_columns=(
            *(("rate", note) for note in edge_notes),
            *(("samples", note) for note in counted),
        ),
        marked=marked_row(analysis),
    )


def _reached(summary: BatchSizeSummary, entry: ToTarget | None) -> str:
    if summary.status not in ("ok", "censored"):
        return phrases.status(summary.status)
    if entry is None or entry.reached_fraction is None:
        return phrases.status(summary.status) or numbers.UNKNOWN
    return f"{round(entry.reached_fraction * summary.seeds)} of {summary.seeds}"


def _counted_note(
    sizes: Sequence[BatchSizeSummary], entries: Sequence[ToTarget | None]
) -> tuple[str, ...]:
    """Say how samples are counted, where the last batch of an epoch holds far fewer than others."""
    for size, entry in zip(sizes, entries, strict=True):
        per_epoch, last = size.steps_per_epoch, size.last_batch
        if per_epoch is None or last is None or entry is None or entry.samples is None:
            continue
        seen = (per_epoch - 1) * size.batch_size + last
        if per_epoch * size.batch_size > _MANY_MORE * seen:
            return (
                "samples: batch size × iterations, as the trade-off counts them; where the last "
                "batch of an epoch is smaller, fewer are seen",
            )
    return ()


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
    rates, edge_notes = rate_cells(
        [(f.learning_rate, f.learning_rate_at_edge) if f else (None, None) for f in finals]
    )
    diverged = [*map(_diverged, sizes), *(numbers.UNKNOWN for _ in below)]
    columns = (
        size_column(analysis, below),
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
        estimates(
            "best", "best epoch", [f.best_epoch if f else None for f in finals], brief="best\nepoch"
        ),
        Column("diverged", "runs that\ndiverged", tuple(diverged), "diverged"),
        *status_columns(sizes, known),
    )
    unit = ", %" if metric.bounded else ""
    return Grid(
        f"Quality: {phrases.clean(metric.name)}{unit}, at the end of the run"
        + _at_the(analysis, " with the", "best there"),
        columns,
        shorten("best", "diverged", "gap", "train")
        + drop("diverged", "best", *(() if _at_another_rate(analysis) else ("rate",)))
        + drop("gap")
        + shorten("test")
        + drop("train", "rate", "test")
        + shorten("validation"),  # it decides
        notes=(*_baseline_note(baseline), *_units_note(sweep.facts, metric), *edge_notes),
        of_columns=tuple(("rate", note) for note in edge_notes),
        marked=marked_row(analysis),
    )


def _at_another_rate(analysis: Analysis) -> bool:
    """Whether quality is told at another rate than the recommended one of the size."""
    row, taken = marked_row(analysis), analysis.recommendation
    final = None if row is None else analysis.batch_sizes[row].final
    if taken is None or final is None:
        return False
    return (final.learning_rate, final.tuned) != (taken.learning_rate, taken.tuned)


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
        form = numbers.fixed(numbers.decimals(values_of(quantities), most=6))  # errors may be small
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
    step_unit, step_factor = numbers.time_unit(values_of(steps))
    epoch_unit, epoch_factor = numbers.time_unit(values_of(epochs))
    peaks = [s.peak_memory_bytes if s else None for s in speeds]
    peak_unit, peak_factor = numbers.byte_unit(peak for peak in peaks if peak)
    peak_sizes = [None if peak is None else peak / peak_factor for peak in peaks]
    peak_form = numbers.fixed(numbers.decimals(peak_sizes))
    energy = [s.sample_joules.scaled(1000) if s and s.sample_joules else None for s in speeds]
    columns = (
        size_column(analysis),
        estimates("step", f"time per\niteration, {step_unit}", scaled(steps, 1 / step_factor)),
        Column("throughput", "samples\nper second", tuple(_throughput(s) for s in speeds)),
        estimates("epoch", f"time per\nepoch, {epoch_unit}", scaled(epochs, 1 / epoch_factor)),
        Column("memory", f"peak\nmemory, {peak_unit}", tuple(peak_form(p) for p in peak_sizes)),
        *([estimates("energy", "energy per\nsample, mJ", energy)] if any(energy) else []),
        *status_columns(sizes, [s is not None for s in speeds]),
    )
    return Grid(
        f"Speed: {places.timed_where(sweep, analysis)}",
        columns,
        shorten("epoch", "step", "energy") + drop("memory", "energy", "epoch", "step"),
        notes=places.interpolated(analysis),
        marked=marked_row(analysis),
    )


def _throughput(speed: Speed | None) -> str:
    return numbers.UNKNOWN if speed is None else numbers.si(speed.samples_per_second.value)


# --- columns that several grids share ---------------------------------------------------------
