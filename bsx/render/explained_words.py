"""The paragraphs of ``explain`` that say what words mean: epoch, target, rate, gap, interval."""

from __future__ import annotations

from bsx.render import numbers, phrases, rules
from bsx.schema import Analysis, BatchSizeSummary, Estimate, Metric, Sweep

_SPLITS = {"train": "those that it was trained on", "test": "the test samples"}


def shown_size(analysis: Analysis) -> BatchSizeSummary | None:
    """Return the size that serves as the example: the recommended one, else one in the middle."""
    rows = analysis.batch_sizes
    advice = analysis.recommendation
    if advice is not None:
        found = [row for row in rows if row.batch_size == advice.batch_size]
        if found:
            return found[0]
    able = [row for row in rows if row.status == "ok"] or list(rows)
    return able[len(able) // 2] if able else None


def of_an_epoch(sweep: Sweep, analysis: Analysis) -> str | None:
    """Say what batch, iteration and epoch are here."""
    row, samples = shown_size(analysis), sweep.facts.train_samples
    if row is None:
        return None
    size = numbers.count(row.batch_size)
    look = "looks at 1 of them" if row.batch_size == 1 else f"looks at {size} of them at a time"
    if not samples or row.steps_per_epoch is None:
        return (
            f"With batch size {size} the model {look.replace('of them', 'samples')}, takes the "
            "mean of what they say, and changes its weights once. That is one iteration, also "
            "called a step. An epoch is one pass over all training samples; how many there are "
            "is not known here."
        )
    text = (
        f"There are {numbers.count(samples)} training samples. With batch size {size} the model "
        f"{look}, takes the mean of what they say, and changes its weights once. That is one "
        f"iteration, also called a step. {_passes(row, samples)}"
    )
    if row.epochs is not None and row.steps is not None:
        text += (
            f" A run is {_times(row.steps, 'iteration')} long, which is "
            f"{numbers.significant(row.epochs)} epochs."
        )
    other = analysis.batch_sizes[0]
    if other.batch_size != row.batch_size and other.steps_per_epoch:
        text += (
            f" With batch size {numbers.count(other.batch_size)} an epoch has "
            f"{_times(other.steps_per_epoch, 'iteration')}: the same number of epochs is another "
            "number of iterations, so always say which of the two you mean."
        )
    return text


def _passes(row: BatchSizeSummary, samples: int) -> str:
    per_epoch = row.steps_per_epoch or 1
    if per_epoch == 1:
        return "One iteration sees all of them: it is a whole epoch, one pass over the data."
    text = f"{numbers.count(per_epoch)} iterations are an epoch, one pass over the data"
    seen = (per_epoch - 1) * row.batch_size + (row.last_batch or row.batch_size)
    if row.last_batch not in (None, row.batch_size):
        text += f"; the last batch of an epoch has {numbers.count(row.last_batch)} samples"
    if seen < samples:
        text += f", and {numbers.count(samples - seen)} are left out"
    return text + "."


def _times(number: int, noun: str) -> str:
    return f"{numbers.count(number)} {noun}{'s' * (number != 1)}"


def of_the_target(sweep: Sweep, analysis: Analysis) -> str | None:
    """Say what it means to reach the target."""
    if not analysis.targets:
        return None
    target = analysis.targets[0]
    chosen = {
        "auto": "This target was chosen from the results, as one that nearly all runs reach.",
        "user": "You set this target.",
    }
    more = "" if len(analysis.targets) == 1 else " (the first of several targets)"
    return (
        f"A run has arrived when its validation {phrases.goal(vars(target))}{more} "
        f"{_holds(sweep.config.confirm)}. Validation samples are set aside: the model is tested on "
        f"them again and again and never learns from them. {chosen.get(target.source, '')} "
        "Iterations, epochs, samples and time to the target are all counted up to that moment. "
        "A stricter target takes longer; `bsx show --target` asks for another one without "
        "training again."
    ).replace("  ", " ")


def _holds(confirm: int) -> str:
    if confirm == 1:
        return "holds for the first time"
    return f"holds {confirm} times in a row (--confirm), of which the first counts"


def of_the_rates(sweep: Sweep, analysis: Analysis) -> list[str]:
    """Say what the learning rate is, how it goes with the batch size, and whether a rule does."""
    rows = [row for row in analysis.batch_sizes if row.to_target and row.to_target[0].learning_rate]
    if not rows:
        return []
    first, last = rows[0], rows[-1]
    what = "The learning rate says how far one iteration moves the weights."
    tried = max(len(row.learning_rates) for row in rows)
    if tried < 2:
        return [f"{what} Here each batch size was trained with one, so that nothing was chosen."]
    text = (
        f"{what} Each batch size has its own best one, so up to {tried} were tried at each. "
        f"Fastest to the target was {_rate(first)} at batch size "
        f"{numbers.count(first.batch_size)}"
    )
    if last is first:
        text += "."
    elif _rate(last) == _rate(first):
        text += f", and the same at {numbers.count(last.batch_size)}."
    else:
        text += (
            f" and {_rate(last)} at {numbers.count(last.batch_size)}. Take batch size and learning "
            "rate together: with the other one's rate a size does not show what it can."
        )
    text += (
        " The best of many looks a little better than it is, because it was lucky too; that much "
        "is given back."
    )
    told = rules.sentences(analysis, reading=False)
    if told:
        told = [
            "People often scale the rate by a rule instead of tuning it. The linear rule doubles "
            "the rate when the batch doubles, the square-root rule multiplies it by 1.4. Here: "
            + " ".join(told)
        ]
    return [text, *told]


def _rate(row: BatchSizeSummary) -> str:
    return numbers.learning_rate(row.to_target[0].learning_rate)


def of_quality(sweep: Sweep, analysis: Analysis) -> list[str | None]:
    """Say where the runs end, what the generalization gap is, and what a guess would reach."""
    row = shown_size(analysis)
    final = row.final if row else None
    if row is None or final is None:
        return []
    metric = sweep.facts.metric_named(analysis.metric) or Metric(analysis.metric, True)
    name = phrases.clean(metric.name)
    ends = [
        f"{_value(found[metric.name], metric)} on {where}"
        for split, where in _SPLITS.items()
        if metric.name in (found := getattr(final, split))
    ]
    text = f"At the end of its runs batch size {numbers.count(row.batch_size)} has {name} "
    text += phrases.listed([f"{_value(final.validation.get(metric.name), metric)} on validation",
                            *ends])  # fmt: skip
    text += ". Everything is chosen on validation; the test samples decide nothing, and so say "
    text += "best how the model does on new ones."
    return [text, _gap(final.generalization_gap, metric), _guess(sweep, metric)]


def _gap(gap: Estimate | None, metric: Metric) -> str | None:
    if gap is None or gap.value is None:
        return None
    text = (
        f"The generalization gap, {_distance(gap, metric)}, is how much worse the model is "
        "on test than on what it was trained on: what it learned of those samples alone."
    )
    if gap.low is not None and gap.high is not None and gap.low <= 0 <= gap.high:
        text += " Its interval holds 0, so that no gap is shown."
    return text


def _guess(sweep: Sweep, metric: Metric) -> str | None:
    baseline = sweep.facts.baseline
    value = baseline.test.get(metric.name) if baseline else None
    if baseline is None or value is None:
        return None
    return (
        f"The baseline shows what needs no model at all ({phrases.clean(baseline.name)}): "
        f"{_value(Estimate(value), metric)} on test."
    )


def _value(estimate: Estimate | None, metric: Metric) -> str:
    if not metric.bounded:
        return numbers.estimate(estimate)
    value = estimate.value if estimate else None
    ends = numbers.interval(estimate, numbers.fixed(1, 100.0))
    return f"{numbers.percent(value)} {ends}".strip()


def _distance(gap: Estimate, metric: Metric) -> str:
    if not metric.bounded:
        return numbers.estimate(gap)
    form = numbers.fixed(1, 100.0)
    return f"{form(gap.value)} points {numbers.interval(gap, form)}".strip()


def of_intervals(sweep: Sweep, analysis: Analysis) -> str | None:
    """Say what an interval is, with one of this sweep."""
    row = shown_size(analysis)
    seeds = row.seeds if row else 0
    if row is None or not seeds:
        return None
    if seeds == 1:
        return (
            "Each run begins with weights drawn by chance and sees the samples in an order drawn "
            "by chance; the seed is what fixes both. Here there is one seed, so that nobody can "
            "say how much of a difference is luck: there are no intervals."
        )
    steps = row.to_target[0].steps if row.to_target else None
    example = _example(steps, row.batch_size)
    return (
        "Each run begins with weights drawn by chance and sees the samples in an order drawn by "
        f"chance; the seed is what fixes both. With {seeds} seeds the same training comes out "
        f"{seeds} times a little differently, and the interval says how sure the mean is. "
        f"{example}Repeat everything with new seeds, and about 95 of 100 such intervals hold the "
        "true value. Do not read a difference into two numbers that lie within one another's "
        "intervals. The same seeds are used at every batch size, so that luck which all share "
        "drops out where sizes are compared."
    )


def _example(steps: Estimate | None, batch_size: int) -> str:
    if steps is None or steps.value is None or steps.low is None or steps.high is None:
        return ""
    return (
        f"{numbers.estimate(steps, numbers.whole)} iterations at batch size "
        f"{numbers.count(batch_size)} means: {numbers.whole(steps.value)} by what was measured, "
        f"and anything from {numbers.whole(steps.low)} to {numbers.whole(steps.high)} would be no "
        "surprise. "
    )
