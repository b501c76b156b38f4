"""The paragraphs of ``explain`` that weigh: the recommended size, the critical one, the speed."""

from __future__ import annotations

from bsx.render import advice, compared, memory, numbers, phrases, targets, wording
from bsx.render.explained_words import shown_size
from bsx.schema import Analysis, BatchSizeSummary, Estimate, Recommendation, Sweep


def of_the_choice(sweep: Sweep, analysis: Analysis) -> list[str | None]:
    """Say which size is recommended and why, and what it takes against small and large ones."""
    chosen = analysis.recommendation
    if chosen is None:
        return [advice.no_recommendation(sweep, analysis)]
    rows = {row.batch_size: row for row in analysis.batch_sizes}
    row = rows.get(chosen.batch_size)
    told = [
        " ".join(
            [
                f"{advice.headline(analysis, chosen)}.",
                wording.reason(chosen, sweep.facts.metric),
                *advice.passed_over(chosen),
            ]
        )
    ]
    if row is None or not row.to_target:
        return [*told]
    others = [other for other in (analysis.batch_sizes[0], analysis.batch_sizes[-1])
              if other is not row and _known(other)]  # fmt: skip
    if not _known(row):
        return [*told]
    said = [f"As measured, it reached the target {_takes(row)}."]
    said += [_against(other, row, chosen) for other in others]
    told.append(" ".join([*said, *_by_the_curve(others, chosen)]))
    return [*told, _indifferent(chosen.indifferent)]


def _indifferent(sizes: tuple[int, ...]) -> str | None:
    if not sizes:
        return None
    return (
        f"{wording.sentence(phrases.batch_sizes(sizes))[:-1]} came so close that the difference "
        "may be chance: take one of them where that suits you better, say for its memory."
    )


def _known(row: BatchSizeSummary) -> bool:
    steps = row.to_target[0].steps if row.to_target else None
    return steps is not None and steps.value is not None


def _takes(row: BatchSizeSummary) -> str:
    entry = row.to_target[0]
    samples = numbers.estimate(entry.samples, numbers.whole)
    text = f"in {numbers.estimate(entry.steps, numbers.whole)} iterations"
    text += (
        f", having seen {samples} samples"
        if row.grows_to
        else f" of {numbers.count(row.batch_size)} samples, {samples} in all"
    )
    if entry.seconds is not None and entry.seconds.value is not None:
        text += f", in {_lasts(entry.seconds)}"
    return text


def _lasts(seconds: Estimate) -> str:
    """Write a length of time with its interval in the same unit."""
    if seconds.value is None or seconds.value <= 0:
        return numbers.UNKNOWN
    if seconds.value >= 60:
        return numbers.estimate(seconds, numbers.duration)
    units = numbers.TIME_UNITS
    name, unit = next((u for u in units if seconds.value >= u[1]), units[-1])
    return " ".join(
        part
        for part in (
            f"{numbers.significant(seconds.value / unit)} {name}",
            numbers.interval(seconds.scaled(1 / unit)),
        )
        if part
    )


def _against(other: BatchSizeSummary, row: BatchSizeSummary, chosen: Recommendation) -> str:
    which = "smallest" if other.batch_size < row.batch_size else "largest"
    first, second = other.to_target[0], row.to_target[0]
    text = f"Batch size {numbers.count(other.batch_size)}, the {which}, did so {_takes(other)}"
    slower, ends = _ratio(first.seconds, second.seconds), ""
    compared_by = None if compared.by_curve(chosen) else _relative_time(other, chosen)
    if compared_by is not None:  # the same ratio, with its interval, compared seed by seed
        slower, ends = compared_by.value, numbers.interval(compared_by, numbers.fixed(2))
    times = [
        f"{_times(part)} the {noun}"
        for noun, part in (
            ("iterations", _ratio(first.steps, second.steps)),
            ("samples", _ratio(first.samples, second.samples)),
            ("time", slower),
        )
        if part is not None
    ]
    return f"{text}: about {' '.join([phrases.listed(times), *([ends] if ends else [])])}."


def _by_the_curve(others: list[BatchSizeSummary], chosen: Recommendation) -> list[str]:
    """Say how the sizes compare in time by the fitted curve, if that is what they are compared by.

    It may differ from what was measured, whose luck the curve evens out.
    """
    told = [(other.batch_size, _relative_time(other, chosen)) for other in others]
    ratios = [
        f"× {numbers.estimate(ratio, numbers.fixed(2))} at batch size {numbers.count(size)}"
        for size, ratio in told
        if ratio is not None
    ]
    if not ratios or not compared.by_curve(chosen):
        return []
    return [
        f"By the fitted curve, by which sizes are compared, the time is {phrases.listed(ratios)}."
    ]


def _relative_time(other: BatchSizeSummary, chosen: Recommendation) -> Estimate | None:
    return chosen.relative_cost.get(other.batch_size) if chosen.objective == "time" else None


def _ratio(first: Estimate | None, second: Estimate | None) -> float | None:
    if first is None or second is None or first.value is None or not second.value:
        return None
    return first.value / second.value


def _times(ratio: float) -> str:
    return f"{numbers.significant(ratio, 2)} times"


def of_the_critical_size(analysis: Analysis) -> str | None:
    """Say what the critical batch size is and where the shown size lies."""
    if not analysis.targets:
        return None
    target, row = analysis.targets[0], shown_size(analysis)
    critical = target.critical_batch_size
    what = (
        "A batch averages the opinions of its samples. Small batches are noisy, so that doubling "
        "them halves the iterations; once the mean is sure enough, more samples change it no more."
    )
    if critical is None or critical.value is None:
        return f"{what} The critical batch size is where the one turns into the other. " + (
            targets.trade_off_sentence(target)
        )
    text = (
        f"{what} The critical batch size, here {numbers.estimate(critical, numbers.whole)}, is "
        "where the one turns into the other: there training takes twice the fewest iterations "
        "and twice the fewest samples that are possible."
    )
    regimes = targets.regimes_sentence(target)
    text += f" {regimes}" if regimes else ""
    least, fewest = (e.value if e else None for e in (target.min_steps, target.min_samples))
    if row is None or least is None or fewest is None:
        return text
    return (
        f"{text} By the fitted curve the fewest iterations are "
        f"{numbers.estimate(target.min_steps, numbers.whole)}, and the fewest samples "
        f"{numbers.estimate(target.min_samples, numbers.whole)}. "
        f"{_beside(row.batch_size, critical)} A larger one saves iterations, a smaller "
        "one saves samples, and so computation."
    )


def _beside(size: int, critical: Estimate) -> str:
    """Say what a size takes, as far as the critical one is known: both follow from its interval."""
    value, low, high = critical.value or 0.0, critical.low, critical.high
    share, steps = size / value, 1 + value / size
    times = numbers.estimate(
        Estimate(
            steps,
            None if low is None else 1 + low / size,
            None if high is None else 1 + high / size,
        ),
        _two,
    )
    samples = numbers.estimate(
        Estimate(
            1 + share,
            None if not high else 1 + size / high,
            None if not low else 1 + size / low,
        ),
        _two,
    )
    which = f"Batch size {numbers.count(size)}"
    if targets.vague(critical):
        side = "above" if high is not None and size > high else "below"
        if side == "above" or (low is not None and size < low):
            where = f"{which} lies {side} the critical one, however little else is known of it"
        else:
            where = f"{which} may lie below the critical one or above it, so little is that known"
    elif low is not None and high is not None and low <= size <= high:
        where = f"{which} lies within its interval, so that it may be below it or above it"
    else:
        where = f"{which} is {_times(share)} the critical one"
    return (
        f"{where}: it takes {times} times the fewest iterations and {samples} times the fewest "
        "samples."
    )


def _two(value: float | None) -> str:
    return numbers.significant(value, 2)


def of_speed(sweep: Sweep, analysis: Analysis) -> list[str | None]:
    """Say how the time of an iteration grows with the size, and how near the memory's end is."""
    timed = [row for row in analysis.batch_sizes if row.speed and row.speed.step_seconds.value]
    told: list[str | None] = []
    if len(timed) > 1:
        first, last = timed[0], timed[-1]
        one, other = (row.speed.step_seconds for row in (first, last) if row.speed)
        times = last.batch_size / first.batch_size
        where = "this machine" if analysis.speed_from is None else "the machine of the probe"
        told.append(
            f"An iteration takes {_lasts(one)} at batch size "
            f"{numbers.count(first.batch_size)} and {_lasts(other)} at "
            f"{numbers.count(last.batch_size)}: {numbers.significant(times)} times the samples in "
            f"about {_times((other.value or 0.0) / (one.value or 1.0))} the time. Large batches "
            "keep the machine busier, which is why the fewest samples are not the least time. "
            f"These times are true of {where} alone; the iterations are true of any."
        )
    return [*told, memory.headroom(sweep, analysis)]
