"""What a sweep advises, as text: the trade-off, the recommendation, and what other sizes cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bsx.render import numbers, phrases, sentences, wording
from bsx.render.grid import Column, Grid, drop
from bsx.schema import (
    Analysis,
    BatchSizeSummary,
    Estimate,
    Metric,
    Program,
    Recommendation,
    Sweep,
    TargetSummary,
)

# Reasons after which no other size was compared in cost.
_ALONE = frozenset({"only_best_admitted", "best_unsettled", "only_size"})
_AIMS = {"time": "time to the target", "steps": "iterations", "samples": "samples"}
_AIM_HEADERS = {"time": "time"}  # the others have a column of their own

# --- the trade-off ----------------------------------------------------------------------------


def trade_off(target: TargetSummary) -> list[tuple[str, str]]:
    """Return what was fitted to a target as (name with definition, value) pairs, if anything."""
    pairs = [
        ("critical batch size, E_min/S_min", _whole(target.critical_batch_size)),
        (_overhead(target), _whole(target.critical_batch_size_20)),
        ("fewest iterations, S_min", _whole(target.min_steps)),
        ("fewest samples, E_min", _whole(target.min_samples)),
    ]
    return pairs if any(value != numbers.UNKNOWN for _, value in pairs) else []


def _whole(quantity: Estimate | None) -> str:
    return numbers.estimate(quantity, numbers.whole)


def _overhead(target: TargetSummary) -> str:
    reference = target.reference_batch_size
    size = "the smallest" if reference is None else numbers.count(reference)
    return f"critical batch size, 20 % overhead from {size}"


def trade_off_sentence(target: TargetSummary) -> str:
    """Say what the critical batch size means here, or why there is none."""
    critical = target.critical_batch_size
    if critical is None or critical.value is None:
        why = sentences.no_fit(target.verdict, target.threshold)
        return f"The critical batch size cannot be determined: {why}."
    size = numbers.whole(critical.value)
    meaning = (
        f"At batch size {size} the target costs twice the fewest iterations and twice the fewest "
        f"samples. Well below {size}, doubling the batch size halves the iterations; well above "
        "it, doubling saves hardly any."
    )
    if target.critical_batch_size_20 is not None and target.reference_batch_size is not None:
        meaning += (
            " The 20 % overhead version is the largest size that needs no more than 20 % more "
            "iterations than perfect scaling from batch size "
            f"{numbers.count(target.reference_batch_size)} would."
        )
    return meaning


# --- the recommendation -----------------------------------------------------------------------


def headline(analysis: Analysis, recommendation: Recommendation) -> str:
    """Name the size to take, and its learning rate as it is to be typed."""
    text = f"Batch size {numbers.count(recommendation.batch_size)}"
    grown = {row.batch_size: row.grows_to for row in analysis.batch_sizes}
    largest = grown.get(recommendation.batch_size)
    text += f", growing to {numbers.count(largest)}" if largest else ""
    if recommendation.learning_rate is None:
        return text
    return f"{text}, learning rate {numbers.learning_rate(recommendation.learning_rate, 6)}"


def explanation(sweep: Sweep, analysis: Analysis, recommendation: Recommendation) -> list[str]:
    """Say why, which sizes cannot be told apart from the recommended one, and what its rate is."""
    reason = wording.reason(recommendation, sweep.facts.metric)
    lines = [reason]
    if recommendation.reason.code not in _ALONE:
        lines.append(_indifferent(analysis, recommendation))
    rate = _rate_at_end(analysis, recommendation)
    return [*lines, rate] if rate else lines


def _rate_at_end(analysis: Analysis, recommendation: Recommendation) -> str | None:
    """Say which rate ends best at the recommended size, where it is not the recommended one."""
    rows = {row.batch_size: row for row in analysis.batch_sizes}
    if recommendation.batch_size not in rows:
        return None
    final = rows[recommendation.batch_size].final
    if final is None or final.learning_rate in (None, recommendation.learning_rate):
        return None
    return (
        "This learning rate is the fastest to the target; at the end of the run, where quality is "
        f"judged, {numbers.learning_rate(final.learning_rate, 6)} is best at this size."
    )


def _indifferent(analysis: Analysis, recommendation: Recommendation) -> str:
    others = sorted(set(recommendation.indifferent) - {recommendation.batch_size})
    aim = _AIMS.get(recommendation.objective, phrases.spelled(recommendation.objective))
    if not others:
        return f"No other batch size comes so close in {aim} that it could not be told apart."
    text = f"In {aim} it cannot be told apart from {phrases.batch_sizes(others)}"
    smallest = min(*others, recommendation.batch_size)
    if smallest == recommendation.batch_size or any(row.grows_to for row in analysis.batch_sizes):
        return f"{text}."  # what grows needs the memory of what it grows to
    return f"{text}; the smallest of them, {numbers.count(smallest)}, needs the least memory."


def no_recommendation(sweep: Sweep, analysis: Analysis) -> str:
    """Say that, and why, no size is recommended."""
    reasons = [c for c in analysis.cautions if c.code == "no_recommendation"]
    if not reasons:
        return "No batch size can be recommended."
    return wording.sentence(wording.message(reasons[0], sweep.facts.metric))


# --- what another size costs ------------------------------------------------------------------


def costs(sweep: Sweep, analysis: Analysis) -> Grid | None:
    """Compare the recommended size with half and double of it, or its neighbours in the sweep."""
    recommendation = analysis.recommendation
    by_size = {summary.batch_size: summary for summary in analysis.batch_sizes}
    if recommendation is None or recommendation.batch_size not in by_size:
        return None
    chosen = by_size[recommendation.batch_size]
    others = [by_size[size] for size in _neighbours(chosen.batch_size, list(by_size))]
    if not others:
        return None
    metric = sweep.facts.metric_named(analysis.metric) or Metric(analysis.metric, True)
    columns = [Column("batch_size", "batch size", tuple(_name(o, chosen) for o in others))]
    if recommendation.objective in _AIM_HEADERS:
        costs = [recommendation.relative_cost.get(o.batch_size) for o in others]
        header = _AIM_HEADERS[recommendation.objective]
        columns.append(Column("cost", header, tuple(_ratio(_value(c), 1.0) for c in costs)))
        columns.append(Column("between", "between", tuple(map(_between, costs))))
    for key, header in (("steps", "iterations"), ("samples", "samples")):
        cells = tuple(_ratio(_need(o, key), _need(chosen, key)) for o in others)
        columns.append(Column(key, header, cells))
    quality = tuple(_difference(o, chosen, metric) for o in others)
    columns.append(Column("quality", f"validation {phrases.clean(metric.name)}", quality))
    memory = tuple(_ratio(_peak(o), _peak(chosen)) for o in others)
    columns.append(Column("memory", "memory", memory))
    told = tuple(c for c in columns if any(cell != numbers.UNKNOWN for cell in c.cells))
    title = f"Compared with batch size {numbers.count(chosen.batch_size)}:"
    return Grid(title, told, drop("memory", "between", "samples", "quality", "steps"))


def _neighbours(chosen: int, sizes: Sequence[int]) -> list[int]:
    below = [size for size in sizes if size < chosen]
    above = [size for size in sizes if size > chosen]
    half = chosen // 2 if chosen // 2 in below else max(below, default=None)
    double = chosen * 2 if chosen * 2 in above else min(above, default=None)
    return [size for size in (half, double) if size is not None]


def _name(other: BatchSizeSummary, chosen: BatchSizeSummary) -> str:
    size = numbers.count(other.batch_size)
    if other.batch_size * 2 == chosen.batch_size:
        return f"half, {size}"
    return f"double, {size}" if other.batch_size == chosen.batch_size * 2 else size


def _need(summary: BatchSizeSummary, key: str) -> float | None:
    quantity: Estimate | None = getattr(summary.to_target[0], key) if summary.to_target else None
    return quantity.value if quantity else None


def _peak(summary: BatchSizeSummary) -> float | None:
    return summary.speed.peak_memory_bytes if summary.speed else None


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


def _between(ratio: Estimate | None) -> str:
    if ratio is None or ratio.low is None or ratio.high is None:
        return numbers.UNKNOWN
    if numbers.is_vague(ratio):
        return f"n = {ratio.n}"
    return f"{ratio.low:.2f}–{ratio.high:.2f}"


def _ratio(other: float | None, chosen: float | None) -> str:
    if other is None or not chosen:
        return numbers.UNKNOWN
    return f"× {other / chosen:.2f}"


def _difference(other: BatchSizeSummary, chosen: BatchSizeSummary, metric: Metric) -> str:
    values = []
    for summary in (other, chosen):
        quantity = summary.final.validation.get(metric.name) if summary.final else None
        if quantity is None or quantity.value is None:
            return numbers.UNKNOWN
        values.append(quantity.value)
    difference = values[0] - values[1]
    if not metric.bounded:
        return _signed(f"{difference:+.3g}")
    return f"{_signed(f'{100 * difference:+.1f}')} points"


def _signed(text: str) -> str:
    return text.lstrip("+-") if not float(text) else text.replace("-", "−")


# --- what was trained -------------------------------------------------------------------------


def trained(sweep: Sweep) -> list[tuple[str, str]]:
    """Say what was trained, on what, and for how long, as (name, text) pairs."""
    config, facts = sweep.config, sweep.facts
    if config.command is not None and config.command.program.elsewhere:
        return _trained_elsewhere(sweep)
    if config.command is not None:
        return _trained_by_program(sweep, config.command.program)
    lines = [
        ("data", _data(sweep)),
        ("model", f"{_ingredient(config.model)}, {numbers.count(facts.parameters)} parameters"),
        ("optimizer", f"{_ingredient(config.optimizer)}, {_rates(sweep)}"),
        ("seeds", _seeds(config.seeds)),
        ("budget", _budget(sweep)),
    ]
    if sweep.status != "complete":
        lines.append(("status", phrases.sweep_status(sweep.status)))
    return lines


def _trained_by_program(sweep: Sweep, program: Program) -> list[tuple[str, str]]:
    rates = _rates(sweep) if program.takes_rate else "learning rate the program's own"
    lines = [
        ("command", phrases.clean(program.text)),
        ("data", f"{numbers.count(program.train_samples)} training samples"),
        ("rate", rates),
        ("seeds", _seeds(sweep.config.seeds)),
        ("budget", _budget(sweep) if program.takes_length else "the program's own"),
    ]
    if sweep.status != "complete":
        lines.append(("status", phrases.sweep_status(sweep.status)))
    return lines


def _trained_elsewhere(sweep: Sweep) -> list[tuple[str, str]]:
    config, facts = sweep.config, sweep.facts
    better = "higher" if facts.metric.higher_is_better else "lower"
    samples = (
        f"{numbers.count(facts.train_samples)} training samples"
        if facts.train_samples
        else "how many samples is not told, so nothing is said of epochs (--train-samples)"
    )
    values = config.learning_rates.values
    shown = ", ".join(numbers.learning_rate(value, 6) for value in values[:12])
    shown += f" and {len(values) - 12} more" if len(values) > 12 else ""
    return [
        ("metric", f"{phrases.clean(facts.metric.name)} on validation, {better} is better"),
        ("data", samples),
        ("rates", shown or "not told"),
        ("seeds", str(config.seeds)),
    ]


def title(sweep: Sweep) -> str:
    """Name a sweep, as the heading above all that is said of it."""
    command = sweep.config.command
    if command is not None and command.program.elsewhere:
        return f"Curves of {phrases.clean(command.program.text)}"
    return f"Sweep {sweep.sweep_id}"


def _ingredient(ingredient: object) -> str:
    named = dataclasses.asdict(ingredient)  # type: ignore[call-overload]
    args = ", ".join(f"{key}={_argument(value)}" for key, value in named["args"].items())
    return phrases.clean(f"{named['name']} ({args})" if args else named["name"])


def _argument(value: object) -> str:
    return "×".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _data(sweep: Sweep) -> str:
    facts = sweep.facts
    splits = (
        f"{numbers.count(facts.train_samples)} training, "
        f"{numbers.count(facts.validation_samples)} validation and "
        f"{numbers.count(facts.test_samples)} test samples"
    )
    shape = " × ".join(map(str, facts.input_shape)) or "1"
    classes = f", {numbers.count(facts.classes)} classes" if facts.classes else ""
    name = _ingredient(dataclasses.replace(sweep.config.dataset, name=facts.dataset_name))
    return f"{name}: {splits} of {shape}{classes}"


def _rates(sweep: Sweep) -> str:
    rates = sweep.config.learning_rates
    values = ", ".join(numbers.learning_rate(value, 6) for value in rates.values)
    base = f" from batch size {rates.base_batch_size}" if rates.base_batch_size else ""
    if rates.mode == "fixed":
        how = f"learning rate {values}"
    elif rates.mode == "grid":
        how = f"learning rate the best of {values}"
    else:
        how = "learning rate tuned"
    if rates.rule == "tuned":
        return how if rates.mode == "fixed" else f"{how} at each batch size"
    if rates.rule == "none":
        return f"{how}, the same at each batch size"
    return f"{how}, {phrases.clean(rates.rule)} rule{base}"


def _seeds(seeds: int) -> str:
    return "1" if seeds == 1 else f"{seeds}, the same at each batch size"


def _budget(sweep: Sweep) -> str:
    budget = sweep.config.budget
    limits = []
    if budget.epochs is not None:
        limits.append(f"{numbers.significant(budget.epochs)} epochs")
    if budget.steps is not None:
        limits.append(f"{numbers.count(budget.steps)} iterations")
    if budget.samples_seen is not None:
        limits.append(f"{numbers.count(budget.samples_seen)} samples seen")
    text = " or ".join(limits) + (", whichever comes first" if len(limits) > 1 else "")
    if budget.min_steps is None:
        return text or "the default"
    floor = f"at least {numbers.count(budget.min_steps)} iterations"
    return f"{text}, but {floor}" if text else floor
